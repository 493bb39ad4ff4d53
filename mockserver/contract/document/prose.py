"""What a document says in words only. Nothing here is enforced; it is shown, so that nobody believes it is."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mockserver.contract.document.document import Document

_CUES = re.compile(
    r"\b(must|required when|only|at least|at most|up to|maximum|minimum|cannot|exclusive|either|not exceed|"
    r"between|no more than|billed|sum of|per request|supported formats?)\b",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^[-*\s]+|\*\*|`")
_LIMIT = 300


class Saying(NamedTuple):
    """A sentence that sounds like a rule, and the field it is about."""

    field: str
    sentence: str


def sayings(document: Document, operation: dict[str, Any]) -> Iterator[Saying]:
    """Every sentence about a request field that sounds like a rule."""
    schema = document.request_schema(operation)
    if schema is not None:
        yield from _of_schema(document, schema, "")


def _of_schema(document: Document, schema: Any, path: str, depth: int = 0) -> Iterator[Saying]:
    schema = document.flat(schema)
    for line in str(schema.get("description", "")).splitlines():
        sentence = _MARKS.sub("", line).strip()
        if path and _CUES.search(sentence):
            yield Saying(path, sentence[:_LIMIT])
    if depth > 5:
        return
    for name, child in schema.get("properties", {}).items():
        yield from _of_schema(document, child, f"{path}.{name}".lstrip("."), depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from _of_schema(document, schema["items"], f"{path}[]", depth + 1)
