"""The order of commands of each world. A world is the fold of its log; no second store of state exists."""

from collections.abc import Iterator
from typing import Protocol

FEW_COMMANDS = 1_000
"""A log of so few commands is never folded: to make its world again takes no time worth mentioning."""


class LogError(Exception):
    """The log can't be read or kept; says what is wrong with its place."""


class Log(Protocol):
    """The logs of all worlds of a server, each under its world's name: a snapshot, if the oldest part was folded,
    then commands, as lines of JSON. What is appended is kept once `commit` has returned.

    Each call may raise LogError.
    """

    durable: bool
    """Whether it outlives the process: then worlds that rest need not stay in memory."""

    def names(self) -> Iterator[tuple[str, int | None]]:
        """Every world there is, with when something happens in it next: None for never, 0 where nobody knows."""
        ...

    def birth(self, name: str) -> bytes | None:
        """What a world was born with; None where there is none of this name."""
        ...

    def begin(self, name: str, birth: bytes) -> None:
        """A world is born; its log is empty."""
        ...

    def append(self, name: str, lines: list[bytes]) -> None:
        """Add one command of a world, in one line or two."""
        ...

    def commit(self) -> None:
        """Keep what was appended since the last commit: all of it, or (LogError) nothing."""
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """What makes a world again."""
        ...

    def history(self, name: str) -> Iterator[bytes]:
        """The same with as much of the past as there still is."""
        ...

    def is_long(self, name: str, size: int) -> bool:
        """Whether the oldest part of a world of this size (tasks, deliveries, files) should become a snapshot."""
        ...

    def fold(self, name: str, snapshot: Iterator[bytes]) -> Iterator[None]:
        """Take a snapshot of a world as it stands after its last command, in steps that leave time for others.
        Nothing of this world may be appended meanwhile."""
        ...

    def rest(self, name: str, due_ms: int | None) -> None:
        """Note when something happens next in a world that leaves the memory."""
        ...

    def drop(self, name: str) -> None:
        """Forget a world; what it took is freed by `sweep`."""
        ...

    def sweep(self) -> Iterator[None]:
        """Free what belongs to nobody any more, in steps that leave time for others."""
        ...

    def close(self) -> None: ...
