"""How the API behaves towards a client in one case: the plain course and a few deviations from it.

A behaviour has three forms: records, a scenario of the control API, and a text to repeat it by, as in
`answers:operation=query,status=503+fails:code=service_error`.
"""

from dataclasses import dataclass, fields
from email.utils import formatdate
from enum import StrEnum
from typing import Any, ClassVar

from contract_tests.document import failure_codes


class Operation(StrEnum):
    """What a client asks of the API."""

    SUBMISSION = "submission"
    QUERY = "query"


OPERATION_IDS = {Operation.SUBMISSION: "createVideoGeneration", Operation.QUERY: "getTask"}

FAULTS = ("closed_before_answer", "closed_after_accept", "truncated_body", "malformed_json", "stalled")
"""What breaks on the wire; see the schema Effect of the control API."""

FAILURES = failure_codes()
"""The documented codes that a task fails with."""

_FAULT_WORDS = {
    "closed_before_answer": "{which} lost before the answer, and not taken",
    "closed_after_accept": "{which} taken, and the answer lost",
    "truncated_body": "{which} answered with a body that breaks off in the middle",
    "malformed_json": "{which} answered with what is no JSON",
    "stalled": "{which} never answered",
}
_UNACCEPTED = frozenset({"closed_before_answer"})


class BehaviourError(ValueError):
    """A text that names no behaviour; says what was received and what is allowed."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that goes otherwise. Every field has a default: the simplest value of its type."""

    kind: ClassVar[str]

    @property
    def line(self) -> str:
        """In words."""
        return self.kind

    def task(self) -> dict[str, Any]:
        """What becomes of the task: members of a scenario's `then`."""
        return {}

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        """Rules for requests, by `operation`; `now_s` (unix seconds on the client's clock) is for dates."""
        return []

    def account(self) -> dict[str, Any]:
        """What is otherwise about the account."""
        return {}

    def __str__(self) -> str:
        told = [f"{one.name}={_told(getattr(self, one.name))}" for one in fields(self)]
        return f"{self.kind}:{','.join(told)}" if told else self.kind


