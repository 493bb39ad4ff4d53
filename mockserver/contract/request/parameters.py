"""What an operation takes beside a body: the parameters of its path, its query string and its headers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from mockserver.contract.document.document import Document, types
from mockserver.contract.document.validator import validator
from mockserver.contract.request.objection import Objection, of_schema_error
from mockserver.contract.request.query import pairs

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,15})?")
_NOT_HERE = frozenset({"accept", "authorization", "content-type"})
"""Headers that no parameter describes (OpenAPI, Parameter Object)."""
_STRUCTURED = frozenset({"array", "object"})


class _Parameter(Struct, frozen=True):
    name: str
    place: str
    required: bool
    kinds: tuple[str, ...]
    validator: Any

    def objection(self, text: str | None) -> Objection | None:
        if text is None:
            missing = Objection(self.name, "nothing", f"a value (the {self.place} parameter is required)")
            return missing if self.required else None
        if _STRUCTURED & set(self.kinds):
            return None  # there are many ways to write one
        error = next(self.validator.iter_errors(self._read(text)), None)
        return None if error is None else of_schema_error(error)._replace(field=self.name)

    def _read(self, text: str) -> Any:
        """The value that a text stands for, if its type can be written so."""
        if {"integer", "number"} & set(self.kinds) and _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        return text == "true" if "boolean" in self.kinds and text in ("true", "false") else text


class Parameters:
    """Those of one operation, but for `ignored`: headers by their small letters, and the name of the task."""

    def __init__(
        self, document: Document, operation: dict[str, Any], item: dict[str, Any], ignored: frozenset[str]
    ) -> None:
        given = [document.resolved(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        named = {(one.get("in"), one.get("name")): one for one in given}
        self._all = [
            made
            for (place, name), one in named.items()
            if place in ("path", "query", "header") and name not in ignored and str(name).lower() not in ignored
            for made in _made(document, one)
        ]

    def objection(self, path: Mapping[str, str], query: bytes, headers: Mapping[bytes, bytes]) -> Objection | None:
        """The first thing that the document has against these."""
        if not self._all:
            return None
        asked = dict(pairs(query))
        for one in self._all:
            if one.place == "path":
                text = path.get(one.name)
            elif one.place == "query":
                text = asked.get(one.name)
            else:
                given = headers.get(one.name.lower().encode())
                text = None if given is None else given.decode("latin-1")
            if (text is not None or one.place != "path") and (found := one.objection(text)) is not None:
                return found
        return None


def _made(document: Document, one: dict[str, Any]) -> Iterator[_Parameter]:
    """The parameter itself; none where it can't be judged."""
    name, place, schema = str(one["name"]), one["in"], one.get("schema", {})
    if place == "header" and name.lower() in _NOT_HERE:
        return
    whole = {**document.resolved(schema), "components": document.raw.get("components", {})}
    judge = validator(whole, formats=True)
    if judge is not None:
        kinds = tuple(types(document.flat(schema)))
        yield _Parameter(name, place, bool(one.get("required")), kinds, judge)
