"""A value that keeps to a schema, for what has to be there and of which nothing is known."""

from typing import Any

from mockserver.contract.document.document import Document, needed, types

_STRINGS = {
    "date-time": "2025-09-06T14:42:23Z",
    "date": "2025-09-06",
    "time": "14:42:23Z",
    "duration": "PT1S",
    "email": "somebody@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""What stands for a text of each format."""
_DEEPEST = 12


def made_up(document: Document, node: Any, depth: int = 0) -> Any:
    """Null where it may be; what the schema itself says; else the least that its type and bounds allow."""
    schema = document.flat(node)
    kinds = types(schema)
    if "null" in kinds or depth > _DEEPEST:
        return None
    said = [schema[key] for key in ("const", "example", "default") if key in schema]
    if said or schema.get("enum"):
        return (said or schema["enum"])[0]
    parts = schema.get("anyOf") or schema.get("oneOf")
    if not kinds and isinstance(parts, list) and parts:
        return made_up(document, parts[0], depth + 1)
    if "properties" in schema or "object" in kinds:
        return _object(document, schema, depth)
    return _of_kind(document, schema, kinds[0] if kinds else "", depth)


def _object(document: Document, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    known = schema.get("properties", {})
    return {name: made_up(document, known[name], depth + 1) for name in needed(schema) if name in known}


def _of_kind(document: Document, schema: dict[str, Any], kind: str, depth: int) -> Any:
    if kind == "string":
        return _STRINGS.get(schema.get("format", ""), "").ljust(_count(schema.get("minLength")), "x")
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "array":
        return [made_up(document, schema.get("items", {}), depth + 1) for _ in range(_count(schema.get("minItems")))]
    return False if kind == "boolean" else None


def _number(schema: dict[str, Any]) -> int | float:
    """The least number from 0 on that is not below its minimum, a multiple of what it has to be one of."""
    over, step = schema.get("exclusiveMinimum"), schema.get("multipleOf", 1)
    least = schema.get("minimum", 0)
    if isinstance(over, int | float) and not isinstance(over, bool) and over >= least:
        least = over + step
    if "maximum" in schema and schema["maximum"] < least:
        return schema["maximum"]  # type: ignore[no-any-return]
    return -(-least // step) * step if "multipleOf" in schema else least  # type: ignore[no-any-return]


def _count(value: Any) -> int:
    return min(value, 1_000) if isinstance(value, int) else 0
