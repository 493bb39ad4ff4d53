"""What is wrong with the outline of a document: its paths, their methods, the names of its operations."""

from collections.abc import Iterator

from mockserver.contract.document.document import METHODS, Document
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.pointer import below, place_of


def of_outline(document: Document) -> Iterator[Fault]:
    """What nobody could call, and operations that share an id."""
    for path, item in document.raw.get("paths", {}).items():
        place = below("#/paths", path)
        if not path.startswith(("/", "x-")):
            yield Fault(document.file, place, f"received the path {path}; allowed: one that begins with /")
        for key in item:
            if str(key).lower() in METHODS and key not in METHODS:
                told = f"received {key}; allowed: methods in small letters ({str(key).lower()})"
                yield Fault(document.file, f"{place}/{key}", told)
    yield from _of_ids(document)


def _of_ids(document: Document) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for method, path, operation in document.operations():
        named, place = operation.get("operationId"), place_of(method, path)
        if isinstance(named, str) and first.setdefault(named, place) != place:
            told = f"{named} is also the operationId of {first[named]}; allowed: one of its own"
            yield Fault(document.file, f"{place}/operationId", told)
