"""The order of commands of each world. A world is the fold of its log; no second store of state exists."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol, runtime_checkable

FEW_COMMANDS = 1_000
"""A log of so few commands is never folded: to make its world again takes no time worth mentioning."""


class LogError(Exception):
    """The log can't be read or kept; says what is wrong with its place."""


class AwayError(LogError):
    """The log can't be reached; whether what was sent to it is kept, nobody knows."""


class MovedError(LogError):
    """The world belongs to another node by now: nothing was kept, and the request may be passed on to that node."""


class AbsentError(LogError):
    """There is no log of this world."""


class DamagedError(LogError):
    """What the log has of this world makes no world."""


class AnyLog(Protocol):
    """The logs of all worlds of a server, each under its world's name: a snapshot, if the oldest part was folded,
    then commands, as lines of JSON.

    Each call may raise LogError.
    """

    durable: bool
    """Whether it outlives the process: then worlds that rest need not stay in memory."""

    clock_ms: int
    """Where the server's clock stood when something was last kept; 0 where that is not known."""

    def names(self) -> Iterator[tuple[str, int | None]]:
        """Every world there is, with when something happens in it next: None for never, 0 where nobody knows."""
        ...

    def begin(self, name: str, birth: bytes) -> None:
        """A world is born; its log is empty."""
        ...

    def append(self, name: str, lines: list[bytes]) -> None:
        """Add one command of a world, in one line or two."""
        ...

    def is_long(self, name: str, size: int) -> bool:
        """Whether the oldest part of a world of this size (tasks, deliveries, files) should become a snapshot."""
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


class Log(AnyLog, Protocol):
    """A log at hand: what is appended is kept once `commit` has returned."""

    def birth(self, name: str) -> bytes | None:
        """What a world was born with; None where there is none of this name."""
        ...

    def commit(self, clock_ms: int) -> None:
        """Keep what was appended since the last commit, and where the server's clock stands: all of it, or (LogError)
        nothing."""
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """What makes a world again."""
        ...

    def history(self, name: str) -> Iterator[bytes]:
        """The same with as much of the past as there still is."""
        ...

    def fold(self, name: str, snapshot: Iterator[bytes]) -> Iterator[None]:
        """Take a snapshot of a world as it stands after its last command, in steps that leave time for others.
        Nothing of this world may be appended meanwhile."""
        ...


@runtime_checkable
class FarLog(AnyLog, Protocol):
    """A log behind a network, which several nodes may share: what is appended is gathered, and kept once `send` has
    returned. Worlds come and go by the slot (see `slot`)."""

    @property
    def has_changes(self) -> bool:
        """Whether something is gathered."""
        ...

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have changed the worlds of this node meanwhile."""
        ...

    def check(self) -> None:
        """Raises AwayError while it is no use to send anything."""
        ...

    def forget(self, names: Iterable[str]) -> None:
        """What was gathered for these worlds is not to be kept."""
        ...

    def is_gathered(self, name: str) -> bool:
        """Whether something of this world is still to be kept."""
        ...

    def lost(self) -> set[str]:
        """The worlds of which something was not kept since this was last asked: what is in memory of them is void."""
        ...

    async def send(self) -> frozenset[int]:
        """Keep what was gathered. Returns the slots of which nothing was kept, as they belong to another node; raises
        AwayError where nobody knows what was kept."""
        ...

    async def birth(self, name: str) -> bytes | None: ...

    def lines(self, name: str) -> AsyncIterator[bytes]:
        """Raises AbsentError where there is no world of this name."""
        ...

    def history(self, name: str) -> AsyncIterator[bytes]: ...

    def fold(self, name: str, snapshot: Iterator[bytes]) -> AsyncIterator[None]:
        """As `Log.fold`, of a world of which all is kept. Raises MovedError where it is another node's."""
        ...
