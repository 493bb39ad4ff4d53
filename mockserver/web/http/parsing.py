"""The one way to call a parser on what a client sent: whatever it raises is one refusal."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

_Result = TypeVar("_Result")
NESTED_LIMIT = 200
"""How many arrays and objects may stand inside one another. Validators and encoders give up at some 250."""
_WORDS_LIMIT = 300
_decode = msgspec.json.Decoder().decode


class UnreadableError(ValueError):
    """A parser can make nothing of what came; says why, in one line."""


def parsed(parse: Callable[..., _Result], *content: Any) -> _Result:
    """What a parser makes of content. Raises UnreadableError and nothing else: parsers of other people raise more
    than they promise."""
    try:
        return parse(*content)
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(_words(error)) from error


def json_of(raw: bytes) -> Any:
    """A JSON text's value. Raises UnreadableError."""
    value = parsed(_value, raw)
    if raw.count(b"[") + raw.count(b"{") > NESTED_LIMIT and not _is_flat(value):
        raise UnreadableError(f"nested too deeply, more than {NESTED_LIMIT} levels")
    return value


def _value(raw: bytes) -> Any:
    """msgspec tells where in its string a byte is no UTF-8; whoever looks for it counts from the beginning of all."""
    try:
        return _decode(raw)
    except UnicodeDecodeError:
        str(raw, "utf-8")
        raise


def _is_flat(value: Any) -> bool:
    """Whether a value stays within the bound: level by level, for recursion is what would break."""
    level = [value]
    for _ in range(NESTED_LIMIT):
        level = [inner for one in level for inner in _inside(one)]
    return not any(isinstance(one, dict | list) for one in level)


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return " ".join(str(error).split())[:_WORDS_LIMIT] or type(error).__name__
