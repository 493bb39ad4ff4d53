"""The application on a socket, served by uvicorn."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from mockserver.runtime.pause import pause
from mockserver.web.app import Application
from mockserver.web.http.protocol import HttpProtocol

_GRACE_S, _LOOK_S, _TICK_S = 0.5, 0.02, 0.1
_DAY = 864_000
"""Of ticks."""


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
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Other nodes take over first: what still comes is passed on to them. Streams have no end of their own, so
        they are ended then; what else has begun is ended, too, or cut off where that takes more than a moment."""
        await self._application.leave()
        self._application.end_streams()
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        await self._end_all()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _end_all(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        await self._rest()
        for task in tuple(self.server_state.tasks):
            task.cancel()
        for connection in tuple(self.server_state.connections):
            connection.abort()  # type: ignore[union-attr]
        await pause(0)
        await self._rest()

    async def _rest(self) -> None:
        """Wait a moment for what is to end by itself."""
        state, loop = self.server_state, asyncio.get_running_loop()
        until_s = loop.time() + _GRACE_S
        while (state.connections or state.tasks) and loop.time() < until_s and not self.force_exit:
            await pause(_LOOK_S)

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

    async def main_loop(self) -> None:
        """uvicorn's, whatever a test has put in the place of `asyncio.sleep`."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % _DAY
            await pause(_TICK_S)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; connections are looked at once in a second."""
        if counter % 10 == 0:
            now_s = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                connection.check(now_s)  # type: ignore[union-attr]
        return await super().on_tick(counter)

    def run_on(self, sockets: list[socket.socket]) -> None:
        """Serve until told to stop (SIGINT and SIGTERM in the main thread)."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets=sockets))
