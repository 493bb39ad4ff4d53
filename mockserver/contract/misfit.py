"""Why a value is not of the type that it is read as, told from both sides as everything else is."""

import re

from mockserver.contract.evidence import Evidence

_PLACE = r"(?: - at `\$\.?(?P<place>[^`]*)`| - at `key` in `\$\.?(?P<key>[^`]*)`)?"
_EXPECTED = re.compile(r"Expected `(?P<allowed>.*?)`, got `(?P<received>.*?)`" + _PLACE)
_ENUM = re.compile(r"Invalid enum value (?P<received>.*?)" + _PLACE)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`" + _PLACE)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`" + _PLACE)


def words(error: Exception) -> str:
    """A msgspec.ValidationError, or whatever else spoke against a value, as a sentence of this kit's."""
    text = " ".join(str(error).split())
    if (found := _EXPECTED.fullmatch(text)) is not None:
        received, allowed = found["received"], found["allowed"].replace(" | ", " or ")
    elif (found := _ENUM.fullmatch(text)) is not None:
        of_evidence = (found["place"] or "").rpartition(".")[2] == "evidence"
        received, allowed = found["received"], ", ".join(Evidence) if of_evidence else "a word that is known here"
    elif (found := _MISSING.fullmatch(text)) is not None:
        return f"{_at(found, found['field'])}received nothing; allowed: a value"
    elif (found := _UNKNOWN.fullmatch(text)) is not None:
        return f"{_at(found, found['field'])}received a key that is not known here; allowed: only known keys"
    else:
        return re.sub(r" - at `\$\.?([^`]*)`$", lambda one: f" (at {one[1]})" if one[1] else "", text)
    return f"{_at(found)}received {received}; allowed: {allowed}"


def _at(found: re.Match[str], field: str = "") -> str:
    place = ".".join(one for one in (found["place"] or found["key"] or "", field) if one)
    return f"{place}: " if place else ""
