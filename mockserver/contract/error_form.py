"""An error as another provider tells it: the body that its document has, with our message and code in it."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import structs

from mockserver.contract.answer import ASKED_FOR, ErrorAnswer, ErrorTable
from mockserver.contract.document.document import JSON, Document, json_media, types
from mockserver.contract.document.made_up import made_up
from mockserver.contract.document.validator import validator

_MESSAGES = (
    "message",
    "msg",
    "detail",
    "error_description",
    "text",
    "description",
    "reason",
    "error",
    "title",
    "errors",
)
_CODES = ("code", "error_code", "errorCode")
_STATUSES = ("status", "status_code", "statusCode", "code")
_INVALID = frozenset({"invalid_request", "malformed_body", "unknown_model", "invalid_idempotency_key"})
_DEEPEST = 4
Place = tuple[str | int, ...]


class SpokenError(ErrorAnswer, frozen=True, kw_only=True):
    """`form` is a body of the document, `message_at` and `code_at` are where ours go; `stands` where its own message
    does as long as ours says no more: in an example of this very status, for what is most likely meant by that."""

    form: Any
    message_at: Place | None
    code_at: Place | None
    media_type: str = ""
    stands: bool = False

    @property
    def media(self) -> str:
        return self.media_type

    def render(self, *, message: str | None = None, extra: dict[str, Any] | None = None, **values: Any) -> bytes:
        words, form = self.filled(values) if message is None else message, self.form
        told = msgspec.json.decode(super().render(message=words, extra=extra))
        error = told.get("error", told)
        if not self.stands or words not in (None, ASKED_FOR):
            form = _put(form, self.message_at, error.get("message", error.get("msg")))
        return msgspec.json.encode(_put(form, self.code_at, error.get("code")))


def spoken_errors(document: Document, operation: dict[str, Any], errors: Iterable[ErrorAnswer]) -> ErrorTable:
    """The errors of an operation of another provider's: what is invalid by the status that it has for it, and each in
    the form that it gives for the status, if it gives one."""
    responses = operation.get("responses", {})
    by_422 = "422" in responses and "400" not in responses
    moved = [structs.replace(one, status=422) if by_422 and one.refusal in _INVALID else one for one in errors]
    first = {one.status: one for one in reversed(moved)}
    return ErrorTable([_spoken(document, responses, one, one is first[one.status]) or one for one in moved])


def _spoken(document: Document, responses: dict[str, Any], answer: ErrorAnswer, is_first: bool) -> SpokenError | None:
    """None where the document gives no form that the error fits."""
    status = str(answer.status)
    names = (status, f"{status[0]}XX", f"{status[0]}xx", "default")
    content = next((document.resolved(responses[one]) for one in names if one in responses), {}).get("content", {})
    media, schema = json_media(content), json_media(content).get("schema", {})
    named = [document.resolved(one).get("value") for one in media.get("examples", {}).values()]
    said = [one for one in (media.get("example"), *named) if isinstance(one, dict)]
    if not said and not schema:
        return None
    form = said[0] if said else made_up(document, schema)
    message = _find(form, _MESSAGES, str) if said else next(_places(document, schema, _MESSAGES, "string"), None)
    is_example = bool(said) and status in responses
    code = None if is_example else next(_places(document, schema, _CODES, "string"), None)
    form = form if said else _filled(document, schema, form, answer.status, message)
    kind = next((one for one in content if json_media({one: media})), JSON)
    kind = "" if JSON in content or kind == "*/*" else kind
    stands = is_example and is_first
    spoken = SpokenError(
        **structs.asdict(answer), form=form, message_at=message, code_at=code, media_type=kind, stands=stands
    )
    forms = (spoken, structs.replace(spoken, code_at=None))  # a code of ours may be none of those that it lists
    return next((one for one in forms if _keeps(document, schema, one)), None)


def _filled(document: Document, schema: Any, form: Any, status: int, message: Place | None) -> Any:
    """What is made up, with the status where a number for it is, and an item for a message that stands in a list."""
    for place in _places(document, schema, _STATUSES, "integer"):
        form = _put(form, place, status)
    if message is None:
        return form
    for depth, step in enumerate(message):
        if step == 0:
            form = _put(form, message[: depth + 1], made_up(document, _at(document, schema, message[: depth + 1])))
    return form


def _keeps(document: Document, schema: Any, spoken: SpokenError) -> bool:
    """Whether an error in this form is one by the document's own schema."""
    whole = {**schema, "components": document.raw.get("components", {})} if isinstance(schema, dict) else schema
    judge = validator(whole)
    return judge is not None and judge.is_valid(msgspec.json.decode(spoken.render()))


def _places(document: Document, node: Any, names: tuple[str, ...], kind: str) -> Iterator[Place]:
    """Where a schema has a value of this type by one of these names, the likeliest name first."""
    known = [(place, types(schema)) for place, schema in _walk(document, node, ())]
    for name in names:
        yield from (place for place, kinds in known if kind in kinds and _name(place) == name)


def _walk(document: Document, node: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    schema = document.flat(node)
    yield place, schema
    if len(place) >= _DEEPEST:
        return
    for name, child in schema.get("properties", {}).items():
        yield from _walk(document, child, (*place, name))
    if "items" in schema:
        yield from _walk(document, schema["items"], (*place, 0))


def _at(document: Document, node: Any, place: Place) -> Any:
    return next((schema for at, schema in _walk(document, node, ()) if at == place), {})


def _name(place: Place) -> str:
    """The last name of a place, that of the list for what stands in one."""
    return next((step for step in reversed(place) if isinstance(step, str)), "")


def _find(value: Any, names: tuple[str, ...], kind: type) -> Place | None:
    """Where a body has a value of this type by one of these names."""
    found = dict(_leaves(value, ()))
    fitting = (at for name in names for at, leaf in found.items() if _name(at) == name and isinstance(leaf, kind))
    return next(fitting, None)


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    else:
        yield place, value
    for step, one in inside:
        yield from _leaves(one, (*place, step))


def _put(value: Any, place: Place | None, one: Any) -> Any:
    """The body with this at its place; as it is where there is no place for it."""
    if place is None or one is None:
        return value
    if not place:
        return one
    step, *rest = place
    if isinstance(step, int):
        before = value if isinstance(value, list) else []
        return [_put(before[0] if before else None, tuple(rest), one), *before[1:]]
    inner = value if isinstance(value, dict) else {}
    return {**inner, step: _put(inner.get(step), tuple(rest), one)}
