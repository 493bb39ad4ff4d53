"""The order of commands. A world is the fold of its log; no second store of state exists."""

from collections.abc import Iterator
from typing import Protocol


class Log(Protocol):
    """Commands as lines of JSON, in the order in which they were carried out."""

    def append(self, line: bytes) -> None:
        """Keep one command."""
        ...

    def lines(self) -> Iterator[bytes]:
        """What makes the world again: the lines of a snapshot, if the oldest part was folded, then commands."""
        ...

    @property
    def wants_snapshot(self) -> bool:
        """Whether it has grown so far that its oldest part should give way to a snapshot."""
        ...

    def fold(self, snapshot: Iterator[bytes]) -> None:
        """Take a snapshot of the world as it stands after the last command."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...

    def close(self) -> None: ...
