"""What a client did in one case: the journal, how it ended, the money."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contract_tests.client.behaviour import Behaviour
from contract_tests.client.journal import TERMINAL, Entry, Kind

_FAILED = TERMINAL - {"completed"}
LINK_S = 86_400
"""How long result links are valid (documented: 24 h)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is asked of a client's cadence, in seconds of the clock that its sleeping moves; `most_poll_s` and
    `patience_s` (how long a running task is waited for) are None where only the real time of the client counts."""

    least_poll_s: float
    most_poll_s: float | None = None
    patience_s: float | None = None
    patience_polls: int = 30


REAL = Pace(least_poll_s=0.1)
VIRTUAL = Pace(least_poll_s=1.0, most_poll_s=60.0, patience_s=300.0)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the program ended: `exit_code` by itself, or None: it was stopped because of `stopped`.

    `output` is what it printed last, as it is: not for reports.
    """

    exit_code: int | None
    seconds: float
    output: str = ""
    stopped: str = ""

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


@dataclass(frozen=True)
class Run:
    """One case. `intents` is how many tasks the program wants (as its plain course showed); `tasks` are records of
    the control API; `charged` the ids that were paid for once everything had come to its end; `told` the states
    that callbacks told the client; `with_other_keys` what it asked with another key than the one it was told."""

    behaviour: Behaviour
    entries: tuple[Entry, ...]
    ending: Ending
    pace: Pace
    key: str = ""
    intents: int | None = None
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    charged: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)
    with_other_keys: tuple[Entry, ...] = ()

    @cached_property
    def submissions(self) -> tuple[Entry, ...]:
        return self.of(Kind.SUBMISSION)

    @cached_property
    def queries(self) -> tuple[Entry, ...]:
        return self.of(Kind.QUERY)

    @cached_property
    def fetches(self) -> tuple[Entry, ...]:
        return self.of(Kind.FETCH)

    def of(self, kind: Kind) -> tuple[Entry, ...]:
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
        """The tasks that the client was told are completed."""
        told = [(task_id, state) for entry in self.entries for task_id, state in entry.told.items()]
        return frozenset(task_id for task_id, state in (*told, *self.told.items()) if state == "completed")

    @property
    def has_done_its_job(self) -> bool:
        return len(self.completed) >= self.wanted

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
        return None if ended_ms is None else ended_ms + (told[0] if told else LINK_S) * 1000


def is_refusal(entry: Entry) -> bool:
    """A definite no to a submission or a query: asking again changes nothing."""
    definite = entry.status in (400, 401, 402, 403, 404, 405, 410, 413, 415, 422)
    return definite and entry.is_intact and entry.kind in (Kind.SUBMISSION, Kind.QUERY)


def is_trouble(entry: Entry) -> bool:
    """Something that may pass: too many requests, a server's trouble, a lost connection."""
    return entry.status in (429, 500, 502, 503) or str(entry.fault).startswith("closed")
