"""What is described but not served, and why: only what creates a task as this API does is made a task."""

from typing import Any, NamedTuple

from mockserver.contract.document.document import Document, DocumentError
from mockserver.contract.document.template import regex

_STARTS = "pending"
"""How a task reads when it has just been accepted."""
_STATES = (_STARTS, "processing")


class UnservedError(DocumentError):
    """An operation is not one that can be served, which is no fault of its document."""

    def __init__(self, document: Document, place: str, reason: str) -> None:
        super().__init__(document.file, place, f"not served: {reason}")
        self.reason = reason


class Unserved(NamedTuple):
    """An operation that nothing answers for, and why."""

    file: str
    method: str
    path: str
    reason: str
    models: tuple[str, ...] = ()

    def answers(self, method: str, path: str) -> bool:
        """Whether a request is one of this operation."""
        return method == self.method and regex(self.path).fullmatch(path) is not None


def refuse_other_than_tasks(document: Document, method: str, operation: dict[str, Any], place: str) -> None:
    """Raise UnservedError for what does not create a task, DocumentError for what has no answer 200 at all."""
    if method != "POST":
        raise UnservedError(document, place, f"a {method} of a path that the built-in documents do not have")
    properties = document.ok_schema(operation, place).get("properties", {})
    missing = [name for name in ("id", "status") if name not in properties]
    if missing:
        raise UnservedError(document, place, f"its answer 200 is no task, for it has no {' and no '.join(missing)}")
    reason = _of_status(document.flat(properties["status"], place))
    if reason is not None:
        raise UnservedError(document, place, reason)


def _of_status(schema: dict[str, Any]) -> str | None:
    """Why a status is not that of a task just accepted; None where it can be."""
    allowed = schema.get("enum") or [one for one in (schema.get("const"),) if one is not None]
    if allowed and _STARTS not in allowed:
        return f"its answer 200 has a status of {', '.join(map(str, allowed))}, and a task begins as {_STARTS}"
    said = schema.get("example", schema.get("default"))
    if not allowed and said is not None and said not in _STATES:
        return f"its answer 200 reads {said} at once, and a task begins as {_STARTS}"
    return None
