"""Logs in Redis: what a round appends is gathered here, and kept in one round trip once it is sent.

A world's log is a list whose elements are pieces of lines; a snapshot is another list. A piece of some size is
compressed. Nothing is written but by the owner of the world's slot: see `scripts`.
"""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from mockserver.log import FEW_COMMANDS, AbsentError, AwayError, LogError, MovedError
from mockserver.log.redis.address import ANSWER_S, Address
from mockserver.log.redis.lease import Lease
from mockserver.log.redis.line import Line
from mockserver.log.redis.scripts import APPEND, PIECE, READ, SWITCH
from mockserver.log.slot import slot_of

_LEAST_PACKED_BYTES = 512
_LEVEL = 1
_STEP = 20
"""Lines of a snapshot that make a piece."""
_BATCH = 200
_READERS = 4
_NOBODY = b""


class _World(Struct, gc=False):
    """A world as it is being written: its slot, the elements and the lines of its log, with all that is gathered, and
    whether the index says that it rests."""

    slot: int
    elements: int = 0
    lines: int = 0
    rests: bool = False


class _Change(Struct, gc=False):
    """What is to happen to one world. `elements` is how many its log has before."""

    slot: int
    name: str
    elements: int
    dropped: bool = False
    birth: bytes = b""
    due: str = ""
    lines: list[bytes] = []

    def arguments(self, owner: bytes) -> tuple[Any, ...]:
        piece = _packed(self.lines) if self.lines else b""
        dropped = "1" if self.dropped else ""
        return str(self.slot), owner, self.name, dropped, self.birth, self.elements, self.due, piece


