"""References to files beside a document: what they lead to is taken in, each file once, so that one is left."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

HOME = "x-neighbours"
"""Where below `components` the files beside a document are kept."""
Read = Callable[[Path], Any]
"""The value of a JSON or YAML file. Raises OSError or ValueError."""


class Bundle:
    """A document with its neighbours. `unread` tells of each reference that could not be followed why."""

    def __init__(self, raw: dict[str, Any], path: Path, read: Read) -> None:
        self.files: dict[Path, str] = {path.resolve(): "#"}
        self.unread: dict[str, str] = {}
        self._read, self._kept = read, dict[str, Any]()
        whole = self._rewritten(raw, path, "#")
        if self._kept:
            whole["components"] = {**(whole.get("components") or {}), HOME: self._kept}
        self.raw: dict[str, Any] = whole

    def _rewritten(self, node: Any, path: Path, here: str) -> Any:
        """A node of the file at `path`, which stands at `here` in the bundle, with its references led there."""
        if isinstance(node, list):
            return [self._rewritten(one, path, here) for one in node]
        if not isinstance(node, dict):
            return node
        inner = {name: self._rewritten(one, path, here) for name, one in node.items()}
        if isinstance(node.get("$ref"), str):
            inner["$ref"] = self._led(node["$ref"], path, here)
        return inner

    def _led(self, reference: str, path: Path, here: str) -> str:
        """Where a reference of the file at `path` leads in the bundle; itself where it leads nowhere."""
        file, _, fragment = reference.partition("#")
        if not file:
            return here + fragment
        if "://" in file:
            self.unread[reference] = "only files beside the document are read"
            return reference
        try:
            return self._place_of((path.parent / unquote(file)).resolve()) + fragment
        except (OSError, ValueError, RecursionError) as error:
            self.unread[reference] = getattr(error, "strerror", None) or "it is neither JSON nor YAML"
            return reference

    def _place_of(self, path: Path) -> str:
        """Where a file stands in the bundle, having read it if it is new."""
        if path not in self.files:
            value, key = self._read(path), f"{len(self.files)}-{re.sub(r'[^A-Za-z0-9._-]', '_', path.name)}"
            self.files[path] = place = f"#/components/{HOME}/{key}"
            self._kept[key] = self._rewritten(value, path, place)
        return self.files[path]


def leads_out(node: Any) -> bool:
    """Whether a document refers to anything beside itself."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        return (isinstance(reference, str) and not reference.startswith("#")) or any(map(leads_out, node.values()))
    return isinstance(node, list) and any(map(leads_out, node))
