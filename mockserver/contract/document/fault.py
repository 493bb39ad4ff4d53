"""One thing wrong with a document."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One thing wrong, and where: a JSON pointer into the file."""

    file: str
    place: str
    message: str
