"""A mock as one API key has it: the helpers that tests are written with."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from mockserver.contract.reading import yaml12
from mockserver.data import data
from mockserver.testing.control import Calls, UnknownError
from mockserver.testing.records import Credits, Delivery, Event, Recorded, Task, TaskCallbacks

_MOST = 1_000
"""How many records the control API lists at once."""
_RULE = ("when", "skip", "times", "chance")
_KEY = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_Record = TypeVar("_Record")


class MockTenant:
    """What one API key did, has and is in for. Other keys of the same mock are other worlds, without a trace here.

    Its time is the mock's until it is moved: then the key has a clock of its own, and no other key notices.
    """

    def __init__(self, control: Callable[[], Calls], key: str) -> None:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValueError(f"key: received {key!r}; allowed: ASCII without a blank at an end")
        self.key = key
        self._others: list[MockTenant] = []
        self._connect = control
        self._scripts = 0

    @property
    def url(self) -> str:
        """The base URL for the client under test."""
        return self._control.url

    @property
    def headers(self) -> dict[str, str]:
        """The header that makes a request this key's."""
        return {"authorization": f"Bearer {self.key}"}

    def as_key(self, key: str) -> "MockTenant":
        """The same mock as another key has it."""
        self._others.append(MockTenant(self._connect, key))
        return self._others[-1]

    # --- the control API as it is

    def get(self, path: str, **parameters: Any) -> Any:
        """What a GET below /_mock answers, for all keys unless `key=` says otherwise. Raises ControlError."""
        return self._control.call("GET", path, **parameters)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        return self._control.call("POST", path, body, **parameters)

    def put(self, path: str, body: Any, **parameters: Any) -> Any:
        return self._control.call("PUT", path, body, **parameters)

    def delete(self, path: str, **parameters: Any) -> Any:
        return self._control.call("DELETE", path, **parameters)

    # --- time

    @property
    def now_ms(self) -> int:
        """What the key's clock shows, in milliseconds since the Unix epoch."""
        return int(self.get("/clock", **self._whose)["now_ms"])

    def own_clock(self, mode: str = "manual", **how: float) -> Self:
        """Give the key a clock of its own: "manual", "polls" (`poll_step_ms=`), "real" (`speed=`); "server" gives it
        back. A key that has done nothing yet begins, unless its clock is real, at 1757169743 s."""
        self.put("/clock", {"mode": mode, **how}, key=self.key)
        return self

    def advance(self, *, seconds: float) -> list[Event]:
        """Let this much of the key's time pass. Returns what fired once every delivery in it has settled."""
        if not math.isfinite(seconds):
            raise ValueError(
                f"seconds: received {seconds}; allowed: a finite number; run_until_idle() goes to the end"
            )
        return self._advance({"ms": round(seconds * 1000)})

    def advance_to_next(self) -> list[Event]:
        """Go to the moment at which something happens next; nothing fires where nothing is due."""
        return self._advance({"to_next": True})

    def run_until_idle(self) -> list[Event]:
        """Go on until every task has ended and every callback is delivered or given up."""
        return self._advance({"until_idle": True})

    # --- tasks

    @property
    def tasks(self) -> tuple[Task, ...]:
        """This key's tasks, oldest first; the last 1000."""
        return _records(tuple[Task, ...], self.get("/tasks", key=self.key, limit=_MOST)["tasks"][::-1])

    def task(self, task_id: str) -> Task:
        """One task. Raises UnknownError, a LookupError, where this key has none of that id."""
        like = self.get("/tasks", key=self.key, search=task_id)["tasks"]
        found = next((task for task in _records(tuple[Task, ...], like) if task.id == task_id), None)
        if found is None:
            known = ", ".join(task.id for task in self.tasks[-3:]) or "none"
            raise UnknownError(404, "task_not_found", f"no task {task_id!r} of this key; its newest: {known}")
        return found

    def complete(self, task_id: str) -> Task:
        """End a task well, now. Raises UnknownError, or ControlError where it has ended."""
        return self._steer(task_id, "complete")

    def fail(self, task_id: str, *, code: str = "service_error", message: str | None = None) -> Task:
        """Fail a task now, with one of the API's failure codes."""
        told = {} if message is None else {"message": message}
        return self._steer(task_id, "fail", {"code": code, **told})

    def cancel(self, task_id: str) -> Task:
        """Cancel a task now, as nobody can over the API."""
        return self._steer(task_id, "cancel")

    # --- callbacks

    @property
    def callbacks(self) -> "Callbacks":
        """This key's callbacks with every attempt."""
        return Callbacks(self)

    # --- money

    @property
    def credits(self) -> Credits:
        """The user's balance: granted, available, reserved, charged."""
        user = self.get("/ledger", key=self.key)["accounts"][0]["user"]
        return Credits(user["granted"], user["available"], user["reserved"], user["charged"])

    def account(self, **changes: Any) -> Credits:
        """Change the account; what is not named stays. Returns the new balance.

        `credits`, `token_credits`, `user_group`, `models`, `state` ("active", "expired"), `requests_per_minute`,
        `concurrent_tasks`; see AccountChange in openapi/control.yaml.
        """
        self.put(f"/accounts/{quote(self.key, safe='')}", changes)
        return self.credits

    # --- scenarios

    def scenario(self, what: str | Path | dict[str, Any]) -> Self:
        """Put a scenario in force for this key: a ready one by name, one in a file, or as a dict.

        Raises LookupError with the names there are, or ControlError with the place that is wrong.
        """
        written = what if isinstance(what, dict) else yaml12.read(_file(what).read_bytes())
        self.post("/scenarios", written, key=self.key)
        return self

    def script(self, **rule: Any) -> Self:
        """Put one rule in force for this key: `script(times=2, answer={"status": 429, "retry_after": 3})`.

        `when`, `skip`, `times`, `chance` say to which requests it applies, the rest what then happens (see Effect in
        openapi/control.yaml). The rules apply in the order in which they were given.
        """
        self._scripts += 1
        then = {name: value for name, value in rule.items() if name not in _RULE}
        told = {name: value for name, value in rule.items() if name in _RULE}
        return self.scenario({"name": f"script-{self._scripts}", "rules": [{**told, "then": then}]})

    # --- the journal

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """The requests that came with this key, oldest first; the last 1000."""
        return _records(tuple[Recorded, ...], self.get("/requests", key=self.key, limit=_MOST)["requests"])

    def verify(self, **expected: Any) -> int:
        """Assert that such a request came: `verify(method="POST", body={"prompt": "Let it snow"}, count=1)`.

        `method`, `path`, `headers`, `body`, `status` are compared, objects by the members given; `count`, `at_least`,
        `at_most` say how often, else once or more. Returns how many fitted. AssertionError tells the nearest miss.
        """
        answer = self.post("/requests/verify", {**expected, "key": self.key})
        if not answer["verified"]:
            raise AssertionError(_missed(expected, answer))
        return int(answer["matched"])

    def reset(self) -> None:
        """Forget all of this key: account, tasks, callbacks, scenarios, requests. A clock of its own stays its own,
        and starts again unless it is real."""
        self.post("/reset", {"key": self.key})

    def forget(self) -> None:
        """Leave no trace of this key: as reset, and its clock is given back too."""
        self.reset()
        self.own_clock("server")
        self.reset()

    def forget_all(self) -> None:
        """Leave no trace of this key, nor of any that was reached from it by `as_key`."""
        self.forget()
        for other in self._others:
            other.forget_all()
        self._others.clear()

    # --- steps

    @property
    def _control(self) -> Calls:
        return self._connect()

    @property
    def _whose(self) -> dict[str, str]:
        """The parameter that says whose clock is meant."""
        return {"key": self.key}

    def _advance(self, how: dict[str, Any]) -> list[Event]:
        return _records(list[Event], self.post("/clock/advance", how, **self._whose)["fired"])

    def _steer(self, task_id: str, how: str, body: Any = None) -> Task:
        self.task(task_id)
        return _records(Task, self.post(f"/tasks/{task_id}/{how}", body))


