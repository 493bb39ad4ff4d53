"""Where recordings come from: a folder or a file of them, those of other tools included."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from contract_tests.drift import archive
from contract_tests.drift.archive import ArchiveError
from contract_tests.drift.recording import ALIKE, BODY_LIMIT, FILES, Recording, kept

_FILE_LIMIT = 16 * BODY_LIMIT
"""Bytes: two bodies, of which each character may be spelled with six."""
_SUFFIXES = frozenset({".json", ".har", ".yaml", ".yml"})


class RecordingError(Exception):
    """A file that is no recording: names the file, the place in it and what is wrong there."""


class Source(msgspec.Struct, frozen=True):
    """`recordings` by the name of their file, and their number in it where it holds several; `others` are the hosts
    that archives have exchanges with and that serve none of the document, with how many; `unkept` is the number of
    answers of which they have no body."""

    recordings: dict[str, Recording]
    others: Counter[str] = msgspec.field(default_factory=Counter)
    unkept: int = 0

    @classmethod
    def of(cls, parts: Iterable["Source"]) -> "Source":
        """All of them together."""
        recordings: dict[str, Recording] = {}
        others: Counter[str] = Counter()
        unkept = 0
        for one in parts:
            recordings |= one.recordings
            others += one.others
            unkept += one.unkept
        return cls(recordings, others, unkept)


def load(source: Path, document: Mapping[str, Any]) -> Source:
    """The recordings of a file, or of a folder in the order of their names.

    Raises RecordingError for a file that is none, and for more files than anybody wants to compare.
    """
    files = [source] if source.is_file() else sorted(one for one in source.rglob("*") if one.suffix in _SUFFIXES)
    if len(files) > ALIKE * FILES:
        raise RecordingError(f"{source}: received {len(files)} files; allowed: {ALIKE * FILES}")
    return Source.of(_read(path, _name(path, source), document) for path in files)


def _name(path: Path, source: Path) -> str:
    return path.name if source in (path.parent, path) else path.relative_to(source).as_posix()


def _read(path: Path, name: str, document: Mapping[str, Any]) -> Source:
    try:
        told = archive.data_of(path)
        found = archive.archive_of(told, path)
        if found is None:
            return Source({name: _recording(told, path)})
    except (ArchiveError, msgspec.ValidationError, OSError) as error:
        raise RecordingError(f"{path}: {error}") from error
    exchanges, others = archive.of_api(found.exchanges, document)
    whole = [one for one in exchanges if one.failure != archive.UNKEPT]
    return Source(dict(_numbered(name, kept(whole, found.began))), others, len(exchanges) - len(whole))


def _recording(told: Any, path: Path) -> Recording:
    if (size := path.stat().st_size) > _FILE_LIMIT:
        raise ArchiveError(f"received {size} bytes; allowed: {_FILE_LIMIT}")
    return msgspec.convert(told, Recording)


def _numbered(name: str, recordings: Iterator[Recording]) -> Iterator[tuple[str, Recording]]:
    for number, one in enumerate(recordings, 1):
        yield f"{name}#{number}", one
