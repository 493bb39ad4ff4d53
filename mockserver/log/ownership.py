"""Who owns which slot, where several nodes share one log: said by leases that the log's server keeps."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec import Struct

from mockserver.log import LogError


class SupersededError(LogError):
    """Another process goes by the name of this node."""


class Beat(Struct):
    """What a node learns each time it says that it lives: who does (with what each says of itself); the slots that
    changed hands since, with their owners (None: nobody); the version of what all nodes share."""

    live: dict[str, Any]
    changed: dict[int, bytes | None]
    commons: int
    is_all: bool
    """Whether a slot that is not among the changed has no owner."""


class Ownership(Protocol):
    """The lease of a node. `held` are its slots, each with the proof that it is still this node's.

    Each call may raise AwayError.
    """

    name: str
    held: dict[int, bytes]
    lag_ms: float
    on_doubt: Callable[[], None]

    @property
    def is_valid(self) -> bool:
        """Whether nobody can have taken this node's slots yet."""
        ...

    @property
    def is_doubted(self) -> bool:
        """Whether something that was sent may still be carried out: then a new session has to begin first."""
        ...

    def resync(self) -> None:
        """Let the next beat tell of every slot."""
        ...

    async def beat(self, told: Any) -> Beat:
        """Renew the lease; `told` is what the node says of itself. Raises SupersededError."""
        ...

    async def take(self, slots: Iterable[int]) -> None:
        """Take slots whose owner has no lease; the next beat tells which they are."""
        ...

    async def give(self, heirs: dict[int, str], *, leaves: bool = False) -> None:
        """Hand slots over to nodes that live; the node may leave with that."""
        ...

    async def index(self, slots: list[int]) -> list[tuple[int, str, int | None]]:
        """(slot, world, when something happens in it next) of all worlds of these slots; 0 where nobody knows."""
        ...


def owner_in(proof: bytes | None) -> str | None:
    """The node that a slot belongs to."""
    return None if proof is None else proof.partition(b" ")[0].decode()
