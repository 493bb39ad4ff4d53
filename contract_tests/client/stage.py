"""A fake made ready for one case after the other, with a wire before it, and what was seen of each."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.run import REAL, VIRTUAL, Ending, Pace, Run
from contract_tests.client.wire.journal import Entry, entry_of
from contract_tests.client.wire.line import Wire
from contract_tests.client.wire.script import Script
from contract_tests.contract.contract import Contract, built_in
from mockserver.testing import MockServer

TASK_S = 2.0
"""How long a task takes unless the behaviour says otherwise: two queries, where queries move the clock. For a client
whose looks are further apart, `Stage.task_s` is longer."""
_MOST = 1_000


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
    """One fake. Between `set_up` and `seen` one client plays one case, at `url`.

    `intercept`: programs started with `variables` reach it at the live hosts, and no other host. What
    the contract was read from is mounted. `slept_s`: how far the client's clocks are ahead of real ones.
    """

    def __init__(
        self,
        profile: str,
        seed: int,
        moved_by: Time,
        *,
        intercept: bool = False,
        contract: Contract | None = None,
        slept_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.time, self._intercept, self._contract = moved_by, intercept, contract or built_in()
        self._running = ExitStack()
        self.variables: Mapping[str, str] = os.environ
        self._wire = Wire(self._contract, slept_s)
        told: dict[str, Any] = {"profile": profile, "seed": seed, "specs": self._contract.specs}
        self.mock = MockServer(**told, task_seconds=TASK_S, public_url=self._wire.elsewhere)
        self.task_s = TASK_S
        self.url = self._wire.url
        self._before = 0

    def __enter__(self) -> Self:
        with ExitStack() as running:
            running.enter_context(self.mock)
            self.mock.put("/clock", self.time.clock)
            self._wire.start(urlsplit(self.mock.url).port or 0, self._now_ms)
            running.callback(self._wire.stop)
            if self._intercept:
                self.variables = running.enter_context(self.mock.intercepted(self._wire.port))
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _now_ms(self) -> int:
        return int(self.mock.get("/clock")["now_ms"])

    def set_up(self, behaviour: Behaviour, key: str) -> None:
        """Forget the last case; this one is about to begin. Its clock shows what the client's own shows."""
        self.mock.post("/reset")
        if self.time.clock["mode"] != "real":
            self.mock.put("/clock", {"now_ms": time.time_ns() // 1_000_000})
        account = behaviour.account()
        if account:
            self.mock.put(f"/accounts/{key}", account)
        scenario = behaviour.scenario({} if self.task_s == TASK_S else {"seconds": self.task_s})
        if scenario["rules"]:
            self.mock.post("/scenarios", scenario, key=key)
        self._before = 0
        self._wire.begin(Script(behaviour, self._wire.url, self._wire.elsewhere, self._contract), key)

    def entries(self) -> tuple[Entry, ...]:
        """All that came since, whatever key it carried."""
        records = self._wire.records[self._before :]
        return tuple(entry_of(record, virtual=self.time.virtual) for record in records)

    def forget(self) -> None:
        """What came so far belongs to an earlier run of the same program."""
        self._before = len(self._wire.records)

    def so_far(self, behaviour: Behaviour, intents: int | None) -> Run:
        """What a client that still runs has done."""
        return Run(
            behaviour, self.entries(), Ending(None, 0), self.time.pace, intents=intents, contract=self._contract
        )

    def let_pass(self, seconds: float) -> None:
        """Move a clock that does not run by itself."""
        if self.time.clock["mode"] != "real":
            self.mock.advance(seconds=seconds)

    def seen(self, behaviour: Behaviour, key: str, ending: Ending, intents: int | None) -> Run:
        """What the client did, and what it paid once every task has come to its end."""
        entries = self.entries()
        told = {one["task_id"]: one for one in self.mock.get("/callbacks", key=key)["callbacks"]}
        delivered = {task_id for task_id, one in told.items() if one["state"] == "delivered"}
        self.mock.post("/clock/advance", {"until_idle": True})
        tasks = {one["id"]: one for one in self.mock.get("/tasks", key=key, limit=_MOST)["tasks"]}
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
            contract=self._contract,
        )

    def seen_again(self, first: Run, run: Run) -> Run:
        """The second run of a program in one world, without what belongs to its first."""
        tasks = {name: task for name, task in run.tasks.items() if name not in first.tasks}
        charged = tuple(name for name in run.charged if name not in first.charged)
        told = {name: state for name, state in run.told.items() if name not in first.told}
        return replace(run, tasks=tasks, charged=charged, told=told, known=first.completed | first.known_by_callback)

    def _charged(self, key: str) -> tuple[str, ...]:
        books = self.mock.get("/ledger", key=key)["accounts"]
        return tuple(one["task_id"] for book in books for one in book["transfers"] if one["kind"] == "posted")
