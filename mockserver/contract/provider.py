"""The operations of another provider's tasks: the one that creates, and those that query, cancel and list."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import structs

from mockserver.contract.answer import ErrorAnswer, ErrorTable, example_bodies
from mockserver.contract.behaviour import Profile, Role, read
from mockserver.contract.dialect import MARK, Dialect, Speech
from mockserver.contract.document.document import Document, DocumentError, json_media, types
from mockserver.contract.document.template import has_parameters, of_task
from mockserver.contract.document.unserved import UnservedError
from mockserver.contract.error_form import spoken_errors
from mockserver.contract.inference import Base, Note
from mockserver.contract.operation import Operation, find_operation, mount_operation, shape_of
from mockserver.contract.request.parameters import Parameters
from mockserver.contract.request.query import Query
from mockserver.contract.rules import RuleSet
from mockserver.contract.shape import Shape, Source

_ONE_THING = re.compile(r"/\{[^{}/]+\}(/status)?$")


class Others(NamedTuple):
    """The operations that follow a task, as (method, path); None where there is none."""

    query: tuple[str, str] | None
    cancel: tuple[str, str] | None
    list: tuple[str, str] | None


def mount_provider(
    document: Document, method: str, path: str, profile: Profile, base: Base, reading: ErrorTable
) -> list[Operation]:
    """All operations about the tasks that this one creates, itself first. `reading` are the errors of the others.

    Raises UnservedError or DocumentError as `mount_operation` does.
    """
    place, raw = find_operation(document, method, path)
    dialect: Dialect = read(document, raw, "task", Dialect, place)
    others = _others(document, path, dialect, place)
    created = document.ok_schema(raw, place)
    answers = [created] if others.query is None else [_answer(document, others.query), created]
    speech = Speech(document, dialect, answers, place)
    if not speech.says_id(created):
        raise UnservedError(document, place, f"{MARK} finds no id in its answer {document.ok_status(raw)}")
    create = mount_operation(document, method, path, profile, base, speech)
    roles = ((Role.GET_TASK, others.query), (Role.CANCEL_TASK, others.cancel), (Role.LIST_TASKS, others.list))
    follow = [_following(document, one, role, profile, speech, reading) for role, one in roles if one is not None]
    return [structs.replace(create, notes=(*create.notes, _note(speech, others))), *follow]


def _note(speech: Speech, others: Others) -> Note:
    told = [f"{name} {' '.join(one)}" for name, one in others._asdict().items() if one is not None]
    words = ", ".join(f"{state} is {word}" for state, word in speech.words.items())
    return Note("task", "; ".join([*told, words]), f"{MARK}, and what the document says")


def _others(document: Document, path: str, dialect: Dialect, place: str) -> Others:
    """What the dialect names, or what the document most likely means."""
    operations = [(method, one) for method, one, _ in document.operations()]
    query = _named(document, dialect.query, place) or _queries(document, path, operations)
    about = query[1].removesuffix("/status") if query else f"{path}/{{id}}"
    cancels = [("POST", f"{about}/cancel"), ("PUT", f"{about}/cancel"), ("DELETE", about)]
    cancel = _named(document, dialect.cancel, place) or next((one for one in cancels if one in operations), None)
    listed = ("GET", about.rpartition("/")[0])
    lists = listed in operations and _array_of(document, listed) is not None
    return Others(query, cancel, _named(document, dialect.list, place) or (listed if lists else None))


def _named(document: Document, name: str | None, place: str) -> tuple[str, str] | None:
    if name is None:
        return None
    method, _, path = name.partition(" ")
    known = [f"{one} {where}" for one, where, _ in document.operations()]
    if f"{method.upper()} {path}" not in known:
        raise document.error(f"{place}/{MARK}", f"received the operation {name}; allowed: {', '.join(known)}")
    return method.upper(), path


def _queries(document: Document, path: str, operations: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The GET of one thing: below the path that creates it, else the only one with a status."""
    single = [one for one in operations if one[0] == "GET" and _ONE_THING.search(one[1])]
    below = [one for one in single if one[1].startswith(f"{path}/")]
    told = [one for one in single if {"status", "state"} & _properties(document, one)]
    return next(iter(below or told), None)


