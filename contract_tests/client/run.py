"""What a client did in one case: the journal, how it ended, the money; and what is usual for this client."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.wire.journal import TERMINAL, Entry
from contract_tests.contract.contract import Contract, built_in

_FAILED = TERMINAL - {"completed"}
_ASKED = (Operation.SUBMISSION, Operation.QUERY, Operation.LIST)
"""What comes to nothing if it is refused; credits and uploads may be a matter beside the task."""
_CRASHES = re.compile(r"^Node\.js v\d|^Exception in thread|^panic: |panicked at ", re.MULTILINE)
"""How runtimes say that a program died of what it did not expect."""
_LAST_WORDS = re.compile(r"^(?:jq: |parse error)|unbound variable$")
"""The same of a shell, where nothing else was said after it."""
_TRACEBACK = "Traceback (most recent call last)"
_LOGGED = re.compile(r"error|critical|exception|warn", re.IGNORECASE)
"""What stands before a traceback that somebody caught and logged."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is asked of a client's cadence, in seconds of the clock that its sleeping moves; `most_poll_s` is None
    where only the real time of the client counts. A program that has not ended after `never_s` of real time never
    will; one that was stopped earlier may have a time-out of its own that is longer. Who has asked for a running task
    for `enough_s` is not watched any longer: it may go on. A finished task may be read again `reads_after_end` times
    without a reason: many do it once, for its results."""

    least_poll_s: float
    least_repeat_s: float
    most_poll_s: float | None = None
    patience_s: float = 300.0
    patience_polls: int = 30
    never_s: float = 600.0
    enough_s: float = 7200.0
    reads_after_end: int = 1


REAL = Pace(least_poll_s=0.1, least_repeat_s=0.1)
VIRTUAL = Pace(
    least_poll_s=1.0, least_repeat_s=0.05, most_poll_s=60.0, patience_polls=0, never_s=0.0, enough_s=1800.0
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the program ended: `exit_code` by itself, or None: it was stopped because of `stopped`, `late` for want of
    time. `output` is what it printed last, as it is: not for reports. `crashed`: by what it did not expect.
    `ended_s`: unix seconds, real."""

    exit_code: int | None
    seconds: float
    output: str = ""
    stopped: str = ""
    late: bool = False
    crashed: bool = False
    ended_s: float = 0.0

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0

    @property
    def is_error(self) -> bool:
        return self.exit_code not in (0, None)

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"stopped after {self.seconds:.1f} s: {self.stopped}"
        return f"exit {self.exit_code} after {self.seconds:.1f} s"


def shows_a_crash(output: str) -> bool:
    """Whether a program that printed this died of what it did not expect, as far as its runtime says so."""
    lines = [line for line in output.splitlines() if line.strip()]
    uncaught = [
        number
        for number, line in enumerate(lines)
        if line.startswith(_TRACEBACK) and not (number and _LOGGED.search(lines[number - 1]))
    ]
    last = bool(lines) and _LAST_WORDS.search(lines[-1]) is not None
    return bool(uncaught) or last or _CRASHES.search(output) is not None


@dataclass(frozen=True, slots=True)
class Habit:
    """What is usual for this client, in seconds: `poll_s` between two queries of a running task, `steps_s` from an
    answer that told the end to the fetch of the result (what one step takes it without any pause), `repeat_s` between
    a request that met trouble and its repeat, where nothing told it to wait; None where it has not shown it."""

    poll_s: float | None = None
    steps_s: tuple[float, ...] = ()
    repeat_s: dict[Operation, float] = field(default_factory=dict)

    @property
    def step_s(self) -> float | None:
        """The shortest step it ever took; None until it took two: one alone may be a moment of a busy machine."""
        return min(self.steps_s) if len(self.steps_s) > 1 else None

    def wait_s(self, operation: Operation) -> float:
        """How long it waits by itself before it asks the same again."""
        return max(self.repeat_s.get(operation, 0.0), self.poll_s or 0.0)


