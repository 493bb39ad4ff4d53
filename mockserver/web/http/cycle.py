"""One request on its way through ASGI. Its body is whole before the application is called."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from mockserver.log import MovedError
from mockserver.web.http.exchange import Answer, RawHeaders
from mockserver.web.http.request import Request

logger = logging.getLogger("mockserver")
App = Callable[[Any, Any, Any], Awaitable[None]]
_BODILESS = frozenset({204, 304})
_MISDIRECTED = 421
"""How an application says that a request is another node's by now."""


class Connection(Protocol):
    """What a cycle asks of the connection that it answers on."""

    @property
    def is_last(self) -> bool: ...
    def head(self, status: int, headers: RawHeaders, *, closes: bool) -> bytes: ...
    def write(self, parts: tuple[bytes, ...]) -> None: ...
    async def drain(self) -> None: ...
    def close_after(self) -> None: ...
    def abort(self) -> None: ...
    def again(self, request: Request) -> None: ...
    def address(self, which: str) -> tuple[str, int] | None: ...
    def ended(self, *, whole: bool) -> None: ...
    def failure(self, path: str) -> Answer: ...


class Cycle:
    """Calls the application, and writes what it sends: with its length, or in chunks where the client knows them."""

    def __init__(self, connection: Connection, request: Request, state: dict[str, Any]) -> None:
        self._connection, self._request, self._app_state = connection, request, state
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._has_begun = self._is_chunked = self._is_read = self._is_whole = False
        self._left = asyncio.Event()
        self._is_gone = False

    async def run(self, app: App) -> None:
        """Raises nothing: an application that fails is told of in the log, and its client by a 500 or a cut."""
        try:
            await app(self._scope(), self._receive, self._send)
        except ConnectionResetError:
            self._connection.abort()
        except MovedError:
            if not self._has_begun:
                self._connection.again(self._request)
                return
            self._connection.abort()
        except Exception:
            if not self._is_gone:
                await self._fail()
        self._connection.ended(whole=self._is_whole)

    def leave(self) -> None:
        """The client has said its last."""
        self._left.set()

    def disconnect(self) -> None:
        """The client is gone."""
        self._is_gone = True
        self._left.set()

    async def _fail(self) -> None:
        logger.exception("%s %s broke the mock", self._request.method, self._request.path)
        if self._has_begun:
            self._connection.abort()
            return
        answer = self._connection.failure(self._request.path)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    def _scope(self) -> dict[str, Any]:
        request = self._request
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": request.http_version,
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "root_path": "",
            "headers": request.headers,
            "server": self._connection.address("sockname"),
            "client": self._connection.address("peername"),
            "state": self._app_state,
            "slot": request.slot,
        }

    async def _receive(self) -> dict[str, Any]:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if self._is_gone:
            raise ConnectionResetError("the client is gone")
        if message["type"] == "http.response.start":
            if message["status"] == _MISDIRECTED:
                raise MovedError("the world belongs to another node by now")
            self._head = (message["status"], [(name.lower(), value) for name, value in message.get("headers", ())])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        parts = [] if self._has_begun else [self._begin(body, more=more)]
        if self._has_body:
            parts += _chunk(body, last=not more) if self._is_chunked else [body]
        self._connection.write(tuple(parts))
        self._is_whole = not more
        await self._connection.drain()

    def _begin(self, body: bytes, *, more: bool) -> bytes:
        """The head, held back until the first of the body comes. A body of unknown length is sent in chunks, or, to
        a client of HTTP/1.0, up to the end of the connection."""
        if self._head is None:
            raise RuntimeError("a body came before its head")
        self._has_begun = True
        status, headers = self._head
        if self._has_body and not any(name == b"content-length" for name, _ in headers):
            if not more:
                headers.append((b"content-length", b"%d" % len(body)))
            elif self._request.http_version == "1.1":
                self._is_chunked = True
                headers.append((b"transfer-encoding", b"chunked"))
            else:
                self._connection.close_after()
        return self._connection.head(status, headers, closes=self._connection.is_last)

    @property
    def _has_body(self) -> bool:
        return self._request.method != "HEAD" and self._head is not None and self._head[0] not in _BODILESS


def _chunk(body: bytes, *, last: bool) -> list[bytes]:
    parts = [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
    return [*parts, b"0\r\n\r\n"] if last else parts
