"""Drawn sequences of deliveries for a few tasks, each shrunk to the shortest that shows what is wrong.

One has a text to play it by again: `completed+cancelled:send0,send1,send0`.
"""

import time
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
from contract_tests.receiver import probes, repeats
from contract_tests.receiver.bodies import ANSWERS, BODIES, EVERY_SHAPE
from contract_tests.receiver.bounds import AbortedError, UntoldError
from contract_tests.receiver.hooks import HookError
from contract_tests.receiver.probes import DUPLICATE, ORDER
from contract_tests.receiver.repeats import RESPELT
from contract_tests.receiver.stock import CANCELLED, COMPLETED, FAILURES, Ended
from contract_tests.receiver.trial import Trial

TASKS, STEPS = 4, 10
KINDS = (COMPLETED, "service_error", "content_policy_violation", CANCELLED)
_DRAWN_S = 10.0
"""How long drawn sequences may take that find nothing."""
_SHRINKS = 60
Run = Callable[[Coroutine[Any, Any, None]], None]


class Act(StrEnum):
    """What is sent next, of one task."""

    SEND = "send"
    REPORT = "report"
    NEW_FIELDS = "new-fields"
    RESPELT = "respelt"
    IN_PIECES = "in-pieces"
    LEAVE = "leave"
    TOGETHER = "together"


class CaseError(ValueError):
    """A text that means no sequence; says what was received and what is allowed."""


@dataclass(frozen=True, slots=True)
class Step:
    act: Act
    task: int

    def __str__(self) -> str:
        return f"{self.act}{self.task}"


@dataclass(frozen=True, slots=True)
class Case:
    """`kinds` says how each task ends; a step's task is counted round them."""

    kinds: tuple[str, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{'+'.join(self.kinds)}:{','.join(map(str, self.steps))}"


def case_of(text: str) -> Case:
    """The sequence that a text means. Raises CaseError."""
    kinds, _, steps = text.partition(":")
    try:
        return Case(tuple(_kind(one) for one in kinds.split("+")), tuple(_step(one) for one in steps.split(",")))
    except ValueError as error:
        allowed = f"KIND+KIND:STEP,STEP, a step as in send0 or report1, of {', '.join(Act)}"
        raise CaseError(f"received {text!r}: {error}; allowed: {allowed}") from None


def _kind(text: str) -> str:
    if text not in (COMPLETED, CANCELLED, *FAILURES):
        raise ValueError(f"{text!r} is no end of a task")
    return text


def _step(text: str) -> Step:
    act = text.rstrip("0123456789")
    return Step(Act(act), int(text[len(act) :]))


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
    """The tasks of one case, and how the receiver was told of the end of which."""

    trial: Trial
    tasks: list[Ended]
    told: dict[str, Act] = field(default_factory=dict)

    async def play(self, step: Step) -> None:
        task = self.tasks[step.task % len(self.tasks)]
        known, act = task.id in self.told, self._fit(step.act)
        match act:
            case Act.TOGETHER if len(untold := self._untold()) > 1:
                self.told |= {one.id: Act.SEND for one in untold}
                await repeats.together(self.trial, untold)
            case Act.REPORT:
                await (probes.late_report if known else probes.early_report)(self.trial, task)
            case Act.LEAVE if not known and self.trial.usual[task.succeeded].samples:
                self.told[task.id] = Act.SEND
                await repeats.left(self.trial, task)
            case _ if known:
                await self._again(act, task)
            case _:
                self.told[task.id] = act
                await self._first(act, task)

    def _fit(self, act: Act) -> Act:
        """A receiver that takes no other spelling has its finding already."""
        refused = act is Act.RESPELT and self.trial.judge.is_found(EVERY_SHAPE)
        return Act.SEND if refused else act

    async def _first(self, act: Act, task: Ended) -> None:
        """Of a failed task too, any body's shape but those of a kind of its own."""
        body = BODIES.get(act, BODIES["completed"])
        line = "" if act is Act.SEND else f"{task.kind}, {body.line}"
        await self.trial.first(task, shape=body.shape, owner=body.owner, effect=ORDER, line=line)

    async def _again(self, act: Act, task: Ended) -> None:
        """A copy in the bytes of the first, or spelt otherwise."""
        if self.trial.judge.is_found(DUPLICATE):
            raise UntoldError
        first = self.told[task.id]
        if first is not Act.NEW_FIELDS and (act is Act.RESPELT) != (first is Act.RESPELT):
            shape = BODIES["respelt" if act is Act.RESPELT else "completed"].shape
            line = "the same callback in other bytes"
            await self.trial.again(task, RESPELT, shape=shape, line=line, exact=False)
        else:
            await self.trial.again(task, DUPLICATE, shape=BODIES.get(first, BODIES["completed"]).shape)

    def _untold(self) -> list[Ended]:
        """Who can be told of together: nobody, where the state would not show that one of them was lost."""
        shows = self.trial.blind or self.trial.names_tasks
        return [one for one in self.tasks if shows and one.id not in self.told]


async def play(trial: Trial, case: Case) -> None:
    """Raises BrokenPromiseError at the first promise that does not hold."""
    trial.begin(str(case))
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
    case: Case | None = None
    steps: list[Exchange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped: Exception | None = None
    began: float = field(default_factory=time.monotonic)
    is_done: bool = False

    def play(self, case: Case) -> None:
        if self.left <= 0 or self.trial.is_over or self.stopped or (self.is_done and not self.broken):
            return
        self.left -= 1
        self.trial.counts["drawn sequences"] += 1
        try:
            self.run(play(self.trial, case))
            self.is_done = time.monotonic() - self.began > _DRAWN_S
        except UntoldError:
            return
        except (AbortedError, HookError) as error:
            self.stopped = error
        except BrokenPromiseError as broken:
            if self._keeps(broken, case):
                raise

    def _keeps(self, broken: BrokenPromiseError, case: Case) -> bool:
        """Another check than the first that broke waits for its own round."""
        if self.broken and self.broken.check_id != broken.check_id:
            return False
        if self.broken is None:
            self.left = _SHRINKS
        if self.broken is None or len(self.trial.steps) <= len(self.steps):
            self.broken, self.case, self.steps, self.notes = broken, case, self.trial.steps, self.trial.notes
        return True


def explore(trial: Trial, run: Run, *, cases: int, seed: int, found_by: Callable[[str], None]) -> bool:
    """Play drawn cases until this many held, or for 10 s; every check gets its shortest case, whose text `found_by`
    is told before. Whether anything was found.

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
        found_by(str(one.case))
        trial.judge.found(one.broken, one.steps, one.notes, [f"drawn: {one.case}"])
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
