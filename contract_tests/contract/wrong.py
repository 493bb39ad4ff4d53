"""Submissions that are wrong in one way by the schema, and in no other: the validator is asked whether they are."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contract_tests.contract.document import Schema
from contract_tests.contract.request import Requests

_LONGEST = 100_000
"""Characters or items beyond which a bound is not tried."""
_ODD = ("", " ", "!", "no-such-value!", "\n")
_UNKNOWN = "no_such_field"


class Flaw(StrEnum):
    """What is wrong."""

    BOUND = "bound"
    VALUE = "value"
    PATTERN = "pattern"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wrong:
    """`place` is the field by its dotted path; `told` says in words what is wrong."""

    place: str
    told: str
    body: dict[str, Any]


def flawed(requests: Requests, flaw: Flaw) -> Iterator[Wrong]:
    """One for each bound, list of values or pattern of a field; none where the document has none."""
    example = requests.example()
    for place, schema in _fields(requests, requests.schema, example):
        for value, told in _values(requests, place, schema, flaw):
            body = _with(example, place, value)
            where = place.split(".")
            errors = [[*map(str, path)][: len(where)] for path in requests.places(body)]
            if errors and all(path == where for path in errors):
                yield Wrong(place, f"{place} {told}", body)
    if flaw is Flaw.UNKNOWN and requests.fits(example) and not requests.fits(example | {_UNKNOWN: 1}):
        yield Wrong(_UNKNOWN, f"a request with {_UNKNOWN}", example | {_UNKNOWN: 1})


def _fields(requests: Requests, schema: Schema, example: Any, place: str = "") -> Iterator[tuple[str, Schema]]:
    """(dotted path, schema) of each field, also inside of the objects that the example has."""
    for name, one in requests.properties_of(schema).items():
        path = f"{place}.{name}".lstrip(".")
        if name == requests.callback:
            continue
        yield path, one
        if isinstance(example, dict) and isinstance(example.get(name), dict):
            yield from _fields(requests, one, example[name], path)


def _values(requests: Requests, place: str, schema: Schema, flaw: Flaw) -> Iterator[tuple[Any, str]]:
    if flaw is Flaw.BOUND:
        yield from _beyond(requests, place, schema)
    elif flaw is Flaw.VALUE and schema.get("enum"):
        listed = schema["enum"]
        numbers = [one for one in listed if isinstance(one, int | float) and not isinstance(one, bool)]
        value = max(numbers) + 1 if numbers else "no-such-value"
        yield value, f"of {value}, which is not listed"
    elif flaw is Flaw.PATTERN and "pattern" in schema:
        yield from ((value, f"of {value!r}, which its pattern forbids") for value in _ODD)


def _beyond(requests: Requests, place: str, schema: Schema) -> Iterator[tuple[Any, str]]:
    for bound, step in (("maximum", 1), ("minimum", -1), ("exclusiveMaximum", 0), ("exclusiveMinimum", 0)):
        if isinstance(schema.get(bound), int | float):
            value = schema[bound] + step
            yield value, f"of {value}, beyond its {bound}"
    for bound, step in (("maxLength", 1), ("minLength", -1)):
        if 0 <= (length := schema.get(bound, -9) + step) <= _LONGEST:
            yield "x" * length, f"of {length} characters, beyond its {bound}"
    for bound, step in (("maxItems", 1), ("minItems", -1)):
        if 0 <= (count := schema.get(bound, -9) + step) <= _LONGEST:
            yield [requests.item(place, schema)] * count, f"of {count} items, beyond its {bound}"


def _with(example: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    body = deepcopy(example)
    *outer, name = place.split(".")
    inner = body
    for one in outer:
        inner = inner[one]
    inner[name] = value
    return body
