"""Where the links of answers lead: to one address, or to that by which each client reached the mock."""

import re
from collections.abc import Mapping
from typing import Any

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_KEYS_LIMIT, _HOSTS_LIMIT = 10_000, 100


class PublicUrl:
    """`fixed` is the address unless links follow the client. Then it is the last that a key's requests came by, in
    its callbacks too; `fixed` still, where a request tells none."""

    def __init__(self, fixed: str, *, follows: bool = False) -> None:
        self.fixed, self.follows = fixed, follows
        self._now: str | None = None
        self._of: dict[str, str] = {}
        self._given: dict[str, None] = {}

    def asked_by(self, fields: Mapping[bytes, bytes]) -> None:
        """A request is being answered: what is told until the next one is told to its client."""
        host = fields.get(b"host", b"")
        scheme = "https" if fields.get(b"x-forwarded-proto", b"").strip().lower() == b"https" else "http"
        self._now = f"{scheme}://{host.decode('ascii')}" if _HOST.fullmatch(host) else None

    def remember(self, name: str | None) -> None:
        """That request was this key's."""
        if name is not None and self._now is not None:
            _keep(self._of, name, self._now, _KEYS_LIMIT)
            _keep(self._given, self._now, None, _HOSTS_LIMIT)

    def now(self) -> str:
        """For whoever is being answered."""
        return self._now or self.fixed if self.follows else self.fixed

    def tell(self, name: str) -> None:
        """A key is being told something without having asked."""
        self._now = self._of.get(name)

    def known(self) -> set[str]:
        """All that links may have led to."""
        return {self.fixed, *self._given}


def _keep(kept: dict[str, Any], name: str, value: Any, limit: int) -> None:
    """The newest, bounded."""
    if name not in kept and len(kept) >= limit:
        del kept[next(iter(kept))]
    kept[name] = value
