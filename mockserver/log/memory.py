"""A log in memory, compressed and bounded: past the bound its oldest part is folded into a snapshot."""

import zlib
from collections.abc import Iterator
from itertools import chain

_CHUNK_BYTES = 256 * 1024
_LEVEL = 1


class _Packed:
    """Lines in compressed chunks; commands resemble each other, so they shrink tenfold."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes] = []
        self._open: list[bytes] = []
        self._open_bytes = 0

    def append(self, line: bytes) -> None:
        self._open.append(line)
        self._open_bytes += len(line)
        if self._open_bytes >= _CHUNK_BYTES:
            self.seal()

    def seal(self) -> None:
        """Compress what is still open; a snapshot's lines are as long as a tenant's history."""
        if self._open:
            chunk = zlib.compress(b"\n".join(self._open), _LEVEL)
            self._chunks.append(chunk)
            self.size += len(chunk)
            self._open, self._open_bytes = [], 0

    def lines(self) -> Iterator[bytes]:
        """The lines as they stand now, whatever is appended while they are read."""
        return chain(_unpacked(tuple(self._chunks)), tuple(self._open))


def _unpacked(chunks: tuple[bytes, ...]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from zlib.decompress(chunk).split(b"\n")


class MemoryLog:
    """Two segments of at most `limit_bytes` (compressed) each, every one with the snapshot it starts from.

    When the younger is full it becomes the older one, so at least a segment of history is always there.
    """

    def __init__(self, limit_bytes: int = 32 * 1024 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self._snapshots = [_Packed()]
        self._commands = [_Packed()]

    def append(self, line: bytes) -> None:
        self._commands[-1].append(line)

    def lines(self) -> Iterator[bytes]:
        """The lines as they stand now: somebody may read on while commands are appended and folded."""
        return chain(*(packed.lines() for packed in (self._snapshots[0], *self._commands)))

    @property
    def wants_snapshot(self) -> bool:
        return self._commands[-1].size >= self.limit_bytes

    def fold(self, snapshot: Iterator[bytes]) -> None:
        packed = _Packed()
        for line in snapshot:
            packed.append(line)
        packed.seal()
        self._snapshots = [self._snapshots[-1], packed]
        self._commands = [self._commands[-1], _Packed()]

    def clear(self) -> None:
        self._snapshots = [_Packed()]
        self._commands = [_Packed()]

    def close(self) -> None:
        """Nothing outlives the process."""