@dataclass(frozen=True)
class Run:
    """One case. `intents` is how many tasks the program wants (as its plain course showed); `tasks` are records of
    the control API; `charged` the ids that were paid for once everything had come to its end; `told` the states
    that callbacks told whoever listens at the callback URL; `known` the tasks that an earlier run of the program saw
    completed; `found` the checks that other cases have found broken; `shared`: several programs may be in it, told
    apart by idempotency keys alone; `fails_anyway`: it fails where everything goes well, too."""

    behaviour: Behaviour
    entries: tuple[Entry, ...]
    ending: Ending
    pace: Pace
    key: str = ""
    intents: int | None = None
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    charged: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()
    shared: bool = False
    fails_anyway: bool = False
    habit: Habit = field(default_factory=Habit)
    contract: Contract = field(default_factory=built_in)

    @cached_property
    def submissions(self) -> tuple[Entry, ...]:
        return self.of(Operation.SUBMISSION)

    @cached_property
    def queries(self) -> tuple[Entry, ...]:
        return self.of(Operation.QUERY)

    @cached_property
    def polls(self) -> tuple[Entry, ...]:
        """Whatever it asks to learn of the end: queries, and reads of the list or of a batch."""
        return tuple(entry for entry in self.entries if entry.kind in (Operation.QUERY, Operation.LIST))

    @cached_property
    def fetches(self) -> tuple[Entry, ...]:
        return self.of(Operation.FETCH)

    def of(self, kind: Operation) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind is kind)

    @cached_property
    def accepted(self) -> tuple[str, ...]:
        """Ids of the tasks that it caused."""
        return tuple(self.tasks)

    @cached_property
    def wanted(self) -> int:
        """How many tasks have to end well for the program to have done its job."""
        return max(1, len(self.accepted) if self.intents is None else self.intents)

    @cached_property
    def completed(self) -> frozenset[str]:
        """The tasks that the client was told are completed, in an answer to itself."""
        told = [(task_id, state) for entry in self.entries for task_id, state in entry.told.items()]
        return frozenset(task_id for task_id, state in told if state == "completed")

    @property
    def has_done_its_job(self) -> bool:
        return len(self.completed) >= self.wanted

    @property
    def may_have_done_its_job(self) -> bool:
        """Also by what callbacks told: whether the program that was started heard them, nobody knows."""
        return len(self.completed | self.known_by_callback | self.known) >= self.wanted

    @property
    def known_by_callback(self) -> frozenset[str]:
        """The tasks whose callback told that they are completed."""
        return frozenset(task_id for task_id, state in self.told.items() if state == "completed")

    @cached_property
    def names_a_callback(self) -> bool:
        bodies = [entry.record["body"] for entry in self.submissions]
        return any(isinstance(body, dict) and self.contract.requests.callback in body for body in bodies)

    @cached_property
    def bad_news(self) -> Entry | None:
        """The last answer that says that there will be no result: a failed task, a definite refusal."""
        bad = [one for one in self.entries if _FAILED.intersection(one.told.values()) or is_refusal(one)]
        return bad[-1] if bad else None

    @cached_property
    def told_failed(self) -> tuple[str, ...]:
        """The tasks whose callback told a failure."""
        return tuple(task_id for task_id, state in self.told.items() if state in _FAILED)

    @property
    def is_bad_news(self) -> bool:
        return self.bad_news is not None or bool(self.told_failed)

    def first_seen(self, task_id: str | None) -> Entry | None:
        """The query that first told that a task is completed."""
        return next((one for one in self.queries if one.task_id == task_id and one.state == "completed"), None)

    def links_valid_until_ms(self, task_id: str | None) -> int | None:
        """When the result links of a task expire, on the fake's clock."""
        ended_ms = self.tasks.get(str(task_id), {}).get("ended_ms")
        told = [one.task()["link_seconds"] for one in self.behaviour.deviations if "link_seconds" in one.task()]
        lives_s = told[0] if told else self.contract.link_seconds
        return None if ended_ms is None or lives_s is None else ended_ms + lives_s * 1000


def is_refusal(entry: Entry) -> bool:
    """A definite no to a submission or a query: there will be no result."""
    return is_definite(entry) and entry.kind in _ASKED


def is_definite(entry: Entry) -> bool:
    """A definite no of the API: asking again changes nothing."""
    definite = entry.status in (400, 401, 402, 403, 404, 405, 410, 413, 415, 422)
    return definite and entry.is_intact and entry.kind is not Operation.FETCH


def is_trouble(entry: Entry) -> bool:
    """Something that may pass: too many requests, a server's trouble, a lost connection."""
    return entry.status in (429, 500, 502, 503) or entry.is_lost


def is_running(entry: Entry) -> bool:
    """Whether a query was told that its task goes on."""
    return entry.state is not None and entry.state not in TERMINAL


def first_look_s(run: Run) -> float:
    """How long after its submission, on the fake's clock, a task was first asked for by a client that never saw one
    running; 0 for any other, and for one that may have waited to be called."""
    seen = any(is_running(one) for one in run.polls) or run.names_a_callback
    if seen or not (run.queries and run.submissions):
        return 0.0
    return float(run.queries[0].record["at_ms"] - run.submissions[0].record["at_ms"]) / 1000


def habit_of(run: Run) -> Habit:
    """What one run shows of its client."""
    return Habit(
        poll_s=_median_gap(run.queries, lambda one, two: one.task_id == two.task_id and is_running(one)),
        steps_s=_gaps(run.entries, lambda one, two: one.state == "completed" and two.kind is Operation.FETCH),
        repeat_s={
            one.kind: two.at_s - one.at_s
            for one, two in pairwise(run.entries)
            if one.kind is two.kind and one.target == two.target and is_trouble(one) and one.wait_s is None
        },
    )


_Pair = Callable[[Entry, Entry], bool]


def _median_gap(entries: tuple[Entry, ...], counts: _Pair) -> float | None:
    gaps = _gaps(entries, counts)
    return median(gaps) if gaps else None


def _gaps(entries: tuple[Entry, ...], counts: _Pair) -> tuple[float, ...]:
    return tuple(two.at_s - one.at_s for one, two in pairwise(entries) if counts(one, two))
