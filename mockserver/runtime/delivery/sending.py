"""One POST over one connection of its own: no proxy, redirect, cookie, pool, or library that a test might patch."""

import asyncio
import contextlib
import ssl
import string
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote

import httptools

from mockserver.runtime.delivery.target import Target

_HEAD_BYTES = 64 * 1024
_LEAVE_BYTES = 4096
_LEAVE_S = 0.25


class NoAnswerError(Exception):
    """What came back is no HTTP answer; says what was wrong with it."""


async def post(target: Target, body: bytes, trust: Callable[[], ssl.SSLContext]) -> int:
    """POST to the first judged address that takes a connection. Returns the status of the answer.

    `trust` is asked for https alone. Raises OSError (TLS failures are among them) or NoAnswerError.
    """
    location = target.location
    request = _request(target, body)
    is_tls = location.scheme == "https"
    context, name = (trust(), location.host) if is_tls else (None, None)
    tls = {"ssl": context, "server_hostname": name}
    *others, last = target.addresses
    for address in others:
        with contextlib.suppress(OSError):
            exchange = await _connected(request, address, location.port, tls)
            break
    else:
        exchange = await _connected(request, last, location.port, tls)
    return await exchange.outcome()


async def _connected(request: bytes, address: str, port: int, tls: Any) -> "_Exchange":
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: _Exchange(request), address, port, **tls)
    return exchange


def _request(target: Target, body: bytes) -> bytes:
    """Path and query byte for byte; only what a request line cannot hold (letters beyond ASCII) is escaped."""
    path = target.location.path
    line = path if path.isascii() else quote(path, safe=string.punctuation)
    head = (
        f"POST {line} HTTP/1.1\r\nhost: {target.location.host_header}\r\ncontent-type: application/json\r\n"
        f"user-agent: evolink-mock\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class _Exchange(asyncio.Protocol):
    """Sends the request as soon as there is a connection, and waits for the head of the answer."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._status: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._seen = 0

    async def outcome(self) -> int:
        """The status; then a short body is read to its end, so that the receiver need not see it cut off.

        A long or slow one is dropped: by then the answer is known, and whatever goes wrong is no failure.
        """
        try:
            status = await self._status
            if not self._ended.done():
                await asyncio.wait((self._ended,), timeout=_LEAVE_S)
            return status
        finally:
            self._leave()

    # --- of the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("illegal status line" if not self._parser.get_status_code() else "illegal head or body")
        if self._seen > _HEAD_BYTES:
            self._fail("its head is too long")
        if self._seen > _LEAVE_BYTES and self._status.done():
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._status.done():
            self._status.set_exception(exc or NoAnswerError("Server disconnected without sending a response."))
            self._status.exception()  # nobody may be left to ask
        self._end()

    # --- of the parser

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._status.done():  # an interim answer (RFC 9110, 15.2) is none
            self._seen = 0
            self._status.set_result(status)

    def on_message_complete(self) -> None:
        if self._status.done():
            self._end()

    # --- ends

    def _fail(self, words: str) -> None:
        if not self._status.done():
            self._status.set_exception(NoAnswerError(words))
            self._status.exception()
        self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _leave(self) -> None:
        if self._transport is not None:
            if self._ended.done():
                self._transport.close()
            else:
                self._transport.abort()
