"""Who asks: a tenant per API key. The key itself goes no further than this module."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

Headers = Mapping[bytes, bytes]
"""Header names in lower case, as ASGI has them."""

PAGE_HEADER = "x-mock-page"
"""What the page's own requests carry: they name keys as answers do, and by nothing else."""
_SHOWN = 4
_SHORT = "short"
_TENANT = re.compile(r"\w{4,5}-[0-9a-f]{12}", re.ASCII)
_LONG_ENOUGH = 8
"""A key shorter than this would be half told by its last four characters."""


def tenant_asking(headers: Headers, known: frozenset[str] = frozenset()) -> str | None:
    """The tenant of a request; None where it carries no key, or one that is not known, if only some are."""
    tenant = _tenant_of_header(headers.get(b"authorization", b""))
    return None if known and tenant not in known else tenant


@lru_cache(maxsize=10_000)
def _tenant_of_header(value: bytes) -> str | None:
    key = _bearer(value)
    return None if key is None else tenant_of(key)


def api_key(headers: Headers) -> str | None:
    """The bearer token; None where there is none."""
    return _bearer(headers.get(b"authorization", b""))


def _bearer(value: bytes) -> str | None:
    """The token of an Authorization header (RFC 6750: the scheme's name is case-insensitive)."""
    scheme, _, key = value.partition(b" ")
    key = key.strip()
    return key.decode("utf-8", "surrogateescape") if key and scheme.lower() == b"bearer" else None


@lru_cache(maxsize=10_000)
def tenant_of(key: str) -> str:
    """The name of a key's tenant: its last four characters and a digest, enough to tell keys apart."""
    digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    return f"{_hint(key)}-{digest}"


def names_of(keys: Iterable[str]) -> frozenset[str]:
    """The tenants of these keys."""
    return frozenset(map(tenant_of, keys))


def is_tenant(text: str) -> bool:
    """Whether a text has the form of a tenant's name."""
    return _TENANT.fullmatch(text) is not None


def shown(tenant: str) -> str:
    """A tenant in a line for people: by the end of its key, or where that would be half of it, by the digest."""
    end, _, digest = tenant.partition("-")
    return f"key {digest[:6]}" if end == _SHORT else f"…{end}"


def masked(key: str) -> str:
    """A key as it may be shown."""
    return f"…{_hint(key)}"


def _hint(key: str) -> str:
    if len(key) < _LONG_ENOUGH:
        return _SHORT
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in key[-_SHOWN:])
