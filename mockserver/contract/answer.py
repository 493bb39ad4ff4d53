"""Error answers: one table from names of refusals to status and body, read from the document."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from string import Formatter
from typing import Any

import msgspec
from msgspec import Struct

from mockserver.contract.behaviour import UPLOADS, GeneralRefusal, Role
from mockserver.contract.document.document import PREFIX, Document, json_media

_ALWAYS = frozenset({"unauthorized", "internal_error", "service_unavailable"})
_UPLOAD = frozenset({"invalid_request", "malformed_body", "unsupported_media_type", "file_quota_exhausted"})
NEEDED = {
    Role.CREATE_TASK: _ALWAYS
    | {"invalid_request", "malformed_body", "unknown_model", "invalid_idempotency_key"}
    | {"insufficient_credits", "insufficient_token_credits", "model_access_denied"}
    | {"idempotency_conflict", "outcome_unknown", "rate_limited", "too_many_tasks"},
    Role.GET_TASK: _ALWAYS | {"invalid_task_id", "permission_denied", "task_not_found"},
    Role.CANCEL_TASK: _ALWAYS | {"permission_denied", "task_not_found", "task_ended"},
    Role.GET_CREDITS: _ALWAYS,
    Role.LIST_TASKS: _ALWAYS | {"invalid_request"},
    Role.GET_TASKS: _ALWAYS | {"invalid_request", "malformed_body"},
    Role.LIST_MODELS: _ALWAYS,
    **dict.fromkeys(UPLOADS, _ALWAYS | _UPLOAD),
    Role.GET_FILES_QUOTA: _ALWAYS,
    Role.LIST_FILES: _ALWAYS | {"invalid_request"},
    Role.DELETE_FILE: _ALWAYS | {"file_not_found"},
}
"""The refusals that the server gives by itself: without their words it would have nothing to say."""
_OF_ANY_REQUEST = frozenset(
    {"unsupported_encoding", "malformed_request", "head_too_large", "request_timeout", "too_many_connections"}
)
"""What is wrong with a request before anybody has asked what it wants."""
_OF_A_FILE = frozenset({"precondition_failed", "range_not_satisfiable"})
NEEDED_OF_ALL = _OF_ANY_REQUEST | (
    {"unknown_path", "not_served", "method_not_allowed", "unsupported_media_type", "body_too_large"}
    | {"task_ended", "result_expired", "result_not_found", "internal_error"} | _OF_A_FILE
)  # fmt: skip
NEEDED_OF_FILES = _OF_ANY_REQUEST | (
    {"unknown_path", "method_not_allowed", "body_too_large", "internal_error", "file_not_found"} | _OF_A_FILE
)
"""The same for a document of its own paths beside the generation API."""


ASKED_FOR = "A scenario asked for this answer"
"""The message where nothing was wrong that a template could tell."""


class ErrorAnswer(Struct, frozen=True):
    """One error as documented: the status, an example body, a template where its message varies."""

    refusal: str
    status: int
    body: dict[str, Any]
    message: str | None

    @property
    def media(self) -> str:
        """The media type of its body, if not plain JSON."""
        return ""

    @property
    def code(self) -> str:
        return str(_told(self.body)[0].get("code"))

    @property
    def words(self) -> str:
        """Its message; a template where that varies."""
        told, name = _told(self.body)
        return self.message or str(told[name])

    def filled(self, values: dict[str, Any]) -> str | None:
        """Its template with these values; None where there is no template."""
        if self.message is None:
            return None
        named = _named(self.message)
        return ASKED_FOR if named and named.isdisjoint(values) else self.message.format_map(_Blanks(values))

    def render(self, *, message: str | None = None, extra: dict[str, Any] | None = None, **values: Any) -> bytes:
        """The example, its message filled in or replaced, `extra` over what the example has of it."""
        told, name = _told(self.body)
        error, words = dict(told), self.filled(values) if message is None else message
        if words is not None:
            error[name] = words
        error.update({key: value for key, value in (extra or {}).items() if key in error})
        return msgspec.json.encode(error if told is self.body else {**self.body, "error": error})


class _Blanks(dict[str, Any]):
    """A placeholder that has no value here stays readable instead of breaking the answer."""

    def __missing__(self, key: str) -> str:
        return f"({key})"


@cache
def _named(template: str) -> frozenset[str]:
    """What the placeholders of a template are called."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


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


def error_table(document: Document, operation: dict[str, Any], place: str, role: Role) -> ErrorTable:
    """Read the examples of every error response. Raises DocumentError where one is no answer, or one is missing."""
    return _complete(document, list(_answers(document, operation, place)), f"{place}/responses", NEEDED[role])


def general_table(
    document: Document, refusals: dict[str, GeneralRefusal], needed: AbstractSet[str] = NEEDED_OF_ALL
) -> ErrorTable:
    """The answers that belong to no operation. Raises DocumentError as `error_table` does."""
    place = f"#/{PREFIX}refusals"
    answers = [
        _answer(document, f"{place}/{name}", ErrorAnswer(name, one.status, one.body, one.message))
        for name, one in refusals.items()
    ]
    return _complete(document, answers, place, needed)


def _complete(document: Document, answers: list[ErrorAnswer], place: str, needed: AbstractSet[str]) -> ErrorTable:
    missing = needed - {answer.refusal for answer in answers}
    if missing:
        raise document.error(place, f"no error for {', '.join(sorted(missing))}")
    return ErrorTable(answers)


def _answer(document: Document, place: str, answer: ErrorAnswer) -> ErrorAnswer:
    """The answer itself, if it can be given."""
    if not _is_error(answer.body):
        raise document.error(place, "the example is no error: it has no error.message (or success: false and msg)")
    try:
        (answer.message or "").format_map(_Blanks())
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise document.error(f"{place}/{PREFIX}message", f"no template: {error}") from error
    return answer


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
            refusal = example[f"{PREFIX}refusal"]
            yield _answer(document, where, ErrorAnswer(refusal, int(status), example.get("value"), message))


def example_bodies(document: Document, operation: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The first example of each error status that looks like an error of this API, by status."""
    found: dict[int, dict[str, Any]] = {}
    for status, response in operation.get("responses", {}).items():
        media = json_media(document.resolved(response).get("content", {}))
        named = (document.resolved(one).get("value") for one in media.get("examples", {}).values())
        body: Any = media.get("example", next(named, None))
        if str(status).isdigit() and int(status) >= 400 and _is_error(body):
            found[int(status)] = body
    return found


def _told(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(the object that tells an error, the name of its message): generation and files have each their way."""
    return (body["error"], "message") if "error" in body else (body, "msg")


def _is_error(body: Any) -> bool:
    if not isinstance(body, dict):
        return False
    if "error" in body:
        return isinstance(body["error"], dict) and "message" in body["error"]
    return body.get("success") is False and "msg" in body
