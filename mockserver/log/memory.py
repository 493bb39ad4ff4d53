"""A log in memory, compressed and bounded: past the bound its oldest part is folded into a snapshot."""

import zlib
from collections.abc import Iterator

_CHUNK_LINES = 512
_LEVEL = 1


class _Packed:
    """Lines in compressed chunks of a few hundred; commands resemble each other, so they shrink tenfold."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes] = []
        self._open: list[bytes] = []

    def append(self, line: bytes) -> None:
        self._open.append(line)
        if len(self._open) >= _CHUNK_LINES:
            chunk = zlib.compress(b"\n".join(self._open), _LEVEL)
            self._chunks.append(chunk)
            self._open.clear()
            self.size += len(chunk)

    def lines(self) -> Iterator[bytes]:
        for chunk in tuple(self._chunks):
            yield from zlib.decompress(chunk).split(b"\n")
        yield from tuple(self._open)


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
        yield from self._snapshots[0].lines()
        for commands in self._commands:
            yield from commands.lines()

    @property
    def wants_snapshot(self) -> bool:
        return self._commands[-1].size >= self.limit_bytes

    def fold(self, snapshot: Iterator[bytes]) -> None:
        packed = _Packed()
        for line in snapshot:
            packed.append(line)
        self._snapshots = [self._snapshots[-1], packed]
        self._commands = [self._commands[-1], _Packed()]

    def clear(self) -> None:
        self._snapshots = [_Packed()]
        self._commands = [_Packed()]

    def close(self) -> None:
        """Nothing outlives the process."""
