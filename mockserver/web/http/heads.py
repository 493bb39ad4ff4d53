"""Heads that came before: a client sends the same lines again and again, and they need not be parsed each time."""

from typing import Any

from msgspec import Struct

from mockserver.web.http.exchange import RawHeaders
from mockserver.web.http.request import Request

_END = b"\r\n\r\n"
_LINE_BYTES, _BLOCK_BYTES = 300, 2_000
_KEPT_BYTES = 2 * 1024 * 1024
"""Of lines, and of blocks: the heads of some ten thousand keys."""
_TOLD_APART = frozenset({b"expect", b"upgrade", b"transfer-encoding"})
"""Headers that ask for more than the body that they announce."""


class _Line(Struct, frozen=True, gc=False):
    """What a request line says."""

    method: str
    path: str
    raw_path: bytes
    query: bytes


class _Block(Struct, frozen=True):
    """What the header lines say, and how long a body they announce."""

    headers: RawHeaders
    fields: dict[bytes, bytes]
    length: int


class _Kept(dict[bytes, Any]):
    """What bytes say; where they are too many, all begins anew."""

    size = 0

    def keep(self, name: bytes, value: _Line | _Block) -> None:
        if name in self:
            return
        if self.size + len(name) > _KEPT_BYTES:
            self.clear()
            self.size = 0
        self[name] = value
        self.size += len(name)


class Heads:
    """Request lines and blocks of headers that the parser took once, each for itself. Only what is plain is known:
    HTTP/1.1, a path as target, one header of each name, no more asked of the connection than to stay open."""

    def __init__(self) -> None:
        self._lines, self._blocks = _Kept(), _Kept()

    def request(self, data: bytes) -> Request | None:
        """The one whole request that these bytes are; None where only the parser can tell."""
        head, end, body = data.partition(_END)
        line, _, block = head.partition(b"\r\n")
        said, told = self._lines.get(line), self._blocks.get(block)
        if said is None or told is None or told.length != len(body) or not end:
            return None
        return Request(said.method, said.path, said.raw_path, said.query, told.headers, told.fields, "1.1", body)

    def learn(self, data: bytes, request: Request) -> None:
        """Know the head of a request again. `data`: what was fed from the request's first byte on."""
        head, end, body = data.partition(_END)
        line, _, block = head.partition(b"\r\n")
        if not end or body != request.body or len(line) > _LINE_BYTES or len(block) > _BLOCK_BYTES:
            return
        if _is_plain(request) and line.endswith(b" HTTP/1.1") and line.partition(b" ")[2].startswith(b"/"):
            self._lines.keep(line, _Line(request.method, request.path, request.raw_path, request.query))
            self._blocks.keep(block, _Block(request.headers, request.fields, len(body)))


def _is_plain(request: Request) -> bool:
    fields = request.fields
    return (
        request.keep_alive
        and fields.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and len(fields) == len(request.headers)
        and _TOLD_APART.isdisjoint(fields)
    )
