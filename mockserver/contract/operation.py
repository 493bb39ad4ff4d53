"""An operation: what a document says of one method and path, made ready to serve."""

import re
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from mockserver.contract.answer import ErrorTable, error_table
from mockserver.contract.behaviour import Profile, Role, TaskBehaviour, task_behaviour
from mockserver.contract.document import PREFIX, Document
from mockserver.contract.objection import Objection, of_schema_error
from mockserver.contract.shape import CREDITS_SOURCES, TASK_SOURCES, Shape

_JSON = "application/json"


class Request:
    """What the body of a request may be."""

    def __init__(self, document: Document, schema: dict[str, Any], *, required: bool) -> None:
        self.schema = document.resolved(schema)
        self.required = required
        self._validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": document.raw.get("components", {})}, validate_formats=True
        )

    def objection(self, body: Any) -> Objection | None:
        """The first thing that the schema has against this body; None where it is valid."""
        if self._validator.is_valid(body):
            return None
        return of_schema_error(next(self._validator.iter_errors(body)))

    def models(self) -> tuple[str, ...]:
        """The models that this request is for."""
        model = self.schema.get("properties", {}).get("model", {})
        return tuple(model.get("enum", ())) or tuple(filter(None, [model.get("default")]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One method and path (and, where several documents share it, the models it is for)."""

    id: str
    method: str
    path: str
    role: Role
    request: Request | None
    shape: Shape
    errors: ErrorTable
    parameters: dict[str, re.Pattern[str]]
    behaviour: TaskBehaviour | None
    examples: dict[str, Any]

    @property
    def models(self) -> tuple[str, ...]:
        return self.request.models() if self.request else ()

    @property
    def task_behaviour(self) -> TaskBehaviour:
        """How its tasks run; only an operation that creates tasks has this."""
        if self.behaviour is None:
            raise AssertionError(f"{self.id} creates no task")
        return self.behaviour

    def fixed(self, name: str) -> str:
        """The value that the 200 schema fixes for a property."""
        return self.shape.fixed(name)

    def parameter_fits(self, name: str, value: str) -> bool:
        pattern = self.parameters.get(name)
        return pattern is None or pattern.search(value) is not None


def read_operation(document: Document, method: str, path: str, profile: Profile) -> Operation:
    """Make one operation of a document ready. Raises DocumentError with the place that is wrong."""
    place = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method.lower()}"
    raw = document.raw["paths"][path][method.lower()]
    role = _role(document, raw, place)
    sources = CREDITS_SOURCES if role is Role.GET_CREDITS else TASK_SOURCES
    return Operation(
        id=raw.get("operationId", f"{method} {path}"),
        method=method,
        path=path,
        role=role,
        request=read_request(document, raw),
        shape=Shape(document, _ok_schema(document, raw, place), sources, profile, place),
        errors=error_table(document, raw, place),
        parameters=_parameters(raw),
        behaviour=task_behaviour(document, raw, place) if role is Role.CREATE_TASK else None,
        examples=_examples(document, raw),
    )


def read_request(document: Document, raw: dict[str, Any]) -> Request | None:
    """The JSON body an operation takes; None where it takes none."""
    body = document.resolved(raw.get("requestBody", {}))
    media = body.get("content", {}).get(_JSON)
    return Request(document, media["schema"], required=bool(body.get("required"))) if media else None


def _examples(document: Document, raw: dict[str, Any]) -> dict[str, Any]:
    """The example request bodies, by name."""
    media = document.resolved(raw.get("requestBody", {})).get("content", {}).get(_JSON, {})
    return {name: document.resolved(example)["value"] for name, example in media.get("examples", {}).items()}


def _role(document: Document, raw: dict[str, Any], place: str) -> Role:
    try:
        return Role(raw[f"{PREFIX}role"])
    except (KeyError, ValueError) as error:
        known = ", ".join(Role)
        raise document.error(f"{place}/{PREFIX}role", f"missing or unknown; known are {known}") from error


def _ok_schema(document: Document, raw: dict[str, Any], place: str) -> Any:
    try:
        return raw["responses"]["200"]["content"][_JSON]["schema"]
    except KeyError as error:
        raise document.error(f"{place}/responses/200", f"no JSON schema: {error} is missing") from error


def _parameters(raw: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    """The patterns of path and header parameters, by name."""
    return {
        parameter["name"]: re.compile(parameter["schema"]["pattern"])
        for parameter in raw.get("parameters", ())
        if "pattern" in parameter.get("schema", {})
    }
