"""The control API of a mock, over HTTP like everything else. A server without one is judged in real time."""

import time
from collections.abc import Iterable
from typing import Any, Protocol

import httpx


class Time(Protocol):
    """What makes time pass for the server."""

    def let_pass(self, seconds: float) -> None: ...


class RealTime:
    """A server whose clock nobody moves: waiting is all there is."""

    def let_pass(self, seconds: float) -> None:
        time.sleep(seconds)


class Control:
    """A mock's `/_mock`. Holds the clock still during the run, and gives it back as it was."""

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
            told = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None
        return told if isinstance(told, dict) and told.get("status") == "ok" and "now_ms" in told else None

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
            self.call("PUT", "/clock", {"mode": self._before["mode"], "speed": self._before["speed"]})
        except httpx.HTTPError:
            """It is gone: there is nothing left to restore."""

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Raises httpx.HTTPStatusError where the mock refuses."""
        answer = self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    def _tenants(self) -> set[str]:
        return {str(one["tenant"]) for one in self.call("GET", "/ledger")["accounts"]}

    def now_s(self) -> float:
        """Unix seconds on the mock's clock."""
        return float(self.call("GET", "/clock")["now_ms"]) / 1000

    def let_pass(self, seconds: float) -> None:
        self.call("POST", "/clock/advance", {"ms": round(seconds * 1000)})

    def to_next(self) -> None:
        """To the next thing that is due, and no further."""
        self.call("POST", "/clock/advance", {"to_next": True})

    def end(self, task_id: str, how: str, code: str | None = None) -> int:
        """Complete, fail or cancel a task now. The status: 200, or 409 if it has ended before."""
        body = {"code": code} if code else None
        return self._client.post(f"/tasks/{task_id}/{how}", json=body).status_code

    def account(self, key: str, **changes: Any) -> None:
        self.call("PUT", f"/accounts/{key}", changes)
