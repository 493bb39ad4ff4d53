"""Somebody else's documents, from a file or from all of a folder: what can be read of them, and what was left out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mockserver.contract.document.document import Document, DocumentError, parse, read_value
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.overlay import Overlay, load_overlay, overlaid
from mockserver.contract.document.pointer import below, place_of
from mockserver.contract.faults import of_error
from mockserver.contract.reading import skeleton
from mockserver.contract.reading.neighbours import Bundle, leads_out
from mockserver.contract.reading.openapi30 import as_31

OVERLAY_ENDING = ".overlay.yaml"
_ENDINGS = (".json", ".yaml", ".yml")
_FEW = 3
_ALONE = "no document of this name is beside this overlay"


@dataclass(slots=True)
class Specs:
    """The documents found, in the order of their names, and each file that is none, with the reason."""

    documents: list[Document] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)


def read_specs(paths: Iterable[Path], overlays: Sequence[Overlay] = (), *, strict: bool = False) -> Specs:
    """The documents of these files and folders, with the overlays laid over, and the one beside each.

    A file of a folder that can't be used is left out. Raises DocumentError for a file that was named itself, for a
    folder without any document, for an overlay, and (`strict`) for whatever would be left out.
    """
    specs = Specs()
    for path in paths:
        if path.is_dir():
            _read_folder(path, overlays, specs, strict=strict)
        else:
            _lay_over(load_any(path, _name(path, path.parent, specs)), path, overlays, specs)
    return specs


def load_any(path: Path, name: str | None = None) -> Document:
    """Read somebody else's document, its neighbours included; `name` is what it is called, else the file's name.

    Raises DocumentError only where nothing of it can be used.
    """
    document = parse(_bytes_of(path), file=name or path.name)
    version = str(document.raw.get("openapi", document.raw.get("swagger", "3.1")))
    if not version.startswith("3."):
        raise document.error("", f"received version {version}; allowed: OpenAPI 3.0, 3.1")
    if leads_out(document.raw):
        bundle = Bundle(document.raw, path, lambda neighbour: read_value(neighbour.read_bytes()))
        neighbours = frozenset(bundle.files) - {path.resolve()}
        document = Document(document.file, bundle.raw, bundle.unread, neighbours)
    if version.startswith("3.0"):
        document = document.with_raw(as_31(document.raw))
    return _checked(document.with_raw({**document.raw, "paths": dict(_path_items(document))}))


def _read_folder(folder: Path, overlays: Sequence[Overlay], specs: Specs, *, strict: bool) -> None:
    """All documents below a folder. What one of them refers to need be none itself."""
    left_out: dict[Path, Fault] = {}
    found: list[Document] = []
    for file in _files(folder):
        try:
            document = load_any(file, _name(file, folder, specs))
        except DocumentError as error:
            left_out[file.resolve()] = of_error(error)
            continue
        found.append(document)
        _lay_over(document, file, overlays, specs)
    referred = {path for document in found for path in document.neighbours}
    faults = [fault for path, fault in left_out.items() if path not in referred]
    faults += [Fault(one.relative_to(folder).as_posix(), "", _ALONE) for one in _overlays_alone(folder)]
    if not found or (strict and faults):
        told = (
            "; ".join(f"{one.file}{one.place}: {one.message}" for one in faults[:_FEW])
            or "no .json, .yaml or .yml file is there"
        )
        raise DocumentError(
            str(folder), "", f"{'no document is here' if not found else 'nothing may be left out (strict)'}: {told}"
        )
    specs.left_out += faults


def _name(file: Path, folder: Path, specs: Specs) -> str:
    """The path below the folder, or the whole one where two folders have the same."""
    name = file.relative_to(folder).as_posix()
    return file.as_posix() if any(one.file == name for one in specs.documents) else name


def _files(folder: Path) -> Iterator[Path]:
    """Every file that may be a document, at any depth; nothing below a hidden folder."""
    for file in _shown(folder):
        if file.suffix in _ENDINGS and not file.name.endswith(OVERLAY_ENDING) and file.is_file():
            yield file


def _shown(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _overlays_alone(folder: Path) -> Iterator[Path]:
    """Overlays beside which no document of their name stands."""
    for file in _shown(folder):
        name = file.name.removesuffix(OVERLAY_ENDING)
        if name != file.name and not any(file.with_name(name + ending).exists() for ending in _ENDINGS):
            yield file


def _lay_over(document: Document, file: Path, overlays: Sequence[Overlay], specs: Specs) -> None:
    """Add a document with its overlays: those that come with the kit, then the one beside it."""
    beside = file.with_suffix(OVERLAY_ENDING)
    document = overlaid(document, list(overlays))
    if beside.is_file():
        own = overlaid(document, [load_overlay(beside)])
        if own is document:
            specs.left_out.append(
                Fault(beside.name, "#/models", f"{document.file} is for none of these models alone")
            )
        document = own
    specs.documents.append(document)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(path.name, "", f"can't be read: {error.strerror}") from error


def _path_items(document: Document) -> Iterator[tuple[str, Any]]:
    """The paths with what they hold, also where that stands in another file."""
    for path, item in document.raw["paths"].items():
        place = below("#/paths", path)
        if isinstance(item, dict) and "$ref" in item:
            found = document.resolved(item, place)
            item = {**found, **{key: one for key, one in item.items() if key != "$ref"}}  # noqa: PLW2901
        if not isinstance(item, dict):
            raise document.error(place, "received no object; allowed: the operations of a path by their method")
        yield path, item


def _checked(document: Document) -> Document:
    """The document, if it is built so that it can be read."""
    parts = [("#/components", document.raw.get("components", {}), True)]
    for method, path, operation in document.operations():
        parts.append((place_of(method, path), operation, False))
    for place, node, components in parts:
        objection = skeleton.objection(node, components=components)
        if objection is not None:
            raise document.error(place, objection)
    return document
