"""Overlays: x-evolink-* keys for somebody else's document, by model, in a file of their own.

The published document stays untouched; what an overlay says is read as if it stood beside the operation.
"""

import copy
from pathlib import Path
from typing import Any

import yaml

from mockserver.contract.document import KEYS, Document, DocumentError

_FORMAT = 1
Overlay = dict[str, dict[str, Any]]
"""model -> x-evolink-* keys."""


def load_overlay(path: Path) -> Overlay:
    """Read an overlay file. Raises DocumentError for anything that it can't mean."""
    try:
        raw = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise DocumentError(path.name, "", f"not readable as YAML: {error}") from error
    if not isinstance(raw, dict) or raw.get("overlay") != _FORMAT or not isinstance(raw.get("models"), dict):
        raise DocumentError(path.name, "#", f"not an overlay: it needs `overlay: {_FORMAT}` and `models`")
    for model, keys in raw["models"].items():
        for key in keys if isinstance(keys, dict) else [keys]:
            if key not in KEYS:
                raise DocumentError(path.name, f"#/models/{model}", f"unknown key {key}")
    return dict(raw["models"])


def overlaid(document: Document, overlays: list[Overlay]) -> Document:
    """The document with the keys of the overlays laid over the operations of their models; later ones win."""
    keys = {model: extra for overlay in overlays for model, extra in overlay.items()}
    touched = [one for one in document.operations() if keys.keys() & _models(document, one[2])]
    if not touched:
        return document
    raw = copy.deepcopy(document.raw)
    for method, path, operation in touched:
        for model in sorted(keys.keys() & _models(document, operation)):
            raw["paths"][path][method.lower()].update(keys[model])
    return document.with_raw(raw)


def _models(document: Document, operation: dict[str, Any]) -> set[str]:
    """The model that an operation is for; those of a family's overview are not meant."""
    try:
        schema = document.flat(document.request_schema(operation) or {})
        model = document.flat(schema.get("properties", {}).get("model", {}))
    except (DocumentError, AttributeError):
        return set()
    named = model.get("enum") or [model.get("default", model.get("example"))]
    return set(named) if len(named) == 1 else set()
