"""JSON pointers (RFC 6901) into a document: where something stands."""

from typing import Any


def below(place: str, key: Any) -> str:
    """Where a key of what stands at a place leads."""
    return f"{place}/{str(key).replace('~', '~0').replace('/', '~1')}"


def place_of(method: str, path: str) -> str:
    """Where an operation stands."""
    return f"{below('#/paths', path)}/{method.lower()}"