def _properties(document: Document, one: tuple[str, str]) -> set[str]:
    try:
        return set(_answer(document, one).get("properties", {}))
    except DocumentError:
        return set()


def _answer(document: Document, one: tuple[str, str]) -> dict[str, Any]:
    place, raw = find_operation(document, *one)
    return document.ok_schema(raw, place)


def _following(
    document: Document, one: tuple[str, str], role: Role, profile: Profile, speech: Speech, reading: ErrorTable
) -> Operation:
    """An operation about a task that is there."""
    _, raw = find_operation(document, *one)
    method, path = one
    named = _naming(document, one, role, speech)
    status = document.ok_status(raw)
    return Operation(
        document=document.file,
        id=raw.get("operationId", f"{method} {path}"),
        method=method,
        path=of_task(path),
        role=role,
        request=None,
        shape=_shape(document, one, role, profile, speech, status),
        errors=spoken_errors(document, raw, _errors(reading, example_bodies(document, raw))),
        parameters={},
        behaviour=None,
        rules=RuleSet(()),
        examples={},
        query=Query(document, {}),
        status=status,
        speech=speech,
        asked=_asked(document, one, named),
        named_by=named,
    )


def _asked(document: Document, one: tuple[str, str], named: str | None) -> Parameters:
    """What else it takes; whether there is such a task is for the world to say."""
    _, raw = find_operation(document, *one)
    return Parameters(document, raw, document.raw["paths"][one[1]], frozenset({named or ""}))


def _naming(document: Document, one: tuple[str, str], role: Role, speech: Speech) -> str | None:
    """The parameter of the query string that names the task, where the path has none for it."""
    if role is Role.LIST_TASKS or has_parameters(one[1]):
        return None
    place, raw = find_operation(document, *one)
    shared = document.raw["paths"][one[1]].get("parameters", ())
    known = [document.resolved(parameter, place) for parameter in (*raw.get("parameters", ()), *shared)]
    asked: list[str] = [parameter["name"] for parameter in known if parameter.get("in") == "query"]
    found = next((name for name in asked if speech.is_id(name)), asked[0] if len(asked) == 1 else None)
    if found is None:
        raise document.error(f"{place}/{MARK}", f"no parameter of {' '.join(one)} names the task, in path or query")
    return found


def _shape(
    document: Document, one: tuple[str, str], role: Role, profile: Profile, speech: Speech, status: int
) -> Shape:
    place, raw = find_operation(document, *one)
    if role is Role.CANCEL_TASK and not _has_body(document, raw, status):
        return Shape(document, {}, {}, profile, place)
    schema = _answer(document, one)
    if role is not Role.LIST_TASKS:
        return shape_of(document, schema, profile, place, speech)
    array = _array_of(document, one) or ""
    sources = {array: Source("data"), "total": Source("total"), "count": Source("total")}
    return Shape(document, schema, sources, profile, place, complete=True)


def _has_body(document: Document, raw: dict[str, Any], status: int) -> bool:
    answer = document.resolved(raw.get("responses", {}).get(str(status), {}))
    return "schema" in json_media(answer.get("content", {}))


def _array_of(document: Document, one: tuple[str, str]) -> str | None:
    """The property of a list's answer that holds the items; None where there is none."""
    try:
        properties = _answer(document, one).get("properties", {})
    except DocumentError:
        return None
    return next((name for name, child in properties.items() if "array" in types(document.flat(child))), None)


def _errors(reading: ErrorTable, own: dict[int, dict[str, Any]]) -> Iterator[ErrorAnswer]:
    """The errors of a query, in the document's own words where it has an example of the status."""
    for answer in reading:
        body = own.get(answer.status)
        yield answer if body is None else ErrorAnswer(answer.refusal, answer.status, body, None)
