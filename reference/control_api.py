"""The control API, from `openapi/control.yaml`."""

from collections.abc import Iterator
from typing import Any

from mockserver.contract.document.document import Document, json_media, load
from mockserver.data import data
from reference.markdown import page, table


def control_api() -> str:
    """The page of the control API: every call, what it takes, what it answers."""
    document = read()
    return page(
        "The control API",
        f"{document.raw['info']['description']} The whole description is `openapi/control.yaml`, an OpenAPI 3.1 "
        "document; a field or parameter that it does not know is refused by name.",
        *(_section(document, *call) for call in document.operations()),
    )


def read() -> Document:
    """The document."""
    return load(data("openapi", "control.yaml"))


def _section(document: Document, method: str, path: str, operation: dict[str, Any]) -> str:
    takes = [*_places(document, operation), *_fields(document, operation)]
    return "\n\n".join(
        (
            f"## {method} {path}",
            f"**{operation['summary']}.** {operation.get('description', '')}",
            *([table(("takes", "in", "is"), takes)] if takes else []),
            f"Answers {', '.join(sorted(operation['responses']))}.",
        )
    )


def _places(document: Document, operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in map(document.resolved, operation.get("parameters", ())):
        schema = document.resolved(one.get("schema", {}))
        yield f"`{one['name']}`", one["in"], _said({**schema, **one}, schema)


def _fields(document: Document, operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    content = document.resolved(operation.get("requestBody", {})).get("content", {})
    schema = document.resolved(json_media(content).get("schema", {}))
    for name, written in schema.get("properties", {}).items():
        field = document.resolved(written)
        yield f"`{name}`", "body", _said({**field, **({} if written is True else written)}, field)


def _said(told: dict[str, Any], schema: dict[str, Any]) -> str:
    """Its type or words, and its description."""
    kind = schema.get("enum") or schema.get("type", "")
    shown = ", ".join(f"`{one}`" for one in kind) if isinstance(kind, list) else str(kind)
    return ": ".join(part for part in (shown, told.get("description", "")) if part)