class Callbacks:
    """The callbacks of one key."""

    def __init__(self, tenant: MockTenant) -> None:
        self._tenant = tenant

    def all(self) -> tuple[Delivery, ...]:
        """Every delivery, in the order in which the tasks ended; at most 1000."""
        return self._listed()

    def for_task(self, task_id: str) -> TaskCallbacks:
        """What was sent for one task. Raises UnknownError where this key has none of that id."""
        self._tenant.task(task_id)
        return TaskCallbacks(self._listed(task_id=task_id))

    def replay(self, task_id: str) -> TaskCallbacks:
        """Send a task's callback once more, with all its retries."""
        for delivery in self.for_task(task_id).deliveries:
            self._tenant.post(f"/callbacks/{delivery.id}/replay")
        return self.for_task(task_id)

    def _listed(self, **which: str) -> tuple[Delivery, ...]:
        listed = self._tenant.get("/callbacks", key=self._tenant.key, limit=_MOST, **which)["callbacks"]
        return _records(tuple[Delivery, ...], listed)


def scenario_file(name: str) -> Path:
    """A ready scenario by its name. Raises LookupError with the names there are."""
    folder = data("fixtures", "scenarios")
    file = folder / f"{name}.yaml"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise LookupError(f"no scenario {name!r}; there are {', '.join(names)}")
    return file


def _file(what: str | Path) -> Path:
    return what if isinstance(what, Path) else scenario_file(what)


def _records(kind: type[_Record], told: Any) -> _Record:
    return msgspec.convert(told, kind)


def _missed(expected: dict[str, Any], answer: dict[str, Any]) -> str:
    """Why a verification failed, in the words of a test report."""
    lines = [f"{answer['matched']} requests fitted {expected}"]
    if "nearest" in answer:
        nearest = answer["nearest"]["request"]
        lines.append(f"nearest: {nearest['method']} {nearest['path']} -> {nearest['status']}, but")
        lines += [
            f"  {one['place']}: expected {one['expected']!r}, received {one['received']!r}"
            for one in answer["nearest"]["differences"]
        ]
    elif not answer["matched"] and not answer.get("forgotten"):
        lines.append("no request came with this key at all")
    if "forgotten" in answer:
        lines.append(f"{answer['forgotten']} older requests of this key are forgotten: see --max-journal-entries")
    return "\n".join(lines)
