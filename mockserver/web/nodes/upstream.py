"""Kept connections to another node: a request goes there as it came, and what comes back is handed on as it comes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httptools

from mockserver.web.http.request import Request
from mockserver.web.nodes.whose import KEY

PASSED = b"x-mock-passed"
"""The header that says which node passed a request on: it is passed on once."""
_CONNECT_S = 0.5
_KEPT = 64
_KEPT_S = 30.0
"""Shorter than a node keeps a silent connection: one that is taken up again is not about to be closed."""
_NOT_PASSED = frozenset({b"content-length", b"transfer-encoding", b"expect", PASSED, KEY})
Sink = Callable[[bytes], None]


class UnreachedError(Exception):
    """The node could not be connected to: it has seen nothing of the request."""


class BrokenError(Exception):
    """The connection broke before the answer was whole. `has_begun` says whether some of it had come."""

    def __init__(self, *, has_begun: bool) -> None:
        super().__init__("the connection to the other node broke")
        self.has_begun = has_begun


class Upstream(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser: Any = None
        self._sink: Sink = _ignore
        self._body: Sink | None = None
        self.status = 0
        self._done: asyncio.Future[bool] | None = None
        self._bodiless = self._has_begun = False
        self._touched = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether it can be taken up again."""
        return not self._transport.is_closing() and time.monotonic() - self._touched < _KEPT_S

    async def exchange(self, request: bytes, sink: Sink, *, bodiless: bool = False, body: Sink | None = None) -> bool:
        """Send a request; give `sink` the answer's bytes, `body` those of its body. Returns whether the connection
        can be kept.

        Raises BrokenError.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._sink, self._body, self._bodiless, self._has_begun = sink, body, bodiless, False
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._done
        finally:
            self._done = None
            self._touched = time.monotonic()

    def close(self) -> None:
        self._transport.abort()

    def pause(self, *, is_full: bool) -> None:
        """Wait for whoever reads the answer."""
        if self._transport.is_closing():
            return
        if is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            self.close()  # nobody asked
            return
        self._has_begun = True
        self._sink(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        if self._done is None or self._done.done():
            return
        if self._has_begun and not self._parser.should_keep_alive():
            self._done.set_result(False)  # an answer may end so
        else:
            self._done.set_exception(BrokenError(has_begun=self._has_begun))

    # --- of the parser

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self._bodiless:
            self._end()

    def on_body(self, data: bytes) -> None:
        if self._body is not None:
            self._body(data)

    def on_message_complete(self) -> None:
        self._end()

    def _end(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(bool(self._parser.should_keep_alive()))


class Way:
    """The connections to one node. `url` is http://HOST:PORT."""

    def __init__(self, url: str) -> None:
        self.url, parts = url, urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[Upstream] = []

    async def take(self) -> Upstream:
        """A kept connection, or a new one. Raises UnreachedError."""
        while self._idle:
            upstream = self._idle.pop()
            if upstream.is_fresh:
                return upstream
            upstream.close()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, made = await asyncio.get_running_loop().create_connection(Upstream, self._host, self._port)
        except OSError as error:  # a time-out is one
            raise UnreachedError(str(error)) from error
        return made

    def give_back(self, upstream: Upstream) -> None:
        if len(self._idle) < _KEPT:
            self._idle.append(upstream)
        else:
            upstream.close()

    def close(self) -> None:
        for upstream in self._idle:
            upstream.close()
        self._idle = []


def _ignore(data: bytes) -> None:
    """Nobody has asked."""


def written(request: Request, by: str) -> bytes:
    """A request as it came, but for its framing, with who passes it on."""
    target = request.raw_path + (b"?" + request.query if request.query else b"")
    lines = [b"%b %b HTTP/%b" % (request.method.encode(), target, request.http_version.encode())]
    lines += [b"%b: %b" % header for header in request.headers if header[0] not in _NOT_PASSED]
    lines.append(b"%b: %b" % (PASSED, by.encode()))
    if request.is_of_key:
        lines.append(b"%b: 1" % KEY)
    if request.body or any(name in request.fields for name in (b"content-length", b"transfer-encoding")):
        lines.append(b"content-length: %d" % len(request.body))
    return b"\r\n".join([*lines, b"", request.body])
