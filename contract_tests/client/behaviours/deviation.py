"""One thing that goes otherwise than in the plain course, and what it can act on."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

from contract_tests.contract.contract import Contract, built_in


class Operation(StrEnum):
    """What a client asks of the API: the rows of the grid."""

    SUBMISSION = "submission"
    QUERY = "query"
    FETCH = "fetch"
    LIST = "list"
    CREDITS = "credits"
    UPLOAD = "upload"
    OTHER = "other"


ROWS = tuple(one for one in Operation if one is not Operation.OTHER)
_PLURALS = {Operation.QUERY: "queries", Operation.FETCH: "fetches of a result", Operation.CREDITS: "reads of credits"}
_WORDS = {
    Operation.FETCH: "fetch of a result",
    Operation.LIST: "read of the list",
    Operation.CREDITS: "read of credits",
}

Headers = list[tuple[str, str]]


class BehaviourError(ValueError):
    """A text that names no behaviour; says what was received and what is allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API. `is_made`: it did not come from the fake."""

    status: int
    headers: Headers
    body: bytes = b""
    is_made: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What a deviation is told of a request. `number` counts, from 0, the requests of this operation that it has
    met; `reads` how often its task was read as completed before; `now_s`: unix seconds of the client's clock;
    `here` and `elsewhere`: where the API is, and another host that leads to it."""

    method: str
    path: str
    query: str
    operation: Operation
    number: int
    reads: int
    now_s: float
    here: str
    elsewhere: str
    contract: Contract = field(default_factory=built_in)


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of one request. `reaches`: the fake gets it, and answers unless `answer` stands in for it.
    `fault` is what breaks on the wire, of FAULTS."""

    reaches: bool = True
    answer: Answer | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Every field has a default: the simplest value of its type."""

    kind: ClassVar[str]
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The values that a field of text may have."""
    of_running: ClassVar[bool] = False
    """Whether it shows in what is told of a running task alone."""

    @property
    def line(self) -> str:
        """In words."""
        return self.kind

    def task(self) -> dict[str, Any]:
        """What becomes of the task: members of a scenario's `then`."""
        return {}

    def rules(self) -> list[dict[str, Any]]:
        """Rules of a scenario for some submissions."""
        return []

    def account(self) -> dict[str, Any]:
        """What is otherwise about the account."""
        return {}

    def meets(self, operation: Operation) -> bool:
        """Whether requests of this operation are counted by it."""
        return False

    def effect(self, ask: Ask) -> Effect | None:
        """What it does to a request that it has met; None: this one it lets pass."""
        return None

    def __str__(self) -> str:
        told = [
            f"{one.name}={_told(getattr(self, one.name))}"
            for one in fields(self)
            if getattr(self, one.name) != one.default or one.metadata.get("always")
        ]
        return f"{self.kind}:{','.join(told)}" if told else self.kind


@dataclass(frozen=True, slots=True)
class Trouble(Deviation):
    """It meets `times` requests of one operation after `skip` others; 0 times: all of them."""

    operation: Operation = field(default=Operation.QUERY, metadata={"always": True})
    times: int = 1
    skip: int = 0

    def meets(self, operation: Operation) -> bool:
        return operation is self.operation

    def is_in_turn(self, number: int) -> bool:
        return number >= self.skip and (not self.times or number < self.skip + self.times)

    @property
    def which(self) -> str:
        """Which requests, as the subject of a sentence with its verb."""
        word = _WORDS.get(self.operation, str(self.operation))
        after = f"after {counted(self.operation, self.skip)}, " if self.skip else ""
        if not self.times:
            return f"{after}every {word} is"
        which = f"{after}the {'next' if self.skip else 'first'}"
        return f"{which} {word} is" if self.times == 1 else f"{which} {counted(self.operation, self.times)} are"


def counted(operation: Operation, number: int) -> str:
    """A number of requests in words."""
    word = _WORDS.get(operation, str(operation))
    return f"{number} {word if number == 1 else _PLURALS.get(operation, f'{word}s')}"


def rule(then: dict[str, Any], times: int | None = None) -> dict[str, Any]:
    """A rule of a scenario for the first `times` submissions, or for all."""
    made: dict[str, Any] = {"when": {"operation": str(Operation.SUBMISSION)}, "then": then}
    return {**made, "times": times} if times else made


def _told(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
