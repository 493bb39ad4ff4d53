"""Overlays: x-evolink-* keys for somebody else's document, by model, in a file of their own.

The published document stays untouched; what an overlay says is read as if it stood beside the operation.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from mockserver.contract.document.document import KEYS, Document, DocumentError, read_value
from mockserver.contract.document.model_names import models_of
from mockserver.contract.document.pointer import below, place_of

_FORMAT = 1
_SECTIONS = ("operations", "models")


class Entry(NamedTuple):
    """The x-evolink-* keys for a model or an operation, and where they stand."""

    file: str
    place: str
    keys: dict[str, Any]


Overlay = dict[str, Entry]
"""By model, or by METHOD and path of an operation."""


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
    return {name: entry for section in _SECTIONS for name, entry in _section(path.name, raw, section)}


def _section(file: str, raw: dict[str, Any], section: str) -> Iterator[tuple[str, Entry]]:
    """What a section has by name. Raises DocumentError where something means nothing."""
    entries = raw.get(section, {})
    if not isinstance(entries, dict):
        raise DocumentError(file, f"#/{section}", "received no object; allowed: x-evolink-* keys by name")
    for name, keys in entries.items():
        if not isinstance(keys, dict):
            raise DocumentError(file, f"#/{section}/{name}", "received no object; allowed: x-evolink-* keys")
        for key in keys:
            if key not in KEYS:
                raise DocumentError(file, f"#/{section}/{name}", f"unknown key {key}")
        yield name, Entry(file, below(f"#/{section}", name), keys)


def overlaid(document: Document, overlays: list[Overlay]) -> Document:
    """The document with the keys of the overlays laid over the operations of their models; later ones win."""
    entries = {name: entry for overlay in overlays for name, entry in overlay.items()}
    touched = [one for one in document.operations() if entries.keys() & _names(document, *one)]
    if not touched:
        return document
    raw, laid = copy.deepcopy(document.raw), dict(document.laid)
    for method, path, operation in touched:
        place = place_of(method, path)
        for name in sorted(entries.keys() & _names(document, method, path, operation)):
            file, own, keys = entries[name]
            raw["paths"][path][method.lower()].update(keys)
            laid |= {f"{place}/{key}": (file, f"{own}/{key}") for key in keys}
    return structs.replace(document, raw=raw, laid=laid)


def _names(document: Document, method: str, path: str, operation: dict[str, Any]) -> set[str]:
    """What an overlay may call an operation."""
    return {f"{method} {path}", *_models(document, operation)}


def _models(document: Document, operation: dict[str, Any]) -> set[str]:
    """The model that an operation is for; those of a family's overview are not meant."""
    try:
        named = models_of(document, document.flat(document.request_schema(operation) or {}))
    except (DocumentError, AttributeError):
        return set()
    return set(named) if len(named) == 1 else set()
