"""OpenAPI 3.0 read as 3.0: what its schemas say otherwise than JSON Schema, said as JSON Schema does (3.1)."""

from typing import Any

_DATA = frozenset({"example", "examples", "default", "enum", "const"})
"""Keys whose values are data, not schema."""
_NAMES = frozenset({"properties", "patternProperties", "schemas", "parameters", "responses", "headers", "callbacks"})
"""Keys whose members are names, which may be anything."""


def as_31(node: Any, *, names: bool = False) -> Any:
    """The same document for a reader of 3.1. `names`: the keys of this node are names."""
    if isinstance(node, list):
        return [as_31(one) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: as_31(one) for name, one in node.items()}
    if isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}
    read = {key: one if key in _DATA else as_31(one, names=key in _NAMES) for key, one in node.items()}
    _bounds(read)
    return _nullable(read)


def _bounds(schema: dict[str, Any]) -> None:
    """`exclusiveMinimum: true` makes `minimum` exclusive; in 3.1 it is a number of its own."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """`nullable` lets null in beside the type that a schema names; without a type it says nothing."""
    nullable = schema.pop("nullable", False) if isinstance(schema.get("nullable"), bool) else False
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    return schema
