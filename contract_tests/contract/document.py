"""OpenAPI documents as plain data: where the built-in ones are, and how to find one's way in any."""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

UC_PER_CREDIT = 10_000
"""1 credit in its smallest unit (facts, section 6)."""
FORMATS = {
    "date": "2025-09-06",
    "date-time": "2025-09-06T14:42:23Z",
    "email": "somebody@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""What stands for a text of each format, where a document has no example of one."""
METHODS = ("get", "post", "put", "delete", "patch")
BUILT_IN = "evolink.yaml"
_DEEPEST = 20
_HOPS = 100

Schema = dict[str, Any]


def document_path(name: str = BUILT_IN) -> Path:
    """Where a document is: inside an installed wheel, or beside the packages in a checkout."""
    package = Path(str(resources.files("mockserver")))
    inside = package / "_data"
    return (inside if inside.is_dir() else package.parent) / "openapi" / name


@cache
def contract_document(name: str = BUILT_IN) -> dict[str, Any]:
    """The document as it is written. Nobody may change what this returns."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw: dict[str, Any] = yaml.load(document_path(name).read_bytes(), loader)  # noqa: S506
    return raw


def uc(credits_told: float) -> int:
    """Credits of an answer (at most 4 decimals) as uc."""
    return round(credits_told * UC_PER_CREDIT)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method in capitals, path template, operation), in the document's order."""
    for path, item in document["paths"].items():
        yield from ((method.upper(), path, item[method]) for method in METHODS if method in item)


def resolved(document: dict[str, Any], node: Any) -> dict[str, Any]:
    """The node, or what its chain of references within the document leads to; empty where that is no object."""
    for _ in range(_HOPS):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            break
        node = _at(document, node["$ref"])
    return node if isinstance(node, dict) else {}


def _at(document: dict[str, Any], pointer: str) -> Any:
    node: Any = document
    for token in pointer.removeprefix("#/").split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node


def flat(document: dict[str, Any], node: Any, depth: int = 0) -> Schema:
    """A schema with its references followed and the parts of its `allOf` taken together."""
    schema = resolved(document, node)
    parts = schema.get("allOf")
    if not isinstance(parts, list) or depth > _DEEPEST:
        return schema
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    for part in [flat(document, one, depth + 1) for one in reversed(parts)]:
        properties = {**part.get("properties", {}), **whole.get("properties", {})}
        required = [*part.get("required", ()), *whole.get("required", ())]
        whole = {**part, **whole, "properties": properties, "required": list(dict.fromkeys(required))}
    return whole


def property_at(document: dict[str, Any], schema: Any, path: str) -> Schema | None:
    """The schema of a property at a dotted path; None where there is none."""
    for name in path.split("."):
        properties = flat(document, schema).get("properties", {})
        if name not in properties:
            return None
        schema = properties[name]
    return flat(document, schema)


def json_schema(document: dict[str, Any], response: Any) -> Any:
    """The schema of a JSON body, as it stands; None where there is none."""
    return json_media(document, response).get("schema")


def as_sent(document: dict[str, Any], node: Any) -> Any:
    """A schema, and whatever stands below it, with no property required that is for answers alone (readOnly)."""
    if isinstance(node, list):
        return [as_sent(document, one) for one in node]
    if not isinstance(node, dict):
        return node
    copy = {key: as_sent(document, one) for key, one in node.items()}
    properties, required = node.get("properties"), node.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        told = {name for name, one in properties.items() if flat(document, one).get("readOnly") is True}
        copy["required"] = [name for name in required if name not in told]
    return copy


def json_types(body: dict[str, Any]) -> tuple[str, ...]:
    """The media types that a JSON body may have, `application/json` where nothing else is said."""
    named = (name.partition(";")[0].strip().lower() for name in body.get("content", {}))
    return tuple(name for name in named if name.endswith("json")) or ("application/json",)


def json_media(document: dict[str, Any], body: Any) -> dict[str, Any]:
    """What is said of the JSON form of a body, whatever parameters its media type has."""
    content = resolved(document, body).get("content", {})
    found = (media for name, media in content.items() if name.partition(";")[0].strip().endswith("json"))
    media: dict[str, Any] = next(found, {})
    return media
