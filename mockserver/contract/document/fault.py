"""One thing wrong with a document."""

from typing import NamedTuple

from mockserver.contract.document.line import harmless


class _Told(NamedTuple):
    file: str
    place: str
    message: str


class Fault(_Told):
    """One thing wrong, and where: a JSON pointer into the file. Each is one line, whatever a document names."""

    __slots__ = ()

    def __new__(cls, file: str, place: str, message: str) -> "Fault":
        return super().__new__(cls, *map(harmless, (file, place, message)))
