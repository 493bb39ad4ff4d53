"""Overlays: x-evolink-* keys for somebody else's document, by model, in a file of their own.

The published document stays untouched; what an overlay says is read as if it stood beside the operation.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.contract.document import KEYS, Document, DocumentError, read_value

_FORMAT = 1
_SECTIONS = ("operations", "models")
Overlay = dict[str, dict[str, Any]]
"""Model, or METHOD and path of an operation -> x-evolink-* keys."""


def load_overlay(path: Path) -> Overlay:
    """Read an overlay file. Raises DocumentError for anything that it can't mean."""
    try:
        raw = read_value(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DocumentError(path.name, "", f"not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict) or raw.get("overlay") != _FORMAT or not raw.keys() & set(_SECTIONS):
        raise DocumentError(
            path.name, "#", f"not an overlay: it needs `overlay: {_FORMAT}` and `models` or `operations`"
        )
    return {name: keys for section in _SECTIONS for name, keys in _section(path.name, raw, section)}


def _section(file: str, raw: dict[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, keys) of a section. Raises DocumentError where one means nothing."""
    entries = raw.get(section, {})
    if not isinstance(entries, dict):
        raise DocumentError(file, f"#/{section}", "received no object; allowed: x-evolink-* keys by name")
    for name, keys in entries.items():
        if not isinstance(keys, dict):
            raise DocumentError(file, f"#/{section}/{name}", "received no object; allowed: x-evolink-* keys")
        for key in keys:
            if key not in KEYS:
                raise DocumentError(file, f"#/{section}/{name}", f"unknown key {key}")
        yield name, keys


def overlaid(document: Document, overlays: list[Overlay]) -> Document:
    """The document with the keys of the overlays laid over the operations of their models; later ones win."""
    keys = {model: extra for overlay in overlays for model, extra in overlay.items()}
    touched = [one for one in document.operations() if keys.keys() & _names(document, *one)]
    if not touched:
        return document
    raw = copy.deepcopy(document.raw)
    for method, path, operation in touched:
        for name in sorted(keys.keys() & _names(document, method, path, operation)):
            raw["paths"][path][method.lower()].update(keys[name])
    return document.with_raw(raw)


def _names(document: Document, method: str, path: str, operation: dict[str, Any]) -> set[str]:
    """What an overlay may call an operation."""
    return {f"{method} {path}", *_models(document, operation)}


def _models(document: Document, operation: dict[str, Any]) -> set[str]:
    """The model that an operation is for; those of a family's overview are not meant."""
    try:
        schema = document.flat(document.request_schema(operation) or {})
        model = document.flat(schema.get("properties", {}).get("model", {}))
    except (DocumentError, AttributeError):
        return set()
    named = model.get("enum") or [model.get("default", model.get("example"))]
    return set(named) if len(named) == 1 else set()
