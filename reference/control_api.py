"""The control API, from `openapi/control.yaml`."""

from collections.abc import Iterator
from typing import Any

import yaml

from mockserver.data import data
from reference.markdown import page, table

_METHODS = ("get", "put", "post", "delete")


def control_api() -> str:
    """The page of the control API: every call, what it takes, what it answers."""
    document = read()
    return page(
        "The control API",
        f"{document['info']['description']} The whole description is `openapi/control.yaml`, an OpenAPI 3.1 "
        "document; a field or parameter that it does not know is refused by name.",
        *(_section(document, *call) for call in calls(document)),
    )


def read() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = yaml.safe_load(data("openapi", "control.yaml").read_text("utf-8"))
    return document


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of each call, in the document's order."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method, path, {**item[method], "parameters": _parameters(document, item, item[method])}


def resolved(document: dict[str, Any], node: Any) -> Any:
    """A node, or what its $ref leads to within the document."""
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _parameters(document: dict[str, Any], item: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    return [resolved(document, one) for one in [*item.get("parameters", []), *operation.get("parameters", [])]]


def _section(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    takes = [*_places(document, operation), *_fields(document, operation)]
    return "\n\n".join(
        (
            f"## {method.upper()} {path}",
            f"**{operation['summary']}.** {operation.get('description', '')}",
            *([table(("takes", "in", "is"), takes)] if takes else []),
            f"Answers {', '.join(sorted(operation['responses']))}.",
        )
    )


def _places(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in operation["parameters"]:
        schema = resolved(document, one.get("schema", {}))
        yield f"`{one['name']}`", one["in"], _said({**schema, **one}, schema)


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    content = resolved(document, operation.get("requestBody", {})).get("content", {})
    schema = resolved(document, content.get("application/json", {}).get("schema", {}))
    for name, written in schema.get("properties", {}).items():
        field = {} if written is True else resolved(document, written)  # true: anything
        yield f"`{name}`", "body", _said({**field, **({} if written is True else written)}, field)


def _said(told: dict[str, Any], schema: dict[str, Any]) -> str:
    """Its type or words, and its description."""
    kind = schema.get("enum") or schema.get("type", "")
    shown = ", ".join(f"`{one}`" for one in kind) if isinstance(kind, list) else str(kind)
    return ": ".join(part for part in (shown, told.get("description", "")) if part)
