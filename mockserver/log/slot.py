"""Slots: what of many worlds moves between nodes together. The slot of a world is read off its name, or off any id
of its tasks, deliveries and files, since those end in the mark of its name."""

from functools import lru_cache
from zlib import crc32

from mockserver.simulation.chance import mark_in, mark_of

SLOTS = 4_096
"""So many that a busy key mostly has one for itself, and so can be where its requests arrive."""


@lru_cache(maxsize=10_000)
def slot_of(name: str) -> int:
    """The slot of the world of this name."""
    return slot_of_mark(mark_of(name))


def slot_of_id(one_id: str) -> int:
    """The slot of whatever world may have a task, a delivery or a file of this id."""
    return slot_of_mark(mark_in(one_id))


def slot_of_mark(mark: str) -> int:
    """The slot of the worlds whose ids end so."""
    return crc32(mark.encode("utf-8", "surrogatepass")) % SLOTS