@dataclass(frozen=True, slots=True)
class Slow(Deviation):
    kind: ClassVar[str] = "slow"
    seconds: int = 8

    def task(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    @property
    def line(self) -> str:
        return f"the task works for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Queued(Deviation):
    kind: ClassVar[str] = "queued"
    seconds: int = 5

    def task(self) -> dict[str, Any]:
        return {"queue_seconds": self.seconds}

    @property
    def line(self) -> str:
        return f"the task is pending for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Fails(Deviation):
    """`first`: only the first task of several does."""

    kind: ClassVar[str] = "fails"
    code: str = "service_error"
    first: bool = False

    def task(self) -> dict[str, Any]:
        return {} if self.first else {"fail": self.code}

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        return [_rule(Operation.SUBMISSION, 0, 1, {"fail": self.code})] if self.first else []

    @property
    def line(self) -> str:
        return f"the {'first ' if self.first else ''}task fails with {self.code}"


@dataclass(frozen=True, slots=True)
class Answers(Deviation):
    """An error in place of an answer. `wait` is the Retry-After in seconds; 0 leaves it to the fake."""

    kind: ClassVar[str] = "answers"
    operation: Operation = Operation.QUERY
    status: int = 503
    times: int = 1
    skip: int = 0
    wait: int = 0
    date: bool = False

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        answer: dict[str, Any] = {"status": self.status}
        if self.wait:
            answer["retry_after"] = formatdate(now_s + self.wait, usegmt=True) if self.date else self.wait
        return [_rule(self.operation, self.skip, self.times, {"answer": answer})]

    @property
    def line(self) -> str:
        wait = ""
        if self.wait:
            wait = f" with Retry-After of {self.wait} s" + (" as a date" if self.date else "")
        return f"{_which(self.operation, self.skip, self.times)} answered {self.status}{wait}"


@dataclass(frozen=True, slots=True)
class Breaks(Deviation):
    """A fault on the wire, one of FAULTS."""

    kind: ClassVar[str] = "breaks"
    operation: Operation = Operation.QUERY
    fault: str = "closed_before_answer"
    times: int = 1
    skip: int = 0

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        return [_rule(self.operation, self.skip, self.times, {"fault": self.fault})]

    @property
    def line(self) -> str:
        return _FAULT_WORDS[self.fault].format(which=_which(self.operation, self.skip, self.times))


@dataclass(frozen=True, slots=True)
class UnknownFields(Deviation):
    kind: ClassVar[str] = "unknown-fields"

    @property
    def line(self) -> str:
        return "every answer has fields that no document names"


@dataclass(frozen=True, slots=True)
class Vanishes(Deviation):
    kind: ClassVar[str] = "vanishes"
    after: int = 1

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        return [_rule(Operation.QUERY, self.after, None, {"answer": {"status": 404, "code": "task_not_found"}})]

    @property
    def line(self) -> str:
        return f"after {_counted(Operation.QUERY, self.after)} the task is not found any more"


@dataclass(frozen=True, slots=True)
class LinkExpires(Deviation):
    """`seconds` after the end of the task."""

    kind: ClassVar[str] = "link-expires"
    seconds: int = 0

    def task(self) -> dict[str, Any]:
        return {"link_seconds": self.seconds}

    @property
    def line(self) -> str:
        return (
            f"the result link expires {self.seconds} s after the end" if self.seconds else "the result link is dead"
        )


@dataclass(frozen=True, slots=True)
class NoCredits(Deviation):
    kind: ClassVar[str] = "no-credits"

    def account(self) -> dict[str, Any]:
        return {"credits": 0}

    @property
    def line(self) -> str:
        return "the account has no credits left"


@dataclass(frozen=True, slots=True)
class Callbacks(Deviation):
    """Late (`delay`, in seconds), twice (`copies` 2), never (`copies` 0); `overtaken`: only the first task's are."""

    kind: ClassVar[str] = "callbacks"
    delay: int = 0
    copies: int = 1
    overtaken: bool = False

    def task(self) -> dict[str, Any]:
        return {} if self.overtaken else {"callback": self._effect()}

    def rules(self, now_s: float) -> list[dict[str, Any]]:
        return [_rule(Operation.SUBMISSION, 0, 1, {"callback": self._effect()})] if self.overtaken else []

    def _effect(self) -> dict[str, int]:
        return {"delay_seconds": self.delay, "copies": self.copies}

    @property
    def line(self) -> str:
        whose = "the first task's callback" if self.overtaken else "the callback"
        late = f" {self.delay} s late" if self.delay else ""
        often = "" if self.copies == 1 else f" {self.copies} times"
        overtaken = ", out of order" if self.overtaken and self.delay else ""
        return f"{whose} comes{late}{often}{overtaken}" if self.copies else f"{whose} never comes"


KINDS: dict[str, type[Deviation]] = {
    one.kind: one
    for one in (Slow, Queued, Fails, Answers, Breaks, UnknownFields, Vanishes, LinkExpires, NoCredits, Callbacks)
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Deviations in the order in which they take their turn; none is the plain course."""

    deviations: tuple[Deviation, ...] = ()

    def has(self, kind: type[Deviation]) -> bool:
        return any(isinstance(one, kind) for one in self.deviations)

    def scenario(self, now_s: float) -> dict[str, Any]:
        """As the control API takes it. What becomes of the task is told with every submission that is accepted."""
        task = {name: value for one in self.deviations for name, value in one.task().items()}
        rules = [rule for one in self.deviations for rule in one.rules(now_s)]
        submission = OPERATION_IDS[Operation.SUBMISSION]
        for rule in rules:
            then = rule["then"]
            accepted = "answer" not in then and then.get("fault") not in _UNACCEPTED
            if rule["when"]["operation"] == submission and accepted:
                rule["then"] = {**task, **then}
        if task:
            rules.append(_rule(Operation.SUBMISSION, 0, None, task))
        if self.has(UnknownFields):
            rules = [_with_unknown_fields(rule) for rule in rules]
            rules.append({"then": {"fault": "unknown_fields"}})
        return {"name": "behaviour", "rules": rules}

    def account(self) -> dict[str, Any]:
        return {name: value for one in self.deviations for name, value in one.account().items()}

    @property
    def lines(self) -> tuple[str, ...]:
        """In words, a line a deviation."""
        return tuple(one.line for one in self.deviations) or ("everything goes well",)

    def __str__(self) -> str:
        return "+".join(map(str, self.deviations)) or "plain"


PLAIN = Behaviour()


def parsed(text: str) -> Behaviour:
    """The behaviour that a text means. Raises BehaviourError."""
    return PLAIN if text == str(PLAIN) else Behaviour(tuple(_deviation(part) for part in text.split("+")))


def _deviation(text: str) -> Deviation:
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise BehaviourError(f"received {kind!r}; allowed: a name of --list, or one of {', '.join(KINDS)}")
    given = dict(part.partition("=")[::2] for part in rest.split(",") if part)
    defaults = {one.name: one.default for one in fields(KINDS[kind])}
    unknown = given.keys() - defaults.keys()
    if unknown:
        raise BehaviourError(f"{kind}: received {', '.join(sorted(unknown))}; allowed: {', '.join(defaults)}")
    return KINDS[kind](**{name: _value(f"{kind}:{name}", value, defaults[name]) for name, value in given.items()})


def _value(place: str, text: str, default: Any) -> Any:
    """A value of the type that the default has."""
    if isinstance(default, bool):
        return _one_of(place, text, ("yes", "no")) == "yes"
    if isinstance(default, Operation):
        return Operation(_one_of(place, text, tuple(Operation)))
    if isinstance(default, int):
        if not text.isascii() or not text.isdigit() or len(text) > 6:
            raise BehaviourError(f"{place}: received {text!r}; allowed: a whole number up to 999999")
        return int(text)
    return _one_of(place, text, FAULTS if default in FAULTS else FAILURES)


def _one_of(place: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise BehaviourError(f"{place}: received {text!r}; allowed: {', '.join(allowed)}")
    return text


def _told(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _rule(operation: Operation, skip: int, times: int | None, then: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"when": {"operation": OPERATION_IDS[operation]}, "then": then}
    if skip:
        rule["skip"] = skip
    if times:
        rule["times"] = times
    return rule


def _with_unknown_fields(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "then": {"fault": "unknown_fields", **rule["then"]}}


def _which(operation: Operation, skip: int, times: int) -> str:
    """Which requests, as the subject of a sentence with its verb."""
    after = f"after {_counted(operation, skip)}, " if skip else ""
    if not times:
        return f"{after}every {operation} is"
    which = f"{after}the {'next' if skip else 'first'}"
    return f"{which} {operation} is" if times == 1 else f"{which} {_counted(operation, times)} are"


def _counted(operation: Operation, number: int) -> str:
    plural = "queries" if operation is Operation.QUERY else "submissions"
    return f"{number} {operation if number == 1 else plural}"
