"""An operation: what a document says of one method and path, made ready to serve."""

import re
from functools import cached_property
from itertools import islice
from typing import Any

import jsonschema_rs
from msgspec import Struct

from mockserver.contract.answer import ErrorTable, error_table, example_bodies
from mockserver.contract.behaviour import UPLOADS, Polling, Profile, Role, TaskBehaviour, read, task_behaviour
from mockserver.contract.dialect import Speech
from mockserver.contract.document.document import PREFIX, Document, json_media, needed
from mockserver.contract.document.model_names import models_of
from mockserver.contract.document.names import Names, names_of
from mockserver.contract.document.pointer import place_of
from mockserver.contract.document.sent import as_sent
from mockserver.contract.document.unserved import UnservedError, refuse_other_than_tasks
from mockserver.contract.document.validator import UNUSABLE
from mockserver.contract.error_form import spoken_errors
from mockserver.contract.inference import Base, Inferred, Note
from mockserver.contract.request.objection import Objection, of_schema_error, unusable
from mockserver.contract.request.parameters import Parameters
from mockserver.contract.request.query import Query
from mockserver.contract.rules import RuleSet
from mockserver.contract.shape import (
    CREDITS_SOURCES,
    FILE_LIST_SOURCES,
    FILE_SOURCES,
    LIST_SOURCES,
    LISTED_MODEL_SOURCES,
    LISTED_TASK_SOURCES,
    QUOTA_SOURCES,
    TASK_SOURCES,
    UPLOAD_SOURCES,
    Shape,
    Source,
)

_SOURCES: dict[Role, dict[str, Source]] = {
    Role.CREATE_TASK: TASK_SOURCES,
    Role.GET_TASK: TASK_SOURCES,
    Role.CANCEL_TASK: TASK_SOURCES,
    Role.GET_CREDITS: CREDITS_SOURCES,
    **dict.fromkeys((Role.LIST_TASKS, Role.GET_TASKS, Role.LIST_MODELS), LIST_SOURCES),
    **dict.fromkeys(UPLOADS, UPLOAD_SOURCES),
    Role.GET_FILES_QUOTA: QUOTA_SOURCES,
    Role.LIST_FILES: FILE_LIST_SOURCES,
    Role.DELETE_FILE: {},
}
_ITEMS = {
    Role.LIST_TASKS: ("data", LISTED_TASK_SOURCES),
    Role.LIST_MODELS: ("data", LISTED_MODEL_SOURCES),
    Role.LIST_FILES: ("data.files", FILE_SOURCES),
}
"""What fills the body of each role's answer; where its list is, and what fills each item of it."""
Place = tuple[str, str]
"""(method, path template): several operations may share it, each for models of its own."""
_ERRORS_LIMIT = 100
"""Errors of one body that are looked at; it may have as many as it has items."""


class Request:
    """What the body of a request may be."""

    def __init__(self, document: Document, schema: dict[str, Any], *, required: bool) -> None:
        self._document = document
        self.schema = as_sent(document, document.flat(schema))
        self.required = required
        whole = as_sent(document, {**schema, "components": document.raw.get("components", {})})
        self._validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True, offline=True)

    def objection(self, body: Any) -> Objection | None:
        """The first thing that the schema has against this body; None where it is valid.

        A field that is not known goes first: misspelt, it is mostly the reason for the rest.
        """
        if self._validator.is_valid(body):
            return None
        errors = islice(self._validator.iter_errors(body), _ERRORS_LIMIT)
        first = min(errors, key=lambda error: error.kind.name != "additionalProperties")
        objection = of_schema_error(first)
        known = self._known_at(first.instance_path) if first.kind.name == "additionalProperties" else ""
        return objection._replace(allowed=known) if known else objection

    def _known_at(self, place: list[str | int]) -> str:
        """The names that may stand in an object of a body; empty where that is open."""
        names = self.names
        for step in place:
            if isinstance(step, str) and names is not None:
                names = dict(names.inner).get(step)
        return ", ".join(sorted(names.known)) if names else ""

    @cached_property
    def names(self) -> Names | None:
        """The names that the document has for fields; None where it leaves them open."""
        return names_of(self._document, self.schema)

    def needs(self, field: str) -> bool:
        """Whether a request has to have this field."""
        return field in needed(self.schema)

    def models(self) -> tuple[str, ...]:
        """The models that this request is for."""
        return models_of(self._document, self.schema)


