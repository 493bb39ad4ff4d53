"""The application on a socket, served by uvicorn."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from mockserver.web.app import Application
from mockserver.web.http.protocol import HttpProtocol


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
        self._application, bounds = application, application.options.bounds
        super().__init__(
            uvicorn.Config(
                application,
                http=HttpProtocol,
                interface="asgi3",
                ws="none",
                proxy_headers=False,
                lifespan="on",
                log_config=None,  # logging is whoever's process this is: no handler of theirs is touched
                access_log=False,
                server_header=False,
                limit_concurrency=bounds.connections,
                timeout_graceful_shutdown=1,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Other nodes take over first: what still comes is passed on to them. Streams have no end of their own, so
        they are ended before anybody waits for them."""
        await self._application.leave()
        self._application.end_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Be told to stop by SIGINT or SIGTERM, which is a good end: neither is raised again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; connections are looked at once in a second."""
        if counter % 10 == 0:
            now_s = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                connection.check(now_s)  # type: ignore[union-attr]
        return await super().on_tick(counter)

    def run_on(self, listener: socket.socket) -> None:
        """Serve until told to stop (SIGINT and SIGTERM in the main thread)."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=[listener]))
