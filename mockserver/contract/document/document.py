"""An OpenAPI document as read from its file: local references resolved, unknown keys of our own refused."""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from mockserver.contract.document.pointer import below
from mockserver.contract.reading import kept

PREFIX = "x-evolink-"
JSON = "application/json"
_JSON = re.compile(r"application/([\w.+-]+\+)?json *(;.*)?|\*/\*", re.IGNORECASE)
_GOOD = (200, 201, 202, 204)
_DEEPEST = 20
"""How deep schemas are looked into that contain each other."""
FORM = "multipart/form-data"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
KEYS = frozenset(
    PREFIX + key
    for key in (
        "callback",
        "evidence",
        "failures",
        "idempotency",
        "length",
        "message",
        "polling",
        "price",
        "profile",
        "queue",
        "rate-limit",
        "refusal",
        "refusals",
        "request-id",
        "results",
        "role",
        "rules",
        "task",
        "timeline",
        "uploads",
    )
)
"""Every key of our own that the kit understands."""


class DocumentError(Exception):
    """A document can't be used. `place` is a JSON pointer into `file`."""

    def __init__(self, file: str, place: str, message: str) -> None:
        super().__init__(f"{file}{place}: {message}")
        self.file, self.place, self.message = file, place, message


class Document(Struct, frozen=True):
    """A parsed document and the file it came from."""

    file: str
    raw: dict[str, Any]
    unread: Mapping[str, str] = msgspec.field(default_factory=dict)
    """References to other files that could not be followed, and why."""
    neighbours: frozenset[Path] = frozenset()
    """The other files that were taken in."""
    laid: Mapping[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """What overlays laid over it: the place of each key, and the file and place where it was written."""

    def with_raw(self, raw: dict[str, Any]) -> "Document":
        """The same document, read otherwise."""
        return structs.replace(self, raw=raw)

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(method in capitals, path template, operation object) in the document's order."""
        for path, item in self.raw.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def resolved(self, node: Any, place: str = "") -> dict[str, Any]:
        """The node itself, or what its chain of local references leads to; of a schema `true` or `false` its like."""
        seen: list[Any] = []
        while isinstance(node, dict) and "$ref" in node:
            reference = node["$ref"]
            if reference in seen:
                raise self.error(place, f"the reference {reference} leads back to itself")
            seen.append(reference)
            node = self._target(reference, place)
        if isinstance(node, bool):
            return {} if node else {"not": {}}
        if not isinstance(node, dict):
            raise self.error(place, f"{seen[-1] if seen else 'this'} is no object")
        return node

    def flat(self, node: Any, place: str = "", depth: int = 0) -> dict[str, Any]:
        """A schema with its references followed and the parts of its `allOf` taken together."""
        schema = self._nullable(self.resolved(node, place), place, depth)
        parts = schema.get("allOf")
        if not isinstance(parts, list) or depth > _DEEPEST:
            return schema
        whole = {key: value for key, value in schema.items() if key != "allOf"}
        for part in reversed([self.flat(one, place, depth + 1) for one in parts]):
            properties = {**part.get("properties", {}), **whole.get("properties", {})}
            required = [*needed(part), *needed(whole)]
            whole = {**part, **whole, "properties": properties, "required": list(dict.fromkeys(required))}
        return whole

    def _nullable(self, schema: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        """A schema of two forms, one of them null, as the other one that may be null; any other as it stands."""
        key = "anyOf" if "anyOf" in schema else "oneOf"
        forms = schema.get(key)
        if not isinstance(forms, list) or len(forms) != 2 or depth > _DEEPEST:
            return schema
        others = [one for one in forms if not isinstance(one, dict) or types(one) != ["null"]]
        if len(others) != 1:
            return schema
        whole = self.flat(others[0], place, depth + 1)
        kinds = types(whole) or (["object"] if "properties" in whole else [])
        return {**whole, **{name: one for name, one in schema.items() if name != key}} | (
            {"type": [*kinds, "null"]} if kinds else {}
        )

    def _together(self, schema: dict[str, Any], place: str) -> dict[str, Any]:
        """An answer that has a form for each state as one: a property is required that each of them requires."""
        forms = schema.get("oneOf") or schema.get("anyOf")
        if not isinstance(forms, list) or "properties" in schema:
            return schema
        parts = [self.flat(one, place) for one in forms]
        if not all("properties" in one for one in parts):
            return schema
        properties: dict[str, Any] = {}
        for part in parts:
            for name, child in part["properties"].items():
                properties[name] = self._either(properties[name], child, place) if name in properties else child
        required = [name for name in needed(parts[0]) if all(name in needed(one) for one in parts)]
        return {"type": "object", "properties": properties, "required": required}

    def _either(self, one: Any, other: Any, place: str) -> Any:
        """A property that is in two forms of an answer: any of the values that they list."""
        listed = [_listed(self.flat(schema, place)) for schema in (one, other)]
        if not all(listed):
            return one
        return {"type": types(self.flat(one, place)), "enum": list(dict.fromkeys([*listed[0], *listed[1]]))}

    def ok_schema(self, operation: dict[str, Any], place: str = "") -> dict[str, Any]:
        """The schema of an operation's JSON answer that all went well. Raises DocumentError where it has none."""
        status = self.ok_status(operation)
        answer = self.resolved(operation.get("responses", {}).get(str(status), {}), place)
        schema = json_media(answer.get("content", {})).get("schema")
        if schema is None:
            raise self.error(f"{place}/responses/{status}", f"no JSON schema of the answer {status}")
        return self._together(self.flat(schema, place), place)

    def ok_status(self, operation: dict[str, Any]) -> int:
        """The status of the answer that all went well."""
        responses = operation.get("responses", {})
        return next((status for status in _GOOD if str(status) in responses), 200)

    def request_schema(self, operation: dict[str, Any], place: str = "") -> dict[str, Any] | None:
        """The schema of an operation's request body, JSON or else a form, as it stands; None where it takes none."""
        content = self.resolved(operation.get("requestBody", {}), place).get("content", {})
        schema = (json_media(content) or content.get(FORM, {})).get("schema")
        return self.resolved(schema, place) if isinstance(schema, bool) else schema

    def error(self, place: str, message: str) -> DocumentError:
        return DocumentError(*self.origin(place), message)

    def origin(self, place: str) -> tuple[str, str]:
        """(file, place) where it was written what stands at a place."""
        for over, (file, own) in self.laid.items():
            if f"{place}/".startswith(f"{over}/"):
                return file, own + place[len(over) :]
        return self.file, place

    def _target(self, reference: str, place: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            reason = self.unread.get(reference, "it leads out of the document")
            raise self.error(place, f"the reference {reference} can't be followed: {reason}")
        node: Any = self.raw
        for token in reference[2:].split("/"):
            key = token.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise self.error(place, f"nothing stands at {reference}")
            node = node[key]
        return node


def json_media(content: dict[str, Any]) -> dict[str, Any]:
    """What is said of a JSON body, whatever parameters or suffix its type has; empty where none is taken or given."""
    found: dict[str, Any] = next((media for name, media in content.items() if _JSON.fullmatch(name)), {})
    return dict(content.get(JSON, found))


def _listed(schema: dict[str, Any]) -> list[Any]:
    """The values that a schema lists; none where it leaves them open."""
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def needed(schema: dict[str, Any]) -> list[str]:
    """The properties that a schema requires; what is no list of names says nothing."""
    named = schema.get("required")
    return named if isinstance(named, list) else []


def types(schema: dict[str, Any]) -> list[str]:
    """The types that a schema names; none where it names none."""
    named = schema.get("type", [])
    return named if isinstance(named, list) else [named]


def load(path: Path) -> Document:
    """Read a document of our own, JSON or YAML, and refuse keys of our own that mean nothing.

    Raises DocumentError with file and place.
    """
    known = ", ".join(sorted(KEYS))
    return _document(path.name, lambda: kept.value(path, partial(_read_own, path.name, known), known))


def parse(source: bytes, file: str) -> Document:
    """A document from its text. Raises DocumentError where it is none."""
    return _document(file, lambda: read_value(source))


def _document(file: str, read: Callable[[], Any]) -> Document:
    try:
        raw = read()
    except RecursionError as error:
        raise DocumentError(file, "", "nested too deeply") from error
    except ValueError as error:
        raise DocumentError(file, "", f"not readable as JSON or YAML: {_in_a_line(error)}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("paths"), dict):
        raise DocumentError(file, "", "not an OpenAPI document: it has no paths")
    return Document(file, raw)


def read_value(source: bytes) -> Any:
    """What a JSON or YAML text says. Raises ValueError (or RecursionError) where it says nothing."""
    source = source.removeprefix(codecs.BOM_UTF8)
    try:
        return msgspec.json.decode(source) if source.lstrip()[:1] == b"{" else _read_yaml(source)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _read_own(file: str, known: str, source: bytes) -> Any:
    """The same, with no key of our own but those that are known."""
    raw = read_value(source)
    for place, key in _own_keys(raw):
        if key not in KEYS:
            raise DocumentError(file, place, f"unknown key {key}; known are {known}")
    return raw


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _read_yaml(source: bytes) -> Any:
    from mockserver.contract.reading import yaml12  # with a tenth of a start to load, and mostly not needed

    return yaml12.read(source)


def _own_keys(node: Any, place: str = "#") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str) and key.startswith(PREFIX):
                yield place, key
            yield from _own_keys(value, below(place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _own_keys(value, f"{place}/{index}")
