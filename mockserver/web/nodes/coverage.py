"""Which slots the parts of one answer speak for: all together for each slot once, or keys are missing or told twice.

A slot that changes hands is nobody's for a moment, and so is that of a node that has died until another takes it.
Slots are written as a number with a bit for each.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from mockserver.log.slot import SLOTS

SLOTS_TOLD = "x-mock-slots"
"""The header of a part that says for which slots it speaks."""
_ALL = (1 << SLOTS) - 1
_WRITTEN = re.compile(rb"\r\nx-mock-slots: ([0-9a-f]+)\r\n")


class Gap(NamedTuple):
    """Whose slots no part speaks for, and whether two speak for one."""

    owners: frozenset[str]
    has_twice: bool


NO_GAP = Gap(frozenset(), has_twice=False)


def missing(parts: Iterable[int]) -> tuple[list[int], bool]:
    """The slots that no part speaks for, and whether two speak for one."""
    once = twice = 0
    for part in parts:
        twice |= once & part
        once |= part
    left = _ALL & ~once
    return [slot for slot in range(SLOTS) if left >> slot & 1] if left else [], bool(twice)


def bits(slots: Iterable[int]) -> int:
    told = bytearray(SLOTS // 8)
    for slot in slots:
        told[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(told, "little")


def read_head(head: bytes) -> int:
    """The slots that the head of an answer tells; none where it says nothing."""
    found = _WRITTEN.search(head)
    return int(found[1], 16) if found else 0
