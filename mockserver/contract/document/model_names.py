"""The models that a request says it is for."""

from typing import Any

from mockserver.contract.document.document import Document


def models_of(document: Document, request: dict[str, Any]) -> tuple[str, ...]:
    """The models that the schema of a request is for, in each of its forms where it has several."""
    forms = [one for key in ("oneOf", "anyOf") for one in request.get(key, ())]
    models = [document.flat(one).get("properties", {}).get("model", {}) for one in (request, *forms)]
    return tuple(dict.fromkeys(name for one in models for name in _named(document.flat(one))))


def _named(schema: dict[str, Any]) -> tuple[str, ...]:
    """The models that the schema of `model` names."""
    parts = [one for key in ("anyOf", "oneOf") for one in schema.get(key, ()) if isinstance(one, dict)]
    listed = [*schema.get("enum", ()), *(one for part in parts for one in part.get("enum", [part.get("const")]))]
    named = [one for one in listed if isinstance(one, str)]
    said = schema.get("const", schema.get("default", schema.get("example")))
    return tuple(dict.fromkeys(named)) or ((said,) if isinstance(said, str) else ())
