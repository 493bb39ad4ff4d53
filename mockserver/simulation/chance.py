"""Seeded draws without state: the n-th draw of a stream depends on its name and n alone.

A draw in one stream therefore never shifts another, and a tenant's ids do not depend on what others do.
"""

from hashlib import blake2b

_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
_LETTER_OF_BYTE = bytes(_LETTERS[number % len(_LETTERS)] for number in range(256))


def draw(seed: int, *stream: str | int) -> int:
    """A uniform integer of 64 bits for this seed and stream."""
    name = "\x1f".join(map(str, (seed, *stream)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def fraction(seed: int, *stream: str | int) -> float:
    """A uniform number in [0, 1) for this seed and stream."""
    return draw(seed, *stream) / 2**64


def task_chances(seed: int, tenant: str, number: int) -> tuple[str, float]:
    """What is left to chance of a tenant's n-th task: how its id ends (eight of a-z0-9), its queue in [0, 1)."""
    digest = blake2b(f"{seed}\x1f{tenant}\x1ftask\x1f{number}".encode(), digest_size=12).digest()
    return digest[:8].translate(_LETTER_OF_BYTE).decode(), int.from_bytes(digest[8:], "big") / 2**32


def file_suffix(seed: int, tenant: str, number: int) -> str:
    """How the id of a tenant's n-th upload ends: twelve of a-z0-9."""
    digest = blake2b(f"{seed}\x1f{tenant}\x1ffile\x1f{number}".encode(), digest_size=12).digest()
    return digest.translate(_LETTER_OF_BYTE).decode()
