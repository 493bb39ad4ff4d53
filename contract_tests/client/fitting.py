"""What a behaviour is for one client: whether it can meet it, how long that takes, how long a wait has to be."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from contract_tests.client.behaviours.behaviour import PLAIN, Behaviour
from contract_tests.client.behaviours.deviation import Deviation, Operation
from contract_tests.client.behaviours.fates import ENDLESS_S, NoCredits, Queued, Slow
from contract_tests.client.behaviours.grid import cell_of, operations_of, takes_real_time
from contract_tests.client.behaviours.troubles import LONG_WAIT_S, Answers
from contract_tests.client.run import REAL, Ending, Habit, Run, first_look_s, habit_of

PROBES = {
    one: Behaviour((Answers(one, status=500),))
    for one in (Operation.SUBMISSION, Operation.QUERY, Operation.LIST, Operation.CREDITS, Operation.UPLOAD)
}
"""What shows how long a client waits by itself before it asks again."""
_MORE, _LEAST_MORE_S, _MOST_WAIT_S = 1.5, 1.0, 28
"""A Retry-After has to be longer than what the client does anyway, and shorter than what it may cap it at."""
_TASK_S = 2


def _nothing() -> Run:
    return Run(PLAIN, (), Ending(None, 0), REAL)


@dataclass(slots=True)
class Fitting:
    """`plain` is the plain course of this client; `limit_s` what one case may take in real time, 0 for any."""

    plain: Run = field(default_factory=_nothing)
    limit_s: float = 0.0
    habit: Habit = field(init=False)

    def __post_init__(self) -> None:
        self.habit = habit_of(self.plain)

    @property
    def asked(self) -> frozenset[Operation]:
        return frozenset(entry.kind for entry in self.plain.entries)

    def learn(self, run: Run) -> None:
        """How long it waits by itself, and how long a step takes it, from a case that shows it."""
        shown = habit_of(run)
        repeats = {**shown.repeat_s, **self.habit.repeat_s}
        self.habit = replace(self.habit, repeat_s=repeats, steps_s=self.habit.steps_s + shown.steps_s)

    def why_not(self, behaviour: Behaviour) -> str:
        """Why this client can't meet it; empty where it can."""
        cell = cell_of(behaviour)
        needs = cell.needs if cell else ""
        if missing := self.unsaid(behaviour) or self._unasked(behaviour) or self.too_late(behaviour):
            return missing
        if "callbacks" in needs and not self.plain.names_a_callback:
            return "it names no callback URL"
        if "several" in needs and self.plain.wanted < 2:
            return "it wants one task"
        longest_s = max((self.habit.wait_s(operation) for operation in self.waits_of(behaviour)), default=0.0)
        if longest_s > _MOST_WAIT_S - _LEAST_MORE_S:
            return f"it waits {longest_s:.0f} s by itself, so that no Retry-After up to 30 s shows anything"
        if self.limit_s and self.seconds_of(behaviour) > self.limit_s and not self._is_endless(behaviour):
            return f"takes about {self.seconds_of(behaviour):.0f} s at its pace; --time-limit is shorter"
        return ""

    def _unasked(self, behaviour: Behaviour) -> str:
        """What this client never asks for; empty where it asks for all of it."""
        missing = operations_of(behaviour) - self.asked - {Operation.SUBMISSION, Operation.QUERY}
        return f"in the plain course it asked for no {', '.join(sorted(missing))}" if missing else ""

    def too_late(self, behaviour: Behaviour) -> str:
        """Why it does not see what is told of a running task; empty where it does, or nothing is."""
        first_s = first_look_s(self.plain)
        still_runs = any(isinstance(one, Slow) and one.seconds > first_s for one in behaviour.deviations)
        if not first_s or still_runs or not any(one.of_running for one in behaviour.deviations):
            return ""
        return f"it first looks {first_s:.0f} s after the submission, so that it never sees a running task"

    def unsaid(self, behaviour: Behaviour) -> str:
        """What the document does not say that the behaviour rests on; empty where it does."""
        contract = self.plain.contract
        if contract.speech is not None and not all(one.is_anybodys for one in behaviour.openings):
            return f"{contract.source} does not say what is open there"
        if contract.credits is None and behaviour.has(NoCredits):
            return f"{contract.source} has no operation that tells the credits"
        return ""

    def _is_endless(self, behaviour: Behaviour) -> bool:
        long = any(isinstance(one, Slow) and one.seconds >= ENDLESS_S for one in behaviour.deviations)
        return long or takes_real_time(behaviour) or any(_is_long_wait(one) for one in behaviour.deviations)

    def seconds_of(self, behaviour: Behaviour) -> float:
        """About how long this case takes in real time."""
        slow = sum(max(0, one.seconds - _TASK_S) for one in behaviour.deviations if isinstance(one, Slow | Queued))
        waits = sum(one.wait * max(1, one.times) for one in behaviour.deviations if isinstance(one, Answers))
        held = 30 * takes_real_time(behaviour)
        return self.plain.ending.seconds + slow * (self.habit.poll_s or 0.0) + waits + held

    def waits_of(self, behaviour: Behaviour) -> Iterator[Operation]:
        """The operations whose Retry-After shows something only if the client would not wait as long by itself."""
        for one in behaviour.deviations:
            if isinstance(one, Answers) and one.wait and not _is_long_wait(one) and one.operation in PROBES:
                yield one.operation

    def fitted(self, behaviour: Behaviour) -> Behaviour:
        """The same with every Retry-After longer than what this client waits anyway."""
        return Behaviour(tuple(map(self._fitted, behaviour.deviations)))

    def _fitted(self, deviation: Deviation) -> Deviation:
        if not isinstance(deviation, Answers) or not deviation.wait or _is_long_wait(deviation):
            return deviation
        by_itself_s = self.habit.wait_s(deviation.operation)
        least_s = math.ceil(_MORE * by_itself_s + _LEAST_MORE_S)
        return replace(deviation, wait=max(deviation.wait, min(least_s, _MOST_WAIT_S)))


def _is_long_wait(deviation: Deviation) -> bool:
    return isinstance(deviation, Answers) and deviation.wait >= LONG_WAIT_S
