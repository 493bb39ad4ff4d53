"""How much of worlds there may be."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """How many worlds there may be, and how many of them in memory at once where they can be loaded again."""

    worlds: int = 10_000
    loaded: int = 1_000
    names: frozenset[str] = frozenset()
    """The only ones there may be; none means any."""
