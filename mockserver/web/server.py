"""The application on a socket, served by uvicorn."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from mockserver.web.app import Application

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
except ImportError:  # httptools has wheels for CPython only
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol  # type: ignore[assignment]


class _JoiningTransport:
    """A transport that holds the head of a response back until the first of its body comes, and sends both at once.

    The ASGI specification asks for just that ("http.response.start"); it also halves the packets of most answers.
    """

    __slots__ = ("_head", "_head_is_next", "is_closing", "real")

    def __init__(self, transport: Any) -> None:
        self.real = transport
        self.is_closing = transport.is_closing
        self._head = b""
        self._head_is_next = True

    def begin_response(self) -> None:
        """What is written next is a head again."""
        self._head_is_next = True

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif self._head_is_next and not data.startswith(b"HTTP/1.1 100 "):
            self._head, self._head_is_next = data, False
            return
        self.real.write(data)

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self.real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class MockProtocol(_Protocol):
    """uvicorn's HTTP protocol, with the transport within reach of whoever has to break it."""

    def connection_made(self, transport: Any) -> None:
        joining: Any = _JoiningTransport(transport)
        super().connection_made(joining)
        self.app_state = {**self.app_state, "transport": joining}

    def on_response_complete(self) -> None:
        self.transport.begin_response()  # type: ignore[attr-defined]
        super().on_response_complete()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError where it is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """Where clients on this machine reach the socket."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


class Server(uvicorn.Server):
    """uvicorn's server, that says when it takes requests. `should_exit` ends it."""

    def __init__(self, application: Application, on_ready: Callable[[], None]) -> None:
        bounds = application.options.bounds
        super().__init__(
            uvicorn.Config(
                application,
                http=MockProtocol,
                interface="asgi3",
                ws="none",
                proxy_headers=False,
                lifespan="on",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=bounds.connections,
                timeout_graceful_shutdown=2,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def run_on(self, listener: socket.socket) -> None:
        """Serve until told to stop (SIGINT and SIGTERM in the main thread)."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=[listener]))
