"""What is wrong with a document that is served all the same: found at load, reported with file and place."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import jsonschema_rs

from mockserver.contract.document.document import KEYS, PREFIX, Document, DocumentError
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.outline import of_outline
from mockserver.contract.document.pointer import below, place_of
from mockserver.contract.document.validator import UNUSABLE, validator
from mockserver.contract.request.objection import of_schema, of_schema_error, unusable

_KEYWORDS_OF = {
    "string": {"maxLength", "minLength", "pattern"},
    "array": {"items", "maxItems", "minItems", "uniqueItems"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "object": {"properties", "required", "additionalProperties", "maxProperties", "minProperties"},
}
_ID = "task-unified-1757169743-7cvnl5zw"
"""The form of ids, whatever a document asks for."""
_KIND = {"integer": "number"}


@cache
def _schemas() -> jsonschema_rs.Draft202012Validator:
    """What a schema has to be itself; only mounted documents are asked."""
    return jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"}, offline=True)


def of_error(error: DocumentError) -> Fault:
    """The fault that keeps something from being served."""
    return Fault(error.file, error.place, error.message)


def of_ids(document: Document, place: str, schema: dict[str, Any]) -> Iterator[Fault]:
    """What the schema of an id has against those of the mock, which are served all the same."""
    judge = validator(schema, formats=True)
    for error in judge.iter_errors(_ID) if judge else ():
        told = of_schema_error(error)._replace(field="id").words
        yield Fault(document.file, place, f"the mock's ids do not keep to the schema of {told}")
        return


def faults(document: Document) -> Iterator[Fault]:
    """Everything found wrong, in the order of the document."""
    for place, node in _nodes(document.raw):
        yield from _of_reference(document, place, node)
        yield from _of_keys(document, place, node)
        if _is_schema(place):
            yield from _of_schema(document, place, node)
            yield from _of_values(document, place, node)
    yield from of_outline(document)
    yield from _of_examples(document)


def _nodes(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document; examples are data, not document."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            if key not in ("example", "examples", "default", "enum", "const") or place.endswith("/properties"):
                yield from _nodes(value, below(place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _nodes(value, f"{place}/{index}")


def _is_schema(place: str) -> bool:
    parts = place.split("/")
    named = len(parts) > 2 and parts[-2] in ("properties", "schemas")
    return named or (parts[-1] in ("schema", "items") and parts[-2] not in ("properties", "schemas"))


def _of_reference(document: Document, place: str, node: dict[str, Any]) -> Iterator[Fault]:
    reference = node.get("$ref")
    if isinstance(reference, str):
        try:
            document.resolved(node, place)
        except DocumentError as error:
            yield of_error(error)


def _of_keys(document: Document, place: str, node: dict[str, Any]) -> Iterator[Fault]:
    for key in node:
        if isinstance(key, str) and key.startswith(PREFIX) and key not in KEYS:
            yield Fault(document.file, place, f"{key} means nothing here")


def _of_schema(document: Document, place: str, node: dict[str, Any]) -> Iterator[Fault]:
    """Keywords that are no keywords of JSON Schema, stand where they have no effect, or have a wrong value."""
    bare = {key: value for key, value in node.items() if key not in ("properties", "items")}
    for error in _schemas().iter_errors(bare):
        where, told = "/".join(map(str, error.instance_path)), of_schema(error)
        words = f"not JSON Schema: received {told.received}; allowed: {told.allowed}"
        yield Fault(document.file, f"{place}/{where}".rstrip("/"), words)
    if "nullable" in node:
        yield Fault(document.file, f"{place}/nullable", "nullable means nothing in OpenAPI 3.1")
    kind = node.get("type")
    if isinstance(kind, str) and _KIND.get(kind, kind) in _KEYWORDS_OF:
        for other, keywords in _KEYWORDS_OF.items():
            for key in sorted(keywords & node.keys()) if other != _KIND.get(kind, kind) else ():
                yield Fault(document.file, f"{place}/{key}", f"{key} has no effect on type {kind}")


def _of_values(document: Document, place: str, node: dict[str, Any]) -> Iterator[Fault]:
    """A default or an example of a field that the field itself does not allow."""
    if not node.keys() & {"default", "example"}:
        return
    schema = {key: value for key, value in node.items() if key not in ("default", "example", "examples")}
    judge = None if "$ref" in str(schema) else validator(schema)
    for key in ("default", "example"):
        for breach in islice(judge.iter_errors(node[key]) if judge and key in node else (), 1):
            told = of_schema_error(breach)
            field = place.rpartition("/")[2] + ("" if told.field == "body" else f".{told.field}")
            yield Fault(
                document.file,
                f"{place}/{key}",
                f"the {key} breaks its own schema: {told._replace(field=field).words}",
            )


def _of_examples(document: Document) -> Iterator[Fault]:
    """Request examples that their own schema refuses."""
    for method, path, operation in document.operations():
        place = f"{place_of(method, path)}/requestBody"
        try:
            content = document.resolved(operation.get("requestBody", {})).get("content", {})
        except DocumentError:
            continue  # told of the reference itself
        for media_type, media in content.items():
            schema = media.get("schema") if isinstance(media, dict) else None
            if isinstance(schema, dict):
                yield from _of_media(document, media, schema, f"{place}/content/{media_type.replace('/', '~1')}")


def _of_media(document: Document, media: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[Fault]:
    named, valueless = _named(document, media)
    for name in valueless:
        yield Fault(document.file, f"{place}/{name}", "the example has no `value`")
    try:
        judge = jsonschema_rs.Draft202012Validator(
            {**schema, "components": document.raw.get("components", {})}, validate_formats=True, offline=True
        )
    except UNUSABLE as error:
        yield Fault(document.file, f"{place}/schema", f"the schema can't be used: {unusable(error)}")
        return
    for name, value in named.items():
        for breach in judge.iter_errors(value):
            told = of_schema_error(breach).words
            yield Fault(document.file, f"{place}/{name}", f"the example breaks its own schema: {told}")


def _named(document: Document, media: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The example bodies by their place, and the places that have none."""
    named, valueless = {}, []
    for name, one in media.get("examples", {}).items():
        try:
            example = document.resolved(one)
        except DocumentError:
            continue  # told of the reference itself
        if "value" in example:
            named[f"examples/{name}"] = example["value"]
        elif "externalValue" not in example:
            valueless.append(f"examples/{name}")
    return named | ({"example": media["example"]} if "example" in media else {}), valueless
