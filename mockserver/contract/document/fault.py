"""One thing wrong with a document."""

from typing import NamedTuple


class _Told(NamedTuple):
    file: str
    place: str
    message: str


class Fault(_Told):
    """One thing wrong, and where: a JSON pointer into the file. Each is one line, whatever a document names."""

    __slots__ = ()

    def __new__(cls, file: str, place: str, message: str) -> "Fault":
        return super().__new__(cls, *map(_one_line, (file, place, message)))


def _one_line(text: str) -> str:
    """With its control characters written out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
