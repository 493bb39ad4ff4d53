"""Where a JSON value goes beyond a schema of a document: fields, types and values that the schema does not know."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

Location = tuple[str, ...]
"""The keys that lead to a place in a document."""
_HOPS = 100
_COMPOSED = ("allOf", "anyOf", "oneOf")


class Beyond(StrEnum):
    """What the schema does not know."""

    FIELD = "field"
    TYPE = "type"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Sighting:
    """`place` is the path inside the value, as `usage.cost` or `data[].id`; `location` the schema of the object that
    has the unknown field, or of the value itself."""

    beyond: Beyond
    place: str
    location: Location
    value: Any

    @property
    def name(self) -> str:
        """Of the field."""
        return self.place.rpartition(".")[2]


def resolved(document: dict[str, Any], location: Location, hops: int = 0) -> tuple[Location, Any]:
    """What stands at a place of the document, and where, once references are followed. Raises LookupError."""
    node: Any = document
    for depth, key in enumerate(location):
        node = node[int(key)] if isinstance(node, list) else node[key]
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            if hops == _HOPS:
                raise LookupError(f"{node['$ref']}: a reference without an end")
            tokens = unquote(node["$ref"].removeprefix("#/")).split("/")
            target = tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)
            return resolved(document, (*target, *location[depth + 1 :]), hops + 1)
    return location, node


def sightings(document: dict[str, Any], location: Location, value: Any, place: str = "") -> Iterator[Sighting]:
    """All that a value has beyond the schema at this place of the document, however deep."""
    parts = [*_parts(document, location)]
    if not any(_allows(schema, value) for _, schema in parts):
        yield Sighting(Beyond.TYPE, place, parts[0][0], value)
    elif isinstance(value, dict):
        yield from _in_object(document, parts, value, place)
    elif isinstance(value, list):
        items = [(*where, "items") for where, schema in parts if isinstance(schema.get("items"), dict)]
        for one in value if items else ():
            yield from sightings(document, items[0], one, f"{place}[]")
    elif (unknown := [where for where, one in parts if "enum" in one]) and not _is_listed(parts, value):
        yield Sighting(Beyond.VALUE, place, unknown[0], value)


def kind_of(value: Any) -> str:
    """The JSON Schema type of a value."""
    if isinstance(value, float):
        return "integer" if math.isfinite(value) and value.is_integer() else "number"
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def key_paths(value: Any, place: str = "") -> set[str]:
    """The path of every key in a value; the elements of an array count as one."""
    if isinstance(value, list):
        return set[str]().union(*(key_paths(one, f"{place}[]") for one in value))
    found = set()
    for name, inner in value.items() if isinstance(value, dict) else ():
        path = f"{place}.{name}" if place else name
        found |= {path} | key_paths(inner, path)
    return found


def _in_object(
    document: dict[str, Any], parts: Sequence[tuple[Location, dict[str, Any]]], value: dict[str, Any], place: str
) -> Iterator[Sighting]:
    known = [(where, schema) for where, schema in parts if schema.get("properties")]
    others = [
        (*where, "additionalProperties") for where, one in parts if isinstance(one.get("additionalProperties"), dict)
    ]
    for name, inner in value.items():
        path = f"{place}.{name}" if place else name
        homes = [(*where, "properties", name) for where, schema in known if name in schema["properties"]] or others
        if homes:
            yield from sightings(document, homes[0], inner, path)
        elif known:
            yield Sighting(Beyond.FIELD, path, known[0][0], inner)


def _parts(document: dict[str, Any], location: Location) -> Iterator[tuple[Location, dict[str, Any]]]:
    """The schema at this place and those that it is composed of."""
    where, schema = resolved(document, location)
    if not isinstance(schema, dict):
        yield where, {}
        return
    yield where, schema
    for word in _COMPOSED:
        for number in range(len(schema.get(word, ()))):
            yield from _parts(document, (*where, word, str(number)))


def _allows(schema: dict[str, Any], value: Any) -> bool:
    allowed = schema.get("type")
    if allowed is None:
        return not any(word in schema for word in _COMPOSED)
    kinds = {kind_of(value)} | ({"number"} if kind_of(value) == "integer" else set())
    return bool(kinds & set([allowed] if isinstance(allowed, str) else allowed))


def _is_listed(parts: Sequence[tuple[Location, dict[str, Any]]], value: Any) -> bool:
    return any(value in schema["enum"] for _, schema in parts if "enum" in schema)
