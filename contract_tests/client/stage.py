"""A fake made ready for one case after the other, and what it saw of each."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from contract_tests.client.behaviour import Behaviour
from contract_tests.client.journal import Entry, entry_of
from contract_tests.client.run import REAL, VIRTUAL, Ending, Pace, Run
from mockserver.testing import MockServer

TASK_S = 2.0
"""How long a task takes unless the behaviour says otherwise: two queries, where queries move the clock."""
MEDIA_HOST = "localhost"
"""Results lie on another host than the API (127.0.0.1), as they do in reality."""
_JOURNAL = 1_000


@dataclass(frozen=True, slots=True)
class Time:
    """What moves the fake's clock, as `PUT /_mock/clock` takes it, and on which clock the client's sleeping shows."""

    clock: dict[str, Any]
    pace: Pace
    virtual: bool = False


POLLS = Time({"mode": "polls", "poll_step_ms": 1_000}, REAL)
STEPS = Time({"mode": "polls", "poll_step_ms": 50}, VIRTUAL, virtual=True)
"""For a client whose sleeping moves the clock. A query moves it a little too, so that nothing stands still."""


def scaled(speed: float) -> Time:
    """The fake's clock runs by itself, this many times as fast as real time."""
    return Time({"mode": "real", "speed": speed}, REAL)


class Stage:
    """One fake. Between `set_up` and `seen` one client plays one case.

    `intercept`: programs started with `variables` reach it at the live hosts, and no other host.
    """

    def __init__(self, profile: str, seed: int, moved_by: Time, *, intercept: bool = False) -> None:
        self.time, self._intercept = moved_by, intercept
        self._running = ExitStack()
        self.variables: Mapping[str, str] = os.environ
        self.mock = MockServer(profile=profile, seed=seed, task_seconds=TASK_S, media_host=MEDIA_HOST)

    def __enter__(self) -> Self:
        with ExitStack() as running:
            running.enter_context(self.mock)
            self.mock.put("/clock", self.time.clock)
            if self._intercept:
                self.variables = running.enter_context(self.mock.intercepted())
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def set_up(self, behaviour: Behaviour, key: str) -> None:
        """Forget the last case; this one is about to begin. Its clock shows what the client's own shows."""
        self.mock.post("/reset")
        now_ms = time.time_ns() // 1_000_000
        if self.time.clock["mode"] != "real":
            self.mock.put("/clock", {"now_ms": now_ms})
        account = behaviour.account()
        if account:
            self.mock.put(f"/accounts/{key}", account)
        scenario = behaviour.scenario(now_ms / 1000)
        if scenario["rules"]:
            self.mock.post("/scenarios", scenario, key=key)

    def entries(self) -> tuple[Entry, ...]:
        """All that came since, whatever key it carried."""
        records = self.mock.get("/requests", limit=_JOURNAL)["requests"]
        return tuple(entry_of(record, virtual=self.time.virtual) for record in records)

    def so_far(self, behaviour: Behaviour, intents: int | None) -> Run:
        """What a client that still runs has done."""
        return Run(behaviour, self.entries(), Ending(None, 0), self.time.pace, intents=intents)

    def let_pass(self, seconds: float) -> None:
        """Move a clock that does not run by itself."""
        if self.time.clock["mode"] != "real":
            self.mock.advance(seconds=seconds)

    def seen(self, behaviour: Behaviour, key: str, ending: Ending, intents: int | None) -> Run:
        """What the client did, and what it paid once every task has come to its end."""
        entries = self.entries()
        own = {record["sequence"] for record in self.mock.get("/requests", key=key, limit=_JOURNAL)["requests"]}
        told = {one["task_id"]: one for one in self.mock.get("/callbacks", key=key)["callbacks"]}
        delivered = {task_id for task_id, one in told.items() if one["state"] == "delivered"}
        self.mock.post("/clock/advance", {"until_idle": True})
        tasks = {one["id"]: one for one in self.mock.get("/tasks", key=key, limit=_JOURNAL)["tasks"]}
        return Run(
            behaviour=behaviour,
            entries=entries,
            ending=ending,
            pace=self.time.pace,
            key=key,
            intents=intents,
            tasks=tasks,
            charged=self._charged(key),
            told={task_id: tasks[task_id]["state"] for task_id in delivered if task_id in tasks},
            with_other_keys=tuple(
                one for one in entries if one.record["tenant"] and one.record["sequence"] not in own
            ),
        )

    def _charged(self, key: str) -> tuple[str, ...]:
        books = self.mock.get("/ledger", key=key)["accounts"]
        return tuple(one["task_id"] for book in books for one in book["transfers"] if one["kind"] == "posted")
