"""Fields of a request by path: `a.b` goes inward, `a[].b` over every item of an array."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request in which the field (a dotted path) has this value, or is there at all."""

    field: str
    equals: str | int | bool | None = None


def values(body: Any, path: str) -> list[tuple[str, Any]]:
    """(place, value) of everything at this path; nothing where it is absent."""
    if isinstance(body, dict) and path in body:  # nearly all paths are of one step
        return [(path, body[path])]
    if "." not in path and "[" not in path:
        return []
    return list(_walk(body, path))


def _walk(body: Any, path: str) -> Iterator[tuple[str, Any]]:
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    if not isinstance(body, dict) or name not in body:
        return
    if not step.endswith("[]"):
        yield from _inward(name, body[name], rest)
    elif isinstance(body[name], list):
        for index, item in enumerate(body[name]):
            yield from _inward(f"{name}[{index}]", item, rest)


def scalar(body: dict[str, Any], path: str) -> Any:
    """The first text, number or truth value at this path; None where there is none."""
    found = body.get(path)
    if found is None and "." in path:
        found = next((value for _, value in values(body, path)), None)
    return found if isinstance(found, str | int | float) else None


def number(value: Any) -> float | None:
    """A number, also one written as text ("10", "10s"); None for anything else."""
    if isinstance(value, str):
        text = value.strip().lower().removesuffix("s")
        return float(text) if _NUMBER.fullmatch(text) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def same(value: Any, expected: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    return bool(value == expected and isinstance(value, bool) == isinstance(expected, bool))


def present(body: Any, path: str) -> bool:
    """Whether a field is there and says something: an empty text or array says nothing."""
    return any(value not in ("", [], None) for _, value in values(body, path))


def holds(body: Any, conditions: tuple[Condition, ...]) -> bool:
    """Whether every condition is met."""
    return all(_holds(body, condition) for condition in conditions)


def told(conditions: tuple[Condition, ...]) -> str:
    """Conditions in words, for a message; empty where there are none."""
    words = (f"{one.field} is {'given' if one.equals is None else _json(one.equals)}" for one in conditions)
    return f" where {' and '.join(words)}" if conditions else ""


def _holds(body: Any, condition: Condition) -> bool:
    if condition.equals is None:
        return present(body, condition.field)
    return any(same(value, condition.equals) for _, value in values(body, condition.field))


def _json(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inward(place: str, value: Any, rest: str) -> Iterator[tuple[str, Any]]:
    if not rest:
        yield place, value
        return
    yield from ((f"{place}.{inner}", found) for inner, found in values(value, rest))
