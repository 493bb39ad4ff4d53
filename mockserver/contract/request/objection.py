"""What is wrong with a request, told from both sides: which field, what came, what is allowed."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

_QUOTED = re.compile(r"'([^']*)'")

_ECHO_LIMIT = 80
"""Characters of a received value that a message shows: enough to recognise it, too few to carry harm."""


class Objection(NamedTuple):
    """One thing wrong: the field's path, what was received there, what the document allows."""

    field: str
    received: str
    allowed: str

    @property
    def words(self) -> str:
        return f"{self.field}: received {self.received}; allowed: {self.allowed}"


def shown(value: Any) -> str:
    """A value as JSON, cut to a readable length."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _ECHO_LIMIT else text[: _ECHO_LIMIT - 1] + "…"


def of_schema_error(error: Any) -> Objection:
    """A jsonschema-rs ValidationError in words."""
    field = _path(error.instance_path)
    kind, limit, instance = error.kind.name, error.kind.value, error.instance
    if kind == "required":
        return Objection(_join(field, str(limit)), "nothing", "a value (the field is required)")
    if kind in ("additionalProperties", "unevaluatedProperties"):
        unexpected = error.kind.unexpected
        return Objection(_join(field, str(unexpected[0])), "a field that is not known here", "only known fields")
    if kind in ("anyOf", "oneOf") and (told := _of_forms(error)) is not None:
        return told
    words = _WORDS.get(kind)
    if words is None:
        return Objection(field or "body", shown(instance), f"what the document says under {kind}")
    received, allowed = words
    return Objection(field or "body", received(instance), allowed(limit))


def _of_forms(error: Any) -> Objection | None:
    """What the one form has against a value that others leave to another type; of none for its type, the types."""
    forms, place = error.kind.context, error.instance_path
    if not all(forms):
        return None
    meant = [form for form in forms if form[0].kind.name != "type" or form[0].instance_path != place]
    if meant:
        return of_schema_error(meant[0][0]) if len(meant) == 1 else _of_named(meant, len(place) + 1)
    types = [_WORDS["type"][1](form[0].kind.value) for form in forms]
    return of_schema_error(forms[0][0])._replace(allowed=" or ".join(dict.fromkeys(types)))


def _of_named(forms: list[list[Any]], depth: int) -> Objection | None:
    """What the form has against a value that it names by a field of one value (`kind: box`); of a name that no form
    has, all that there are."""
    told = [next((one for one in form if _names(one, depth)), None) for form in forms]
    open_ones = [form for form, one in zip(forms, told, strict=True) if one is None]
    if open_ones:
        return of_schema_error(open_ones[0][0]) if len(open_ones) == 1 else None
    wrong = [of_schema_error(one) for one in told]
    if len({one.field for one in wrong}) > 1:
        return None
    return wrong[0]._replace(allowed=", ".join(dict.fromkeys(one.allowed for one in wrong)))


def _names(error: Any, depth: int) -> bool:
    return error.kind.name in ("const", "enum") and len(error.instance_path) == depth


def of_schema(error: Any) -> Objection:
    """What is wrong with a schema: a jsonschema-rs ValidationError of it against JSON Schema itself, in words."""
    objection = of_schema_error(error)
    if error.kind.name in ("anyOf", "") and error.instance_path[-1:] == ["type"]:  # "" behind a reference
        return objection._replace(allowed="array, boolean, integer, null, number, object, string, or a list of them")
    return objection._replace(allowed="a regular expression") if error.kind.name == "format" else objection


def unusable(error: Exception) -> str:
    """Why no validator can be made of a schema."""
    kind = getattr(error, "kind", None)
    if kind is None:
        return "it is no JSON Schema"
    if kind.name == "$ref":
        named = _QUOTED.search(str(error))
        return f"the reference {named[1] if named else 'in it'} leads nowhere"
    return of_schema(error).words


def _path(instance_path: list[str | int]) -> str:
    text = ""
    for step in instance_path:
        text += f"[{step}]" if isinstance(step, int) else _join("", str(step)) if not text else f".{step}"
    return text


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def typed(value: Any) -> str:
    """The type of a JSON value and the value itself."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    name = names.get(type(value), "null")
    return name if value is None else f"{name} {shown(value)}"


def _count(noun: str) -> Callable[[Any], str]:
    def words(value: Any) -> str:
        number = len(value)
        return f"{number} {noun}{'' if number == 1 else 's'}"

    return words


def _options(options: Any) -> str:
    return ", ".join(shown(option) for option in options)


_Words = tuple[Callable[[Any], str], Callable[[Any], str]]
_WORDS: dict[str, _Words] = {
    "type": (typed, lambda kind: str(kind) if isinstance(kind, str) else " or ".join(map(str, kind))),
    "enum": (shown, _options),
    "const": (shown, shown),
    "format": (shown, lambda name: f"a string of format {name}"),
    "pattern": (shown, lambda pattern: f"a string that matches {pattern}"),
    "maxLength": (_count("character"), lambda limit: f"at most {limit} characters"),
    "minLength": (_count("character"), lambda limit: f"at least {limit} characters"),
    "maxItems": (_count("item"), lambda limit: f"at most {limit} items"),
    "minItems": (_count("item"), lambda limit: f"at least {limit} items"),
    "maxProperties": (_count("field"), lambda limit: f"at most {limit}"),
    "minProperties": (_count("field"), lambda limit: f"at least {limit}"),
    "maximum": (shown, lambda limit: f"at most {limit}"),
    "minimum": (shown, lambda limit: f"at least {limit}"),
    "exclusiveMaximum": (shown, lambda limit: f"less than {limit}"),
    "exclusiveMinimum": (shown, lambda limit: f"more than {limit}"),
    "multipleOf": (shown, lambda step: f"a multiple of {step}"),
    "uniqueItems": (shown, lambda _: "items that differ"),
    "falseSchema": (shown, lambda _: "nothing"),
    "oneOf": (shown, lambda _: "exactly one of the forms that the document describes"),
    "anyOf": (shown, lambda _: "one of the forms that the document describes"),
}
"""How each keyword is told: (what was received, what is allowed)."""
