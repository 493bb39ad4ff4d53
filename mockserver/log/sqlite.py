"""A log in a SQLite file: a server started again on it goes on where it was, callbacks included."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

_BATCH = 1_000


class OtherBirthError(Exception):
    """The file holds the log of a world with another seed, other credits or other bounds."""


class SqliteLog:
    """Two tables: how the world was born, and the lines.

    Every append is a transaction in write-ahead mode: a killed process loses nothing (a power cut may lose the
    last moments, as `synchronous=NORMAL` says). It is not folded: the file grows by some hundred bytes a command.
    """

    wants_snapshot = False

    def __init__(self, path: Path, birth: bytes) -> None:
        """`birth` is what the world starts from: out of another one the same commands would make another world.

        Raises OtherBirthError for a log that began otherwise, and sqlite3.Error where the file can't be opened,
        is no database or is held by another server.
        """
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._open(path, birth)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, path: Path, birth: bytes) -> None:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS birth (settings BLOB NOT NULL)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS log (sequence INTEGER PRIMARY KEY, line BLOB NOT NULL)")
        known = self._connection.execute("SELECT settings FROM birth").fetchone()
        if known is None:
            self._connection.execute("INSERT INTO birth (settings) VALUES (?)", (birth,))
        elif known[0] != birth:
            raise OtherBirthError(f"{path} began with {known[0].decode()}, not with {birth.decode()}")

    def append(self, line: bytes) -> None:
        self._connection.execute("INSERT INTO log (line) VALUES (?)", (line,))

    def lines(self) -> Iterator[bytes]:
        cursor = self._connection.execute("SELECT line FROM log ORDER BY sequence")
        while rows := cursor.fetchmany(_BATCH):
            yield from (row[0] for row in rows)

    def fold(self, snapshot: Iterator[bytes]) -> None:
        raise NotImplementedError("a SQLite log is never folded")

    def clear(self) -> None:
        self._connection.execute("DELETE FROM log")

    def close(self) -> None:
        self._connection.close()
