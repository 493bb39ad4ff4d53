"""What a document has to be built like before anything is read off it; somebody else's may be anything."""

from typing import Any

import msgspec
from msgspec import Struct

from mockserver.contract.request import misfit


class _Media(Struct):
    schema: "_Schema | bool" = True
    examples: dict[str, dict[str, Any]] = {}


class _Schema(Struct):
    """As far as it is looked into; whether it is JSON Schema is for its validator to say."""

    properties: "dict[str, _Schema | bool]" = {}
    enum: list[Any] = []


class _Content(Struct):
    content: dict[str, _Media] = {}


class _Operation(Struct):
    requestBody: _Content = msgspec.field(default_factory=_Content)  # noqa: N815 - as OpenAPI spells it
    responses: dict[str, _Content] = {}
    parameters: list[dict[str, Any]] = []
    operationId: str = ""  # noqa: N815


class _Components(Struct):
    schemas: dict[str, _Schema | bool] = {}
    responses: dict[str, _Content] = {}
    requestBodies: dict[str, _Content] = {}  # noqa: N815
    examples: dict[str, dict[str, Any]] = {}


def objection(node: Any, *, components: bool = False) -> str | None:
    """What keeps an operation, or the components, from being read; None where nothing does."""
    kind = _Components if components else _Operation
    try:
        msgspec.convert(node, kind)
    except msgspec.ValidationError as error:
        return misfit.words(error, node, kind)
    return None
