"""Error answers: one table from names of refusals to status and body, read from the document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from mockserver.contract.behaviour import GeneralRefusal
from mockserver.contract.document import JSON, PREFIX, Document


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One error as documented: the status, an example body, a template where its message varies."""

    refusal: str
    status: int
    body: dict[str, Any]
    message: str | None

    @property
    def code(self) -> str:
        return str(self.body["error"].get("code"))

    def render(self, *, message: str | None = None, extra: dict[str, Any] | None = None, **values: Any) -> bytes:
        """The example, its message filled in or replaced, `extra` over what the example has of it."""
        error = dict(self.body["error"])
        if message is not None:
            error["message"] = message
        elif self.message is not None:
            error["message"] = self.message.format_map(_Blanks(values))
        error.update({key: value for key, value in (extra or {}).items() if key in error})
        return msgspec.json.encode({**self.body, "error": error})


class _Blanks(dict[str, Any]):
    """A placeholder that has no value here stays readable instead of breaking the answer."""

    def __missing__(self, key: str) -> str:
        return f"({key})"


class ErrorTable:
    """The errors of one operation, by refusal; and by status and code, as scenarios name them."""

    def __init__(self, answers: list[ErrorAnswer]) -> None:
        self._answers = answers
        self._by_refusal = {answer.refusal: answer for answer in reversed(answers)}

    def __getitem__(self, refusal: str) -> ErrorAnswer:
        return self._by_refusal[refusal]

    def __iter__(self) -> Iterator[ErrorAnswer]:
        return iter(self._answers)

    def __contains__(self, refusal: str) -> bool:
        return refusal in self._by_refusal

    def find(self, status: int, code: str | None) -> ErrorAnswer | None:
        """The first error of this status (and code, if one is asked for)."""
        fitting = (one for one in self._answers if one.status == status and code in (None, one.code))
        return next(fitting, None)

    def codes(self) -> list[tuple[int, str]]:
        """(status, code) of each error."""
        return [(answer.status, answer.code) for answer in self._answers]


def error_table(document: Document, operation: dict[str, Any], place: str) -> ErrorTable:
    """Read the examples of every error response. Raises DocumentError where one names no refusal."""
    return ErrorTable(list(_answers(document, operation, place)))


def _answers(document: Document, operation: dict[str, Any], place: str) -> Iterator[ErrorAnswer]:
    for status, response in operation["responses"].items():
        if not str(status).startswith(("4", "5")):
            continue
        response = document.resolved(response, place)  # noqa: PLW2901
        examples = response.get("content", {}).get("application/json", {}).get("examples", {})
        for name, example in examples.items():
            where = f"{place}/responses/{status}/content/application~1json/examples/{name}"
            if f"{PREFIX}refusal" not in example:
                raise document.error(where, f"{PREFIX}refusal is missing")
            message = example.get(f"{PREFIX}message")
            yield ErrorAnswer(example[f"{PREFIX}refusal"], int(status), example["value"], message)


def example_bodies(document: Document, operation: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The first example of each error status that looks like an error of this API, by status."""
    found = {}
    for status, response in operation.get("responses", {}).items():
        media = document.resolved(response).get("content", {}).get(JSON, {})
        named = (document.resolved(one).get("value") for one in media.get("examples", {}).values())
        body = media.get("example", next(named, None))
        if str(status).isdigit() and int(status) >= 400 and _is_error(body):
            found[int(status)] = body
    return found


def _is_error(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("error"), dict) and "message" in body["error"]


def general_answers(refusals: dict[str, GeneralRefusal]) -> ErrorTable:
    """The answers that belong to no operation."""
    return ErrorTable([ErrorAnswer(name, one.status, one.body, one.message) for name, one in refusals.items()])
