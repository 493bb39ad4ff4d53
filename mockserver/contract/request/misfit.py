"""Why a value is not of the type that it is read as, told from both sides as everything else is."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from mockserver.contract.document.evidence import Evidence

_PLACE = r"(?: - at `\$\.?(?P<place>[^`]*)`| - at `key` in `\$\.?(?P<key>[^`]*)`)?"
_EXPECTED = re.compile(r"Expected `(?P<allowed>.*?)`, got `(?P<received>.*?)`" + _PLACE)
_ENUM = re.compile(r"Invalid enum value (?P<received>.*?)" + _PLACE)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`" + _PLACE)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`" + _PLACE)
_STEP = re.compile(r"\[[^]]*\]|[^.\[]+")
_ANY = "[...]"
_NUMBER = re.compile(r"Invalid literal for Fraction: (?P<received>.*?)(?: - at `.*`)?")


def words(error: Exception, value: Any = None, kind: Any = None) -> str:
    """A msgspec.ValidationError, or whatever else spoke against a value, as a sentence of this kit's.

    With the `value` and the `kind` that it was read as, the place has the names that msgspec leaves out.
    """
    text = " ".join(str(error).split())
    if _ANY in text:
        text = re.sub(r"`\$([^`]*)`$", lambda one: f"`${_named(_STEP.findall(one[1]), value, _fails(kind))}`", text)
    if (found := _EXPECTED.fullmatch(text)) is not None:
        received, allowed = found["received"], found["allowed"].replace(" | ", " or ")
    elif (found := _ENUM.fullmatch(text)) is not None:
        of_evidence = (found["place"] or "").rpartition(".")[2] == "evidence"
        received, allowed = found["received"], ", ".join(Evidence) if of_evidence else "a word that is known here"
    elif (found := _MISSING.fullmatch(text)) is not None:
        return f"{_at(found, found['field'])}received nothing; allowed: a value"
    elif (found := _UNKNOWN.fullmatch(text)) is not None:
        return f"{_at(found, found['field'])}received a key that is not known here; allowed: only known keys"
    elif (found := _NUMBER.fullmatch(text)) is not None:
        place = re.search(r"at `\$\.?(.+)`$", text)
        told = f"received {found['received']}; allowed: a number such as '2.5' or '7/9'"
        return f"{place[1]}: {told}" if place else told
    else:
        return re.sub(r" - at `\$\.?([^`]*)`$", lambda one: f" (at {one[1]})" if one[1] else "", text)
    return f"{_at(found)}received {received}; allowed: {allowed}"


def _at(found: re.Match[str], field: str = "") -> str:
    place = ".".join(one for one in (found["place"] or found["key"] or "", field) if one)
    return f"{place}: " if place else ""


def _fails(kind: Any) -> Callable[[Any], bool]:
    """Whether a value can't be read as `kind`."""

    def fails(value: Any) -> bool:
        try:
            msgspec.convert(value, kind)
        except (msgspec.ValidationError, ValueError, ZeroDivisionError):
            return True
        return False

    return fails


def _named(steps: list[str], value: Any, fails: Callable[[Any], bool]) -> str:
    """A place with its names: of a mapping, the first entry that fails by itself."""
    if not steps:
        return ""
    step, *rest = steps
    if isinstance(value, list) and step[1:-1].isdigit():
        at = int(step[1:-1])
        return step + _named(rest, value[at], lambda inner: fails([*value[:at], inner, *value[at + 1 :]]))
    if not isinstance(value, dict):
        return "".join(one if one.startswith("[") else f".{one}" for one in steps)
    others = {} if step == _ANY else value
    key = next((one for one in value if fails({one: value[one]})), step) if step == _ANY else step
    return f".{key}" + _named(rest, value.get(key), lambda inner: fails({**others, key: inner}))