class RedisLog:
    """The logs of the slots that this node owns. What is appended is kept once `send` has returned."""

    durable = True
    clock_ms = 0

    def __init__(self, address: Address, client: Any, lease: Lease, answer_s: float = ANSWER_S) -> None:
        self.address, self.lease = address, lease
        self._client = client
        self._writer = Line(client, answer_s)
        self._readers = [Line(client, answer_s) for _ in range(_READERS)]
        self._turn = 0
        self._worlds: dict[str, _World] = {}
        self._changes: dict[str, _Change] = {}
        self._sent: frozenset[str] = frozenset()
        self._lost: set[str] = set()

    # --- gathering

    def names(self) -> Iterator[tuple[str, int | None]]:
        """None before the node owns anything: worlds come with their slots."""
        return iter(())

    def begin(self, name: str, birth: bytes) -> None:
        if name:  # what belongs to no key is this node's own
            self._worlds[name] = _World(slot_of(name))
            change = self._change(name)
            change.birth, change.due = birth, "0"

    def append(self, name: str, lines: list[bytes]) -> None:
        if not name:
            return
        world, change = self._worlds[name], self._changes.get(name)
        if change is None:
            change = self._change(name)
        if not change.lines:
            change.lines = []
            world.elements += 1
        change.lines += lines
        world.lines += len(lines)
        if world.rests:
            world.rests, change.due = False, "0"

    def rest(self, name: str, due_ms: int | None) -> None:
        self._change(name).due = "never" if due_ms is None else str(due_ms)
        self._worlds.pop(name, None)

    def drop(self, name: str) -> None:
        if name:
            self._worlds.pop(name, None)
            self._changes.pop(name, None)
            self._change(name).dropped = True

    def forget(self, names: Iterable[str]) -> None:
        """What was gathered for these worlds is not to be kept: they belong to another node."""
        for name in names:
            self._worlds.pop(name, None)
            self._changes.pop(name, None)

    def is_gathered(self, name: str) -> bool:
        """Whether something of this world is still to be kept."""
        return name in self._changes or name in self._sent

    @property
    def has_changes(self) -> bool:
        return bool(self._changes)

    @property
    def is_sure(self) -> bool:
        return self.lease.is_valid

    def check(self) -> None:
        if self.lease.is_doubted:
            raise AwayError(f"{self.address.shown} can't be reached")

    # --- keeping

    async def send(self) -> frozenset[int]:
        """Keep what was gathered. Returns the slots of which nothing was kept, as they belong to another node.

        Raises AwayError where Redis gave no answer: then nobody knows what it has kept.
        """
        changes, self._changes = self._changes, {}
        self._sent = frozenset(changes)
        try:
            refused = await self._sent_off(list(changes.values()))
        except LogError:
            self._lose(changes)
            self.lease.doubt(refused=False)
            raise
        finally:
            self._sent = frozenset()
        self._lose([name for name, change in changes.items() if change.slot in refused])
        return refused

    def lost(self) -> set[str]:
        """The worlds of which something was not kept since this was last asked: what is in memory of them is void."""
        lost, self._lost = self._lost, set()
        return lost

    def _lose(self, names: Iterable[str]) -> None:
        self._lost.update(names)
        self.forget(list(names))

    async def _sent_off(self, changes: list[_Change]) -> frozenset[int]:
        lease, key = self.lease, self.address.key
        arguments: list[Any] = [lease.session, key("")]
        for change in changes:
            arguments += change.arguments(lease.held.get(change.slot, _NOBODY))
        told = await self._writer.run(APPEND, [lease.key, key("slots")], *arguments)
        if told == [b"session"]:
            lease.doubt(refused=True)
            return frozenset(change.slot for change in changes)
        return frozenset(map(int, told))

    # --- reading

    async def birth(self, name: str) -> bytes | None:
        told: bytes | None = await self._reader.ask("HGET", self._key("world", name), "birth")
        return told

    async def lines(self, name: str) -> AsyncIterator[bytes]:
        """What makes a world again. Whoever has read them all may append. Raises LogError where it is not there."""
        world = _World(slot_of(name), rests=True)
        async for is_log, piece in self._pieces(name):
            lines = _unpacked(piece)
            if is_log:
                world.elements += 1
                world.lines += len(lines)
            for line in lines:
                yield line
        self._worlds[name] = world

    async def history(self, name: str) -> AsyncIterator[bytes]:
        """The past before the last snapshot is gone. The owner may append meanwhile."""
        async for _, piece in self._pieces(name):
            for line in _unpacked(piece):
                yield line

    async def _pieces(self, name: str) -> AsyncIterator[tuple[bool, bytes]]:
        """The elements of the snapshot, then those of the log (True)."""
        told = await self._reader.run(READ, [self._key("world", name)], self._key(""), name, _BATCH)
        if not told:
            raise AbsentError(f"{self.address.shown}: there is no log of {name}")
        number, *parts = told
        keys = self._key("snapshot", name, number.decode()), self._key("line", name)
        for is_log, (key, first) in enumerate(zip(keys, parts, strict=True)):
            at, batch = 0, first
            while batch:
                for piece in batch:
                    yield bool(is_log), piece
                at += len(batch)
                batch = await self._reader.ask("LRANGE", key, at, at + _BATCH - 1) if at % _BATCH == 0 else []

    # --- making room

    def is_long(self, name: str, size: int) -> bool:
        world = self._worlds.get(name)
        return world is not None and world.lines >= max(FEW_COMMANDS, 2 * size)

    async def fold(self, name: str, snapshot: Iterator[bytes]) -> AsyncIterator[None]:
        """The old snapshot holds until the new one is whole. All that was appended is kept already."""
        world = self._worlds[name]
        told = await self._reader.ask("HGET", self._key("world", name), "snapshot")
        number = int(told or 0)
        lease, slots = self.lease, self.address.key("slots")
        owner, new = lease.held.get(world.slot, _NOBODY), self._key("snapshot", name, str(number + 1))
        part = 0
        while lines := list(islice(snapshot, _STEP)):
            told = await self._reader.run(
                PIECE, [lease.key, slots, new], lease.session, world.slot, owner, part, _packed(lines)
            )
            self._check(told)
            part += 1
            yield
        old = self._key("snapshot", name, str(number))
        keys = [lease.key, slots, self._key("world", name), self._key("line", name), old]
        told = await self._reader.run(SWITCH, keys, lease.session, world.slot, owner, world.elements, number + 1)
        self._check(told)
        world.elements = world.lines = 0

    def _check(self, told: list[bytes]) -> None:
        if told == [b"session"]:
            self.lease.doubt(refused=True)
        if told:
            raise MovedError("the world belongs to another node by now")

    def sweep(self) -> Iterator[None]:
        """What is dropped is gone."""
        return iter(())

    async def leave(self) -> None:
        """Close the connections."""
        for line in (self._writer, *self._readers):
            await line.close()
        await self._client.aclose()

    def close(self) -> None:
        """`leave` does it."""

    # --- steps

    def _change(self, name: str) -> _Change:
        change = self._changes.get(name)
        if change is None:
            world = self._worlds.get(name)
            slot, elements = (slot_of(name), 0) if world is None else (world.slot, world.elements)
            change = self._changes[name] = _Change(slot, name, elements)
        return change

    @property
    def _reader(self) -> Line:
        """Long reads of several worlds go side by side."""
        self._turn = (self._turn + 1) % _READERS
        return self._readers[self._turn]

    def _key(self, *parts: str) -> str:
        return self.address.key(*parts)


def _packed(lines: list[bytes]) -> bytes:
    piece = b"\n".join(lines)
    return piece if len(piece) < _LEAST_PACKED_BYTES else zlib.compress(piece, _LEVEL)


def _unpacked(piece: bytes) -> list[bytes]:
    """A line is JSON and begins with a brace; what is compressed does not."""
    return (piece if piece[:1] == b"{" else zlib.decompress(piece)).split(b"\n")
