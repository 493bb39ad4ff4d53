"""Drawn sequences of deliveries for a few tasks, each shrunk to the shortest that shows what is wrong."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError
from contract_tests.receiver import probes
from contract_tests.receiver.delivery import Delivery, failed_inside, is_late
from contract_tests.receiver.hooks import HookError
from contract_tests.receiver.probes import DUPLICATE, ORDER, UNKNOWN_FIELDS
from contract_tests.receiver.stock import CANCELLED, COMPLETED, Ended
from contract_tests.receiver.trial import ANSWERS, AbortedError, Trial, UntoldError

OWNS = (ORDER, DUPLICATE, UNKNOWN_FIELDS)
TASKS, STEPS = 4, 10
KINDS = (COMPLETED, "service_error", "content_policy_violation", CANCELLED)
_SHRINKS = 60
Run = Callable[[Coroutine[Any, Any, None]], None]


class Act(StrEnum):
    """What is sent next, of one task."""

    SEND = "send"
    REPORT = "report"
    STRANGE = "strange"
    TOGETHER = "together"


@dataclass(frozen=True, slots=True)
class Step:
    act: Act
    task: int


@dataclass(frozen=True, slots=True)
class Case:
    """`kinds` says how each task ends; a step's task is counted round them."""

    kinds: tuple[str, ...]
    steps: tuple[Step, ...]


def drawn(kinds: tuple[str, ...]) -> st.SearchStrategy[Case]:
    """Cases with tasks of these kinds; the simplest is one task, sent once."""
    step = st.builds(Step, st.sampled_from(Act), st.integers(0, TASKS - 1))
    return st.builds(
        Case,
        st.lists(st.sampled_from(kinds), min_size=1, max_size=TASKS).map(tuple),
        st.lists(step, min_size=1, max_size=STEPS).map(tuple),
    )


@dataclass(slots=True)
class Scene:
    """The tasks of one case, and which of them the receiver knows the end of."""

    trial: Trial
    tasks: list[Ended]
    told: set[str] = field(default_factory=set)

    async def play(self, step: Step) -> None:
        task = self.tasks[step.task % len(self.tasks)]
        match step.act:
            case Act.TOGETHER if len(untold := self._untold()) > 1:
                self.told |= {one.id for one in untold}
                await probes.together(self.trial, untold)
            case Act.REPORT if task.id in self.told:
                await probes.late_report(self.trial, task)
            case Act.REPORT:
                await self._early_report(task)
            case _ if task.id in self.told:
                await self.trial.again(task, DUPLICATE)
            case Act.STRANGE:
                self.told.add(task.id)
                await probes.with_strange_fields(self.trial, task, effect=ORDER)
            case _:
                self.told.add(task.id)
                await self.trial.first(task, effect=ORDER)

    def _untold(self) -> list[Ended]:
        """Who can be told of together: nobody, where the state would not show that one of them was lost."""
        shows = self.trial.blind or self.trial.names_tasks
        return [one for one in self.tasks if shows and one.id not in self.told]

    async def _early_report(self, task: Ended) -> None:
        self.trial.note(f"what {task.id} read before it ended")
        exchange = await self.trial.deliver(Delivery(task.earlier))
        if failed_inside(exchange) or is_late(exchange):
            self.trial.require(ORDER, False, exchange.answer_line(), "2xx or 4xx")
        await self.trial.look()


async def play(trial: Trial, case: Case) -> None:
    """Raises BrokenPromiseError at the first promise that does not hold."""
    trial.begin()
    scene = Scene(trial, [await trial.task(kind) for kind in case.kinds])
    for step in case.steps:
        await scene.play(step)


@dataclass(slots=True)
class _Round:
    """Until one check is found broken: the shortest case of it so far, and how many cases may still be played."""

    trial: Trial
    run: Run
    left: int
    broken: BrokenPromiseError | None = None
    steps: list[Exchange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped: Exception | None = None

    def play(self, case: Case) -> None:
        if self.left <= 0 or self.trial.is_over or self.stopped:
            return
        self.left -= 1
        self.trial.counts["drawn sequences"] += 1
        try:
            self.run(play(self.trial, case))
        except UntoldError:
            return
        except (AbortedError, HookError) as error:
            self.stopped = error
        except BrokenPromiseError as broken:
            if self._keeps(broken):
                raise

    def _keeps(self, broken: BrokenPromiseError) -> bool:
        """Another check than the first that broke waits for its own round."""
        if self.broken and self.broken.check_id != broken.check_id:
            return False
        if self.broken is None:
            self.left = _SHRINKS
        if self.broken is None or len(self.trial.steps) <= len(self.steps):
            self.broken, self.steps, self.notes = broken, self.trial.steps, self.trial.notes
        return True


def explore(trial: Trial, run: Run, *, cases: int, seed: int) -> bool:
    """Play drawn cases until this many held; every check gets its shortest case. Whether anything was found.

    Raises AbortedError and HookError.
    """
    found = False
    while not trial.is_over:
        one = _Round(trial, run, cases)
        _draw(one, (COMPLETED,) if trial.judge.is_found(ANSWERS) else KINDS, cases, seed)
        if one.stopped:
            raise one.stopped
        if one.broken is None:
            break
        trial.judge.found(one.broken, one.steps, one.notes)
        found = True
    return found


def _draw(one: _Round, kinds: tuple[str, ...], cases: int, seed: int) -> None:
    @hypothesis.seed(seed)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(case=drawn(kinds))
    def holds(case: Case) -> None:
        one.play(case)

    try:
        holds()
    except (BrokenPromiseError, Flaky):
        """Kept by the round; a race does not show every time."""
