"""Logs in a SQLite file: a server started again on it goes on where it was, callbacks included.

Write-ahead mode: what is committed outlives a killed process (a power cut may cost the last moments, as
`synchronous=NORMAL` says). Each world has its own sequence of lines and at most one snapshot before it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from mockserver.log import FEW_COMMANDS, DamagedError, LogError

_OURS = 0x65766C6B  # "evlk"
_FORMAT = 3
_BATCH = 1_000
_STEP = 20
_SCHEMA = (
    "CREATE TABLE server (birth BLOB NOT NULL, clock_ms INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE world (id INTEGER PRIMARY KEY, name TEXT UNIQUE, birth BLOB NOT NULL,"
    " snapshot INTEGER NOT NULL DEFAULT 0, first INTEGER NOT NULL DEFAULT 1, due_ms INTEGER DEFAULT 0)",
    "CREATE TABLE line (world INTEGER, sequence INTEGER, line BLOB NOT NULL,"
    " PRIMARY KEY (world, sequence)) WITHOUT ROWID",
    "CREATE TABLE snapshot (world INTEGER, number INTEGER, part INTEGER, line BLOB NOT NULL,"
    " PRIMARY KEY (world, number, part)) WITHOUT ROWID",
)
"""`first` is the sequence of the first line after the snapshot of that number (0: none); `due_ms` when something
happens next in a world at rest, 0 where nobody knows; a world without a name is dropped, its lines to be swept."""


class _World(Struct, gc=False):
    """A world as it is being written: its row, its snapshot, the sequences of its first line and of its next, and
    whether its row says that it rests."""

    id: int
    snapshot: int
    first: int
    next: int
    rests: bool


class SqliteLog:
    """One file, held by one server. `birth` is what the server starts from: with another seed the same requests would
    have other answers.

    Raises LogError where the file can't be opened, is not ours, began otherwise or is held by another server.
    """

    durable = True

    def __init__(self, path: Path, birth: bytes) -> None:
        self._path = path
        self._worlds: dict[str, _World] = {}
        self._births: list[tuple[int, str, bytes]] = []
        self._lines: list[tuple[int, int, bytes]] = []
        self._woken: list[tuple[int]] = []
        self.clock_ms = 0
        with self._told():
            # Opened where the server is made, used where it runs: in tests and for `exec` that is another thread.
            # With a folder before it, since SQLite takes what begins with `file:` for a URI.
            named = os.path.join(".", path)
            self._connection = sqlite3.connect(named, isolation_level=None, timeout=1, check_same_thread=False)
            self._inode = path.stat().st_ino if path.exists() else None
        try:
            with self._told():
                self._open(birth)
                self._ids = self._one("SELECT coalesce(max(id), 0) FROM world")
                self.clock_ms = self._one("SELECT clock_ms FROM server")
        except BaseException:
            self._connection.close()
            raise

    # --- worlds

    def names(self) -> Iterator[tuple[str, int | None]]:
        with self._told():
            return iter(self._all("SELECT name, due_ms FROM world WHERE name IS NOT NULL ORDER BY id"))

    def birth(self, name: str) -> bytes | None:
        with self._told():
            found = self._all("SELECT birth FROM world WHERE name = ?", name)
        return found[0][0] if found else None

    def begin(self, name: str, birth: bytes) -> None:
        self._ids += 1
        self._births.append((self._ids, name, birth))
        self._worlds[name] = _World(self._ids, 0, 1, 1, rests=False)

    def drop(self, name: str) -> None:
        self.commit(self.clock_ms)
        with self._told():
            self._connection.execute("UPDATE world SET name = NULL WHERE name = ?", (name,))
        self._worlds.pop(name, None)

    def rest(self, name: str, due_ms: int | None) -> None:
        with self._told():
            self._connection.execute("UPDATE world SET due_ms = ? WHERE name = ?", (due_ms, name))
        self._worlds.pop(name, None)

    # --- lines

    def append(self, name: str, lines: list[bytes]) -> None:
        world = self._worlds[name]
        for line in lines:
            self._lines.append((world.id, world.next, line))
            world.next += 1
        if world.rests:
            world.rests = False
            self._woken.append((world.id,))

    def commit(self, clock_ms: int) -> None:
        if not self._lines and not self._births:
            return
        births, lines, woken = self._births, self._lines, self._woken
        self._births, self._lines, self._woken = [], [], []
        try:
            with self._transaction():
                if clock_ms != self.clock_ms:
                    self._connection.execute("UPDATE server SET clock_ms = ?", (clock_ms,))
                if births:
                    self._connection.executemany("INSERT INTO world (id, name, birth) VALUES (?, ?, ?)", births)
                self._connection.executemany("INSERT INTO line (world, sequence, line) VALUES (?, ?, ?)", lines)
                if woken:
                    self._connection.executemany("UPDATE world SET due_ms = 0 WHERE id = ?", woken)
            self.clock_ms = clock_ms
        except LogError:
            lost = {line[0] for line in lines} | {birth[0] for birth in births}
            self._worlds = {name: world for name, world in self._worlds.items() if world.id not in lost}
            raise

    def lines(self, name: str) -> Iterator[bytes]:
        """Raises LogError where a line is missing, or the world is not there at all. Whoever has read them all may
        append."""
        world = self._found(name)
        yield from self._read(name, world)
        self._worlds[name] = world

    def history(self, name: str) -> Iterator[bytes]:
        """The past before the last snapshot is gone. Others may append meanwhile."""
        return self._read(name, self._found(name))

    def is_long(self, name: str, size: int) -> bool:
        world = self._worlds.get(name)  # none where it rests already
        return world is not None and world.next - world.first >= max(FEW_COMMANDS, 2 * size)

    # --- making room

    def fold(self, name: str, snapshot: Iterator[bytes]) -> Iterator[None]:
        """The old snapshot holds until the new one is whole; then what both tell is removed."""
        self.commit(self.clock_ms)
        world = self._worlds[name]
        with self._told():
            number = self._one("SELECT coalesce(max(number), 0) + 1 FROM snapshot WHERE world = ?", world.id)
        part = 0
        while piece := list(islice(snapshot, _STEP)):
            with self._transaction():
                rows = [(world.id, number, part + index, line) for index, line in enumerate(piece, start=1)]
                self._connection.executemany("INSERT INTO snapshot VALUES (?, ?, ?, ?)", rows)
            part += len(piece)
            yield
        with self._told():
            change = "UPDATE world SET snapshot = ?, first = ? WHERE id = ?"
            self._connection.execute(change, (number, world.next, world.id))
        world.snapshot, world.first = number, world.next
        yield from self._removed("line", "sequence", world.id, "sequence < ?", world.first)
        yield from self._removed("snapshot", "part", world.id, "number < ?", number)

    def sweep(self) -> Iterator[None]:
        """Remove the lines of worlds that were dropped."""
        with self._told():
            dropped = self._all("SELECT id FROM world WHERE name IS NULL")
        for (number,) in dropped:
            yield from self._removed("line", "sequence", number, "sequence > ?", -1)
            yield from self._removed("snapshot", "part", number, "number > ?", -1)
            with self._told():
                self._connection.execute("DELETE FROM world WHERE id = ?", (number,))

    def close(self) -> None:
        self._connection.close()

    # --- reading

    def _found(self, name: str) -> _World:
        with self._told():
            row = self._all("SELECT id, snapshot, first, due_ms FROM world WHERE name = ?", name)
        if not row:
            raise LogError(f"{self._path}: there is no log of {name}")
        number, snapshot, first, due_ms = row[0]
        return _World(number, snapshot, first, first, rests=due_ms != 0)

    def _read(self, name: str, world: _World) -> Iterator[bytes]:
        """The snapshot, then each line where it has to be; `world` goes along."""
        for _, line in self._batches("part", "snapshot", world.id, 0, "AND number = ?", world.snapshot):
            yield line
        for sequence, line in self._batches("sequence", "line", world.id, world.first - 1):
            if sequence != world.next:
                raise DamagedError(f"{self._path}: line {world.next} of the log of {name} is missing")
            world.next += 1
            yield line

    # --- steps

    def _open(self, birth: bytes) -> None:
        ours, format_ = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        if self._one("SELECT count(*) FROM sqlite_master") and ours != _OURS:
            raise LogError(f"{self._path} is a database of another program, or of an earlier version")
        if ours == _OURS and format_ != _FORMAT:
            raise LogError(f"{self._path} has format {format_}; this version reads {_FORMAT}")
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        if ours != _OURS:
            self._create(birth)
        known = self._one("SELECT birth FROM server")
        if not isinstance(known, bytes):
            raise LogError(f"{self._path} is damaged: it does not say what it began with")
        if known != birth:
            raise LogError(f"{self._path} began with {known.decode(errors='replace')}, not with {birth.decode()}")
        self._connection.execute("BEGIN IMMEDIATE")  # a file that can't be written is told now, and held from now on
        self._connection.execute("UPDATE server SET birth = birth")
        self._connection.execute("COMMIT")

    def _create(self, birth: bytes) -> None:
        with self._transaction():
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO server (birth) VALUES (?)", (birth,))
            self._connection.execute(f"PRAGMA user_version={_FORMAT}")
            self._connection.execute(f"PRAGMA application_id={_OURS}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        with self._told():
            self._check_place()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _check_place(self) -> None:
        """What is written to a file that has no name any more, nobody will find."""
        try:
            is_there = self._path.stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            raise LogError(f"{self._path}: the file was removed or replaced; start the server again")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite says, with the file that it says it of."""
        try:
            yield
        except sqlite3.Error as error:
            words = "it is held by another server" if "locked" in str(error) else str(error)
            raise LogError(f"{self._path}: {words}") from error

    def _removed(self, table: str, column: str, world: int, which: str, bound: int) -> Iterator[None]:
        """Delete rows of a world in steps."""
        rows = f"SELECT {column} FROM {table} WHERE world = ? AND {which} LIMIT {_BATCH}"  # noqa: S608 - our own names
        delete = f"DELETE FROM {table} WHERE world = ? AND {which} AND {column} IN ({rows})"  # noqa: S608
        while True:
            with self._told():
                removed = self._connection.execute(delete, (world, bound, world, bound)).rowcount
            if removed <= 0:
                return
            yield

    def _batches(self, key: str, table: str, world: int, after: int, more: str = "", *values: int) -> Iterator[Any]:
        """(key, line) of a world's rows in order, read by the batch: between two of them others may write."""
        query = f"SELECT {key}, line FROM {table} WHERE world = ? {more} AND {key} > ? ORDER BY {key} LIMIT {_BATCH}"  # noqa: S608
        while True:
            with self._told():
                rows = self._all(query, world, *values, after)
            if not rows:
                return
            yield from rows
            after = rows[-1][0]

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()[0]
