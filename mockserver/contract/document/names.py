"""The names that a schema has for the fields of an object: what else is there, no document speaks of."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mockserver.contract.document.document import Document, DocumentError

_OPEN = ("patternProperties", "propertyNames", "unevaluatedProperties", "dependentSchemas", "if", "not")
_DEEPEST = 5


class Names(NamedTuple):
    """Every name known in an object, and the names inside those of its fields that hold objects or lists of them."""

    known: frozenset[str]
    inner: tuple[tuple[str, "Names"], ...]


def names_of(document: Document, schema: Any, depth: int = 0) -> Names | None:
    """None where a schema leaves open what may stand there, or speaks of no object."""
    try:
        forms = list(_forms(document, schema, depth))
    except DocumentError:
        return None
    if depth > _DEEPEST or not forms or any(_is_open(one) for one in forms):
        return None
    fields = {name: part for form in forms for name, part in form.get("properties", {}).items()}
    if not fields:
        return None
    inner = ((name, names_of(document, _item(document, part), depth + 1)) for name, part in fields.items())
    return Names(frozenset(fields), tuple((name, names) for name, names in inner if names is not None))


def _forms(document: Document, schema: Any, depth: int) -> Iterator[dict[str, Any]]:
    """A schema itself, and each of the forms that it lets one choose from."""
    flat = document.flat(schema)
    yield flat
    for key in ("anyOf", "oneOf"):
        for part in flat.get(key, ()) if depth <= _DEEPEST else ():
            yield from _forms(document, part, depth + 1)


def _item(document: Document, schema: Any) -> Any:
    """What a list holds; anything else itself."""
    try:
        return document.resolved(schema).get("items", schema)
    except DocumentError:
        return schema


def _is_open(schema: dict[str, Any]) -> bool:
    return any(key in schema for key in _OPEN) or schema.get("additionalProperties") not in (None, False)
