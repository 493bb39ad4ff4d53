"""Seeded draws without state: the n-th draw of a stream depends on its name and n alone.

A draw in one stream therefore never shifts another, and a tenant's ids do not depend on what others do.
"""

from hashlib import blake2b

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_SUFFIX_LENGTH = 8
_SUFFIXES = 36**_SUFFIX_LENGTH


def draw(seed: int, *stream: str | int) -> int:
    """A uniform integer of 64 bits for this seed and stream."""
    name = "\x1f".join(map(str, (seed, *stream)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def fraction(seed: int, *stream: str | int) -> float:
    """A uniform number in [0, 1) for this seed and stream."""
    return draw(seed, *stream) / 2**64


def task_suffix(seed: int, *stream: str | int) -> str:
    """Eight characters of a-z0-9, as documented task ids end."""
    number = draw(seed, *stream) % _SUFFIXES
    characters = []
    for _ in range(_SUFFIX_LENGTH):
        number, digit = divmod(number, 36)
        characters.append(_ALPHABET[digit])
    return "".join(characters)
