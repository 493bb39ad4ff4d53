"""Seeded draws without state: the n-th draw of a stream depends on its name and n alone.

A draw in one stream therefore never shifts another, and a world's ids do not depend on what others do.
"""

from hashlib import blake2b

_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
_LETTER_OF_BYTE = bytes(_LETTERS[number % len(_LETTERS)] for number in range(256))
MARK_LETTERS = 3
"""How many letters at the end of every id say whose it is: one in 46,656."""


def draw(seed: int, *stream: str | int) -> int:
    """A uniform integer of 64 bits for this seed and stream."""
    name = "\x1f".join(map(str, (seed, *stream)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def fraction(seed: int, *stream: str | int) -> float:
    """A uniform number in [0, 1) for this seed and stream."""
    return draw(seed, *stream) / 2**64


def mark_of(name: str) -> str:
    """What every id of a world ends in, so that an id alone leads to the few worlds that may own it."""
    return blake2b(name.encode(), digest_size=MARK_LETTERS).digest().translate(_LETTER_OF_BYTE).decode()


def mark_in(one_id: str) -> str:
    """The mark in the id of a task or a file; that of a delivery has the number of the copy behind it."""
    head = one_id.rpartition("-")[0] if one_id.startswith("callback-") else one_id
    return head[-MARK_LETTERS:]


class Stream:
    """The draws of one kind in one world."""

    __slots__ = ("_name",)

    def __init__(self, seed: int, world: str, kind: str) -> None:
        self._name = f"{seed}\x1f{world}\x1f{kind}\x1f".encode()

    def digest(self, number: int) -> bytes:
        """Twelve random bytes, the same for the same number."""
        return blake2b(b"%b%d" % (self._name, number), digest_size=12).digest()


def letters(digest: bytes, mark: str) -> str:
    """So many of a-z0-9 as there are bytes, the last of them the mark."""
    return digest[: len(digest) - len(mark)].translate(_LETTER_OF_BYTE).decode() + mark


def task_chances(stream: Stream, number: int, mark: str) -> tuple[str, float]:
    """What is left to chance of the n-th task: how its id ends (eight of a-z0-9), its queue in [0, 1)."""
    digest = stream.digest(number)
    return letters(digest[:8], mark), int.from_bytes(digest[8:], "big") / 2**32
