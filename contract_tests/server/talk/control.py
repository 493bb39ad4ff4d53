"""The control API of a mock, over HTTP like everything else. A server without one is judged in real time."""

import time
from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from contract_tests.server.talk import reading


class ControlError(Exception):
    """The control API does not answer as one; says how."""


class Time(Protocol):
    """What makes time pass for the server."""

    def let_pass(self, seconds: float) -> None: ...


class RealTime:
    """A server whose clock nobody moves: waiting is all there is."""

    def let_pass(self, seconds: float) -> None:
        time.sleep(seconds)


class Control:
    """A mock's `/_mock`. Holds the clock still during the run, and gives it back as it was. Raises ControlError."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # An advance answers only when deliveries have settled, and a receiver may hang for 10 s on each attempt.
        self._client = httpx.Client(base_url=f"{url}/_mock", headers=headers, timeout=timeout_s + 60, trust_env=False)
        self._before: dict[str, Any] = {}
        self._others: set[str] = set()

    def health(self) -> dict[str, Any] | None:
        """What runs there; None where no mock answers."""
        try:
            answer = self._client.get("/health")
        except httpx.HTTPError:
            return None
        told = reading.fields(reading.parsed(answer.text)[0] if answer.status_code == 200 else None)
        is_mock = told.get("status") == "ok" and reading.whole(told.get("now_ms")) is not None
        return told if is_mock else None

    def hold_clock(self) -> None:
        self._before = self.call("GET", "/clock")
        self._others = self._tenants()
        self.call("PUT", "/clock", {"mode": "manual"})

    def give_back(self, keys: Iterable[str]) -> None:
        """Forget the tenants of the run and let the clock go on as before, if the server still answers.

        The schema layer makes up keys too: whoever was not there at the beginning belongs to the run.
        """
        try:
            for key in {*keys, *self._tenants()} - self._others:
                self.call("POST", "/reset", {"key": key})
            self.call("PUT", "/clock", {name: self._before.get(name) for name in ("mode", "speed")})
        except ControlError:
            """It is gone: there is nothing left to restore."""

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One call and the object that it answers."""
        status, told = self._asked(method, path, body)
        if not 200 <= status < 300 or not isinstance(told, dict):
            raise ControlError(f"{method} /_mock{path} answered {status} {reading.shown(told)}")
        return told

    def _asked(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        try:
            answer = self._client.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ControlError(f"{method} /_mock{path}: {type(error).__name__} {error}") from error
        return answer.status_code, reading.parsed(answer.text)[0]

    def _tenants(self) -> set[str]:
        accounts = reading.listed(self.call("GET", "/ledger").get("accounts"))
        return {str(reading.at(one, "tenant")) for one in accounts}

    def now_s(self) -> float:
        """Unix seconds on the mock's clock."""
        now_ms = reading.whole(self.call("GET", "/clock").get("now_ms"))
        if now_ms is None:
            raise ControlError("GET /_mock/clock answered without now_ms")
        return now_ms / 1000

    def let_pass(self, seconds: float) -> None:
        self.call("POST", "/clock/advance", {"ms": round(seconds * 1000)})

    def to_next(self) -> None:
        """To the next thing that is due, and no further."""
        self.call("POST", "/clock/advance", {"to_next": True})

    def end(self, task_id: str, how: str, code: str | None = None) -> int:
        """Complete, fail or cancel a task now. The status: 200, or 409 if it has ended before."""
        body = {"code": code} if code else None
        return self._asked("POST", f"/tasks/{quote(task_id, safe='')}/{how}", body)[0]

    def account(self, key: str, **changes: Any) -> None:
        self.call("PUT", f"/accounts/{quote(key, safe='')}", changes)
