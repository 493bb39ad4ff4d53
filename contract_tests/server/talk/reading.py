"""What a server says, read in one place: whatever came, a value has the type that the document gives it, or is
None."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from contract_tests.contract.document import UC_PER_CREDIT

_MOST_CREDITS = 1e12
"""Beyond this a number is no amount of credits."""
_DEEPEST = 64
"""Levels of nesting; a documented answer has 4."""
_SHOWN = 60


def parsed(text: str) -> tuple[Any, bool]:
    """The JSON value of a text, and whether it is JSON at all; nested deeper than any answer counts as none."""
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None, False
    return (None, False) if _is_deep(value) else (value, True)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value


def fields(value: Any) -> dict[str, Any]:
    """An object; empty where it is none."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """An array; empty where it is none."""
    return value if isinstance(value, list) else []


def at(value: Any, *path: str) -> Any:
    """A value inside another; None where there is none."""
    for name in path:
        value = fields(value).get(name)
    return value


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """A whole number; True is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def amount_uc(value: Any) -> int | None:
    """Credits (at most 4 decimals) as uc; None for what is no number, or none that could be credits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or abs(value) > _MOST_CREDITS:
        return None
    return round(value * UC_PER_CREDIT)


def shown(value: Any) -> str:
    """A value in a few words, for a sentence."""
    told = f"{value}"
    return told if len(told) <= _SHOWN else f"{told[:_SHOWN]}..."


def known(value: Any, names: Iterable[str]) -> bool:
    """Whether this is one of the names: objects and arrays are none."""
    return isinstance(value, str) and value in names


def links(body: Any) -> tuple[str, ...]:
    """The results of a task, as far as they are texts."""
    return tuple(one for one in listed(at(body, "results")) if isinstance(one, str))


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left and what is spent, in uc."""

    remaining: int
    used: int


def balance(body: Any, whose: str = "user") -> Balance | None:
    """A balance of an answer to a query of the credits; None where its amounts are not there as numbers."""
    amounts = (at(body, "data", whose, name) for name in ("remaining_credits", "used_credits"))
    remaining, used = map(amount_uc, amounts)
    return None if remaining is None or used is None else Balance(remaining, used)


def seconds_told(retry_after: str | None, now_s: float) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date (RFC 9110); None where it says neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isascii() and retry_after.strip().isdigit():
        return float(retry_after.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now_s)
    except (ValueError, TypeError, OverflowError):
        return None
