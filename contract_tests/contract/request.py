"""What the document says of a submission: its examples, its fields, and what is valid by its schema."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

import jsonschema_rs

from contract_tests.contract.document import FORMATS, Schema, as_sent, flat, json_media

_MADE_UP: dict[str, Any] = {"string": "A cat", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
_LINK = "https://example.com/{kind}.{ending}"
_NOBODYS = "https://nobody.invalid/"
"""No host is called so (RFC 2606)."""
_ENDINGS = {"video": "mp4", "image": "jpg", "audio": "mp3"}


class Requests:
    """The JSON body of one operation of a document. `model` is the one that requests name, if they name any;
    `callback` the field that says where to report the end."""

    def __init__(self, document: dict[str, Any], operation: dict[str, Any], model: str, callback: str | None) -> None:
        self._document, self._model, self.callback = document, model, callback
        self._media = json_media(document, operation.get("requestBody"))
        self.schema: Schema = flat(document, self._media.get("schema", {}))
        self._validator = self._made(as_sent(document, self._media.get("schema", {})), sent=True)
        self.fits: Callable[[Any], bool] = self._validator.is_valid

    def _made(self, schema: Any, *, sent: bool = False) -> jsonschema_rs.Draft202012Validator:
        components = self._document.get("components", {})
        whole = {**schema, "components": as_sent(self._document, components) if sent else components}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)

    def validator(self, schema: Any) -> Callable[[Any], bool]:
        """Whether a value is valid by a schema of the document."""
        valid: Callable[[Any], bool] = self._made(schema).is_valid
        return valid

    def places(self, body: Any) -> list[list[str | int]]:
        """Where a body breaks the schema; none where it is valid."""
        return [list(error.instance_path) for error in self._validator.iter_errors(body)]

    @cached_property
    def properties(self) -> dict[str, Schema]:
        return self.properties_of(self.schema)

    def properties_of(self, schema: Schema) -> dict[str, Schema]:
        """The properties of an object, by their names."""
        return {name: flat(self._document, one) for name, one in schema.get("properties", {}).items()}

    def item(self, name: str, schema: Schema) -> Any:
        """An item of an array: of the example, else made up."""
        given = self.examples[0].get(name)
        if isinstance(given, list) and given:
            return given[0]
        return self._value(name, flat(self._document, schema.get("items", {})))

    @property
    def required(self) -> tuple[str, ...]:
        named = self.schema.get("required", ())
        return tuple(one for one in named if not self.properties.get(one, {}).get("readOnly"))

    @cached_property
    def examples(self) -> tuple[dict[str, Any], ...]:
        """The valid examples of this model, without a callback, in the document's order; a made-up one where it has
        none."""
        given = [*(one.get("value") for one in self._media.get("examples", {}).values()), self._media.get("example")]
        own = (self._own(one) for one in given if isinstance(one, dict))
        found = [one for one in own if one is not None and self.fits(one)]
        return tuple(found) or tuple(self._made_up())

    def example(self, *fields: str) -> dict[str, Any]:
        """A copy of the first example, or of the first that has these fields. Raises LookupError where none has."""
        for one in self.examples:
            if all(name in one for name in fields):
                return deepcopy(one)
        raise LookupError(f"no valid example of {self._model} has {', '.join(fields)}")

    def values(self, field: str) -> list[Any]:
        """Some values that the schema allows a field of the first example, the bounds among them."""
        schema, example = self.properties.get(field, {}), self.example()
        said = [schema[key] for key in ("minimum", "default", "example", "maximum") if key in schema]
        numbers = [1, 2, 3, 5, 10] if schema.get("type") == "integer" else []
        found: list[Any] = []
        for value in (*schema.get("enum", ()), *said, *numbers):
            if value not in found and self.fits(example | {field: value}):
                found.append(value)
        return found

    def without_needed(self) -> dict[str, None]:
        """What makes a submission invalid by leaving out a field that it needs, the model where it names one."""
        names = [one for one in ("model", *self.required) if one in self.required]
        return dict.fromkeys(names[:1])

    @cached_property
    def text_field(self) -> str | None:
        """A field of free text that the first example has."""
        for name in ("prompt", *self.examples[0]):
            schema = self.properties.get(name, {})
            free = not {"enum", "const", "format", "pattern"} & schema.keys() and schema.get("type") == "string"
            if free and name in self.examples[0] and name not in ("model", self.callback):
                return name
        return None

    @cached_property
    def variations(self) -> tuple[dict[str, Any], ...]:
        """What makes two valid submissions of the first example that differ and cost the same; one alone where it has
        neither text nor links."""
        if self.text_field is not None:
            return {self.text_field: "Make it snow"}, {self.text_field: "Make it rain"}
        for name in (one for kind in _ENDINGS for one in self.links(kind)):
            given = self.examples[0][name]
            return {}, {name: [f"{one}?other" for one in given] if isinstance(given, list) else f"{given}?other"}
        return ({},)

    def links(self, kind: str) -> tuple[str, ...]:
        """The fields of the first example that lead to media of this kind, by their names."""
        return tuple(name for name, value in self.examples[0].items() if kind in name and _links(value))

    @property
    def nobodys_callback(self) -> dict[str, Any]:
        """Where a callback goes that nobody waits for, if every submission has to name one."""
        return {str(self.callback): _NOBODYS} if self.callback in self.required else {}

    def _own(self, example: dict[str, Any]) -> dict[str, Any] | None:
        """An example of this model, or of one that it may stand for; without where to report the end."""
        named = example.get("model")
        if "model" in self.properties and named != self._model:
            if named is not None and self.fits({**example, "model": self._model}) is False:
                return None
            example = {**example, "model": self._model}
        own = {name: value for name, value in example.items() if name != self.callback}
        return own | self.nobodys_callback

    def _made_up(self) -> Iterator[dict[str, Any]]:
        body = {name: self._value(name, self.properties.get(name, {})) for name in self.required}
        if "model" in self.properties:
            body["model"] = self._model
        body |= self.nobodys_callback
        if self.fits(body):
            yield body

    def _value(self, name: str, schema: Schema) -> Any:
        """What a schema says that a property may be, as far as it says it."""
        said = [schema[key] for key in ("const", "example", "default") if key in schema]
        if said or schema.get("enum"):
            return (said or schema["enum"])[0]
        kind = schema.get("type", "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "array":
            item = self._value(name, flat(self._document, schema.get("items", {})))
            return [item] * max(1, schema.get("minItems", 0))
        if kind == "object":
            inner = {one: flat(self._document, part) for one, part in schema.get("properties", {}).items()}
            return {one: self._value(one, inner.get(one, {})) for one in schema.get("required", ())}
        if kind == "string" and schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        return _link(name) if schema.get("format") == "uri" else _bounded(kind, schema)


def _bounded(kind: str, schema: Schema) -> Any:
    value = _MADE_UP.get(kind)
    if isinstance(value, str):
        least = schema.get("minLength", 0)
        return (value * max(1, least))[: schema.get("maxLength", max(len(value), least))]
    return max(value, schema["minimum"]) if isinstance(value, int) and "minimum" in schema else value


def _link(name: str) -> str:
    kind = next((one for one in _ENDINGS if one in name), "image")
    return _LINK.format(kind=kind, ending=_ENDINGS[kind])


def _links(value: Any) -> bool:
    """Whether this is a link, or an array of links."""
    many = value if isinstance(value, list) else [value]
    return bool(many) and all(isinstance(one, str) and one.startswith(("http://", "https://")) for one in many)