class Operation(Struct, frozen=True, kw_only=True, eq=False):
    """One method and path (and, where several documents share it, the models it is for)."""

    document: str
    id: str
    method: str
    path: str
    role: Role
    request: Request | None
    shape: Shape
    errors: ErrorTable
    parameters: dict[str, re.Pattern[str]]
    behaviour: TaskBehaviour | None
    rules: RuleSet
    examples: dict[str, Any]
    query: Query
    items: Shape | None = None
    notes: tuple[Note, ...] = ()
    status: int = 200
    speech: Speech | None = None
    polling: Polling | None = None
    asked: Parameters | None = None
    """What else a request of another provider has to carry."""
    named_by: str | None = None
    """The parameter of the query string that names the task, where the path does not."""

    @property
    def place(self) -> Place:
        return self.method, self.path

    @property
    def models(self) -> tuple[str, ...]:
        named = self.request.models() if self.request else ()
        spoken = self.speech.dialect.model if self.speech else None
        return named or ((spoken,) if spoken else ())

    @property
    def callback_field(self) -> str:
        """The field of a request that says where to report the end of its task."""
        return callback_field(self.speech)

    @property
    def task_behaviour(self) -> TaskBehaviour:
        """How its tasks run; only an operation that creates tasks has this."""
        if self.behaviour is None:
            raise AssertionError(f"{self.id} creates no task")
        return self.behaviour

    @property
    def task_object(self) -> str:
        """What its tasks call themselves; derived from what they yield where the 200 schema does not say."""
        values = self.shape.schema_at("object").get("enum", ())
        return str(values[0]) if values else f"{self.task_behaviour.results.type}.generation.task"

    @property
    def can_cancel(self) -> bool:
        """Whether its tasks say that they can be cancelled."""
        schema = self.shape.schema_at("task_info.can_cancel")
        return bool(schema.get("example", True)) and True in schema.get("enum", (True,))

    @property
    def cancelled_as(self) -> str:
        """What a cancelled task reads (facts, section 2)."""
        if self.speech is not None:
            return "cancelled" if "cancelled" in self.speech.words else "failed"
        return "cancelled" if "cancelled" in self.shape.schema_at("status").get("enum", ()) else "failed"

    @property
    def item_shape(self) -> Shape:
        """The shape of each item; only the answer of an operation that lists has this."""
        if self.items is None:
            raise AssertionError(f"{self.id} lists nothing")
        return self.items

    def parameter_fits(self, name: str, value: str) -> bool:
        pattern = self.parameters.get(name)
        return pattern is None or pattern.search(value) is not None


def callback_field(speech: Speech | None) -> str:
    """The request field that says where to report the end, as this API or another calls it."""
    return (speech.dialect.callback if speech else None) or "callback_url"


def read_operation(document: Document, method: str, path: str, profile: Profile) -> Operation:
    """Make an operation of a document of our own ready. Raises DocumentError with the place that is wrong."""
    place, raw = find_operation(document, method, path)
    role = _role(document, raw, place)
    behaviour = task_behaviour(document, raw, place) if role is Role.CREATE_TASK else None
    shape = Shape(document, document.ok_schema(raw, place), _SOURCES[role], profile, place)
    return Operation(
        document=document.file,
        id=raw.get("operationId", f"{method} {path}"),
        method=method,
        path=path,
        role=role,
        request=read_request(document, raw, place),
        shape=shape,
        errors=error_table(document, raw, place, role),
        parameters=_parameters(raw),
        behaviour=behaviour,
        rules=RuleSet(behaviour.rules if behaviour else ()),
        examples=_examples(document, raw),
        query=Query(document, raw),
        items=shape.of_items(*_ITEMS[role]) if role in _ITEMS else None,
        polling=read(document, raw, "polling", Polling, place) if f"{PREFIX}polling" in raw else None,
    )


