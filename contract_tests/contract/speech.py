"""How a document speaks of tasks, told in this API's own words: where id, status, result and error stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OWN = ("id", "status", "results", "error", "progress", "created", "model", "object", "type", "task_info", "usage")
"""What this API calls the parts of a task."""
_SOURCES = {"error_code": "error.code", "error_message": "error.message"}


@dataclass(frozen=True, slots=True)
class Speech:
    """`places` are dotted paths by what stands there, of the answer to a submission and to a query; `words` has the
    state for each word of the document."""

    submitted: Mapping[str, str] = field(default_factory=dict)
    queried: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str | int, str] = field(default_factory=dict)

    def told(self, body: Any, *, submitted: bool = False) -> Any:
        """An answer about a task as this API would tell it; what the document alone has stays beside it."""
        if not isinstance(body, dict):
            return body
        places = self.submitted if submitted else self.queried
        read = {name: value for name, path in places.items() if (value := _at(body, path)) not in (None, [])}
        others = {name: value for name, value in body.items() if name not in OWN}
        return others | _told(read, self.words)

    def spoken(self, state: str) -> str | int:
        """The document's word for a state."""
        return next((word for word, known in self.words.items() if known == state), state)


def _told(read: dict[str, Any], words: Mapping[str | int, str]) -> dict[str, Any]:
    told: dict[str, Any] = {name: value for name, value in read.items() if not name.startswith("error_")}
    if "status" in told and isinstance(told["status"], str | int):
        told["status"] = words.get(told["status"], told["status"])
    if "results" in told and not isinstance(told["results"], list):
        told["results"] = [told["results"]]
    if error := {name.partition("_")[2]: value for name, value in read.items() if name.startswith("error_")}:
        told["error"] = error
    return told


def _at(value: Any, path: str) -> Any:
    """What stands at a dotted path; over an array (`files[].url`) all of it."""
    outer, over, inner = path.partition("[]")
    for name in outer.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not over or not isinstance(value, list):
        return value
    return [_at(one, inner.lstrip(".")) for one in value] if inner else value
