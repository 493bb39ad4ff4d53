"""The connections of a server of asyncio's streams: each ends with its task, and all of them with the server."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

from mockserver.runtime.pause import pause

Serve = Callable[[StreamReader, StreamWriter], Awaitable[None]]


class Connections:
    """`begun` is what `asyncio.start_server` is to call; `serve` is run for each connection, which then ends
    by `end`."""

    def __init__(self, serve: Serve, end: Callable[[StreamWriter], None] = StreamWriter.close) -> None:
        self._serve, self._end = serve, end
        self._tasks: set[asyncio.Task[None]] = set()

    def begun(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A connection is closed also where its task is cancelled before the first step."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._end(writer))

    async def close(self, server: asyncio.Server) -> None:
        """Close the server, then whatever it has accepted. asyncio loses a connection that is still being accepted
        when the server closes, so nothing more is accepted before that."""
        loop = asyncio.get_running_loop()
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
        await pause(0)
        server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