def mount_operation(
    document: Document, method: str, path: str, profile: Profile, base: Base, speech: Speech | None = None
) -> Operation:
    """Make an operation of somebody else's document ready: what it leaves open is inferred, and noted.

    `speech` is how its tasks speak, if not as this API's. Raises UnservedError where it is nothing that creates a
    task, DocumentError where it can't be used.
    """
    place, raw = find_operation(document, method, path)
    if speech is None:
        refuse_other_than_tasks(document, method, raw, place)
    inferred = Inferred(document, raw, path, base, callback_field(speech))
    behaviour = inferred.behaviour()
    errors = inferred.errors(example_bodies(document, raw))
    idempotency = frozenset({behaviour.idempotency.header.lower()})
    operation = Operation(
        document=document.file,
        id=raw.get("operationId", f"{method} {path}"),
        method=method,
        path=path,
        role=Role.CREATE_TASK,
        request=read_request(document, raw, place),
        shape=shape_of(document, document.ok_schema(raw, place), profile, place, speech),
        errors=errors if speech is None else spoken_errors(document, raw, errors),
        parameters=base.parameters,
        behaviour=behaviour,
        rules=RuleSet(behaviour.rules),
        examples=_examples(document, raw),
        query=Query(document, {}),
        notes=tuple(inferred.notes),
        status=document.ok_status(raw),
        speech=speech,
        asked=None if speech is None else Parameters(document, raw, document.raw["paths"][path], idempotency),
    )
    if not operation.models:
        raise UnservedError(document, place, "no enum, default or example of `model` says which model it is for")
    return operation


def shape_of(document: Document, schema: Any, profile: Profile, place: str, speech: Speech | None) -> Shape:
    """The body of an answer about a task, as this API or another speaks of it."""
    if speech is None:
        return Shape(document, schema, TASK_SOURCES, profile, place)
    return Shape(document, schema, speech.sources(schema), profile, place, complete=True)


def find_operation(document: Document, method: str, path: str) -> tuple[str, dict[str, Any]]:
    return place_of(method, path), document.raw["paths"][path][method.lower()]


def read_request(document: Document, raw: dict[str, Any], place: str = "#") -> Request | None:
    """The JSON body an operation takes; None where it takes none. Raises DocumentError for an unusable schema."""
    schema = document.request_schema(raw)
    if schema is None:
        return None
    required = bool(document.resolved(raw.get("requestBody", {})).get("required"))
    try:
        return Request(document, schema, required=required)
    except UNUSABLE as error:
        raise document.error(f"{place}/requestBody", f"the schema can't be used: {unusable(error)}") from error


def _examples(document: Document, raw: dict[str, Any]) -> dict[str, Any]:
    """The example request bodies, by name."""
    media = json_media(document.resolved(raw.get("requestBody", {})).get("content", {}))
    named = {name: document.resolved(one).get("value") for name, one in media.get("examples", {}).items()}
    return named | ({"example": media["example"]} if "example" in media else {})


def _role(document: Document, raw: dict[str, Any], place: str) -> Role:
    try:
        return Role(raw[f"{PREFIX}role"])
    except (KeyError, ValueError) as error:
        known = ", ".join(Role)
        raise document.error(f"{place}/{PREFIX}role", f"missing or unknown; known are {known}") from error


def _parameters(raw: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    """The patterns of path and header parameters, by name."""
    return {
        parameter["name"]: re.compile(parameter["schema"]["pattern"])
        for parameter in raw.get("parameters", ())
        if "pattern" in parameter.get("schema", {})
    }
