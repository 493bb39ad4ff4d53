"""The query string of a request, typed and judged by the parameters that a document describes."""

import re
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from mockserver.contract.document.document import Document
from mockserver.contract.request.objection import Objection, of_schema_error

_INTEGER = re.compile(r"-?[0-9]{1,15}")
"""What is read as an integer; anything else stays text, for the schema to say what is wrong with it."""


class Query:
    """What the query string of an operation may be."""

    def __init__(self, document: Document, operation: dict[str, Any]) -> None:
        parameters = [document.resolved(one) for one in operation.get("parameters", ())]
        schemas = {one["name"]: document.resolved(one["schema"]) for one in parameters if one["in"] == "query"}
        self.names = tuple(schemas)
        self._integers = frozenset(name for name, schema in schemas.items() if schema.get("type") == "integer")
        self._defaults = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
        self._validator = jsonschema_rs.Draft202012Validator({"properties": schemas}, offline=True)

    def read(self, query: bytes) -> dict[str, Any]:
        """Every parameter given, the last where one is repeated, or else its default. Unknown ones are left out."""
        given = pairs(query)
        return self._defaults | {name: self._typed(name, text) for name, text in given if name in self.names}

    def objection(self, values: dict[str, Any]) -> Objection | None:
        """The first thing that the document has against these values."""
        errors = islice(self._validator.iter_errors(values), 1)
        return next((of_schema_error(error) for error in errors), None)

    def unknown(self, query: bytes) -> str | None:
        """The first parameter that the document does not know."""
        return next((name for name, _ in pairs(query) if name not in self.names), None)

    def _typed(self, name: str, text: str) -> Any:
        return int(text) if name in self._integers and _INTEGER.fullmatch(text) else text


def pairs(query: bytes) -> list[tuple[str, str]]:
    """A parameter without a value is given, as the empty text."""
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
