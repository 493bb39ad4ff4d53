"""Logs in memory, compressed and bounded: past the bound the oldest part of a log is folded into a snapshot."""

import zlib
from collections.abc import Iterator
from itertools import chain

from mockserver.log import FEW_COMMANDS

_LEAST_CHUNK_BYTES, _MOST_CHUNK_BYTES = 1024, 64 * 1024
_LEVEL = 1
_LEAST_BYTES = 8 * 1024
_STEP = 20
"""Lines of a snapshot that are taken in one step."""


class _Packed:
    """Lines in compressed chunks; commands resemble each other, so they shrink manifold. Chunks grow with the whole:
    large ones shrink better, but while one is open it takes room, and there may be many logs."""

    __slots__ = ("_chunks", "_open", "count", "size")

    def __init__(self) -> None:
        self.size = 0
        self.count = 0
        self._chunks: list[bytes] = []
        self._open = bytearray()

    def append(self, line: bytes) -> None:
        self.count += 1
        self._open += line
        self._open += b"\n"
        if len(self._open) >= max(_LEAST_CHUNK_BYTES, min(_MOST_CHUNK_BYTES, self.size)):
            self.seal()

    def seal(self) -> None:
        """Compress what is still open."""
        if self._open:
            chunk = zlib.compress(self._open, _LEVEL)
            self._chunks.append(chunk)
            self.size += len(chunk)
            self._open = bytearray()

    def lines(self) -> Iterator[bytes]:
        """The lines as they stand now, whatever is appended while they are read."""
        return chain(_unpacked(tuple(self._chunks)), bytes(self._open).splitlines())


def _unpacked(chunks: tuple[bytes, ...]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from zlib.decompress(chunk).splitlines()


class _Story:
    """The log of one world: at most two segments of commands, each after the snapshot that it starts from.

    When the younger is full it becomes the older one, so at least a segment of the past is always there.
    """

    __slots__ = ("birth", "segments")

    def __init__(self, birth: bytes) -> None:
        self.birth = birth
        self.segments = [(_Packed(), _Packed())]

    @property
    def commands(self) -> _Packed:
        return self.segments[-1][1]


class MemoryLog:
    """All worlds together have about `limit_bytes` (compressed), each an equal share and a few KiB at the least."""

    durable = False
    clock_ms = 0

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self._stories: dict[str, _Story] = {}

    def names(self) -> Iterator[tuple[str, int | None]]:
        """None: whatever was there went with the process that had it."""
        return iter(())

    def birth(self, name: str) -> bytes | None:
        story = self._stories.get(name)
        return story.birth if story else None

    def begin(self, name: str, birth: bytes) -> None:
        self._stories[name] = _Story(birth)

    def append(self, name: str, lines: list[bytes]) -> None:
        commands = self._stories[name].segments[-1][1]
        for line in lines:
            commands.append(line)

    def commit(self, clock_ms: int) -> None:
        """It is kept already, as far as memory keeps anything."""

    def lines(self, name: str) -> Iterator[bytes]:
        snapshot, commands = self._stories[name].segments[-1]
        return chain(snapshot.lines(), commands.lines())

    def history(self, name: str) -> Iterator[bytes]:
        story = self._stories[name]
        return chain(story.segments[0][0].lines(), *(commands.lines() for _, commands in story.segments))

    def is_long(self, name: str, size: int) -> bool:  # noqa: ARG002 - memory counts bytes
        commands = self._stories[name].segments[-1][1]
        share = self.limit_bytes // 2 // len(self._stories)
        return commands.size >= max(_LEAST_BYTES, share) and commands.count >= FEW_COMMANDS

    def fold(self, name: str, snapshot: Iterator[bytes]) -> Iterator[None]:
        packed = _Packed()
        for number, line in enumerate(snapshot, start=1):
            packed.append(line)
            if number % _STEP == 0:
                yield
        packed.seal()
        story = self._stories[name]
        story.segments = [story.segments[-1], (packed, _Packed())]

    def rest(self, name: str, due_ms: int | None) -> None:
        raise NotImplementedError("a world in memory has nowhere else to be")

    def drop(self, name: str) -> None:
        self._stories.pop(name, None)

    def sweep(self) -> Iterator[None]:
        """What is dropped is gone."""
        return iter(())

    def close(self) -> None:
        """Nothing outlives the process."""
