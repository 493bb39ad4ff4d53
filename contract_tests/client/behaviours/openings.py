"""What the document leaves open: answers that keep to it and are otherwise than its examples."""

from dataclasses import dataclass
from typing import Any, ClassVar

from contract_tests.client.behaviours.deviation import Deviation, Operation

Json = dict[str, Any]
_RUNNING = ("pending", "processing")
_KEPT = frozenset({"id", "status", "results", "error", "object", "data", "created", "model"})
"""What is left of a task: two published documents show no more than id, status, model and created."""
_UNKNOWN = {"note": "no document names this", "values": [1, None]}
ID_TAIL = "-Zz0f91c2B7d8e4a650_x"
"""What makes an id longer, in capitals too; only its beginning is documented."""


@dataclass(frozen=True, slots=True)
class Opening(Deviation):
    """It changes every healthy answer of the API that tells of a task. `owner` is the check that it is for."""

    owner: ClassVar[str] = "CLIENT-SURVIVES-WHAT-IS-OPEN"
    is_quiet: ClassVar[bool] = True
    """Whether a client that had its way has no reason to end otherwise than in the plain course."""
    is_anybodys: ClassVar[bool] = False
    """Whether it is open in whatever words a document speaks of tasks."""

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        """The answer as it is to be; `reads` counts the earlier ones that told that the task is completed."""
        return answer


@dataclass(frozen=True, slots=True)
class UnknownFields(Opening):
    kind: ClassVar[str] = "unknown-fields"
    is_anybodys: ClassVar[bool] = True
    owner: ClassVar[str] = "CLIENT-SURVIVES-UNKNOWN-FIELDS"

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        return {**{name: _with_unknown(value) for name, value in answer.items()}, "x_unknown": _UNKNOWN}

    @property
    def line(self) -> str:
        return "every answer has fields that no document names"


def _with_unknown(value: Any) -> Any:
    """A member of no document in an object, whatever else is as it was."""
    return {**value, "x_unknown": _UNKNOWN} if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class AbsentFields(Opening):
    kind: ClassVar[str] = "absent-fields"

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        return {name: value for name, value in answer.items() if name in _KEPT} if "status" in answer else answer

    @property
    def line(self) -> str:
        return "tasks are told without the fields that no schema requires (progress, type, task_info, usage)"


@dataclass(frozen=True, slots=True)
class NewValues(Opening):
    kind: ClassVar[str] = "new-values"
    owner: ClassVar[str] = "CLIENT-SURVIVES-NEW-VALUES"

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        new = {"type": "scene", "object": "scene.generation.task"}
        changed = {**answer, **{name: value for name, value in new.items() if name in answer}}
        if _is_json(answer.get("usage")):
            changed["usage"] = {**answer["usage"], "billing_rule": "per_frame", "user_group": "partner"}
        if _is_json(answer.get("error")) and "status" in answer:
            changed["error"] = {**answer["error"], "code": "moderation_unavailable"}
        return changed

    @property
    def line(self) -> str:
        return "answers have values that no document names yet (type, object, billing_rule, a failure's code)"


@dataclass(frozen=True, slots=True)
class OddIds(Opening):
    """The wire gives the ids out and takes them back."""

    kind: ClassVar[str] = "odd-ids"
    is_anybodys: ClassVar[bool] = True

    @property
    def line(self) -> str:
        return "ids of tasks are longer than usual, with capitals and underscores"


@dataclass(frozen=True, slots=True)
class OddNumbers(Opening):
    kind: ClassVar[str] = "odd-numbers"
    of_running: ClassVar[bool] = True

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        changed = dict(answer)
        if answer.get("status") in _RUNNING and "progress" in answer:
            changed["progress"] = 0 if operation is Operation.SUBMISSION else 100
        if "estimated_time" in (info := _part(answer, "task_info")):
            changed["task_info"] = {**info, "estimated_time": 0}
        if "credits_reserved" in (usage := _part(answer, "usage")):
            changed["usage"] = {**usage, "credits_reserved": 0.0001}
        return changed

    @property
    def line(self) -> str:
        return "numbers are at their bounds: progress 100 of a running task, an estimate of 0 s, 0.0001 credits"


@dataclass(frozen=True, slots=True)
class EarlyResults(Opening):
    kind: ClassVar[str] = "early-results"
    of_running: ClassVar[bool] = True

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        return {**answer, "results": []} if answer.get("status") in _RUNNING else answer

    @property
    def line(self) -> str:
        return "a running task has an empty list of results"


@dataclass(frozen=True, slots=True)
class EmptyResults(Opening):
    """The first read that tells the end has no links yet."""

    kind: ClassVar[str] = "empty-results"
    is_quiet: ClassVar[bool] = False

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        return {**answer, "results": []} if answer.get("status") == "completed" and not reads else answer

    @property
    def line(self) -> str:
        return "the first read that tells the end has an empty list of results"


@dataclass(frozen=True, slots=True)
class LowerCaseHeaders(Opening):
    """The wire writes them."""

    kind: ClassVar[str] = "lower-case-headers"
    is_anybodys: ClassVar[bool] = True

    @property
    def line(self) -> str:
        return "the names of headers are in lower case"


@dataclass(frozen=True, slots=True)
class SaysCancelled(Opening):
    """As seven published documents have it; a deviation beside the failure itself."""

    kind: ClassVar[str] = "says-cancelled"
    owner: ClassVar[str] = "CLIENT-KNOWS-CANCELLED"
    is_quiet: ClassVar[bool] = False

    def task(self) -> dict[str, Any]:
        return {"fail": "request_cancelled"}

    def opened(self, operation: Operation, answer: Json, reads: int) -> Json:
        if answer.get("status") != "failed":
            return answer
        return {name: value for name, value in answer.items() if name != "error"} | {"status": "cancelled"}

    @property
    def line(self) -> str:
        return "the task is cancelled, and its status says so"


def _part(answer: Json, name: str) -> Json:
    part = answer.get(name)
    return part if isinstance(part, dict) else {}


def _is_json(value: Any) -> bool:
    return isinstance(value, dict)
