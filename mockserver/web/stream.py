"""Events to whoever listens, as server-sent events (the HTML standard's text/event-stream)."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from mockserver.simulation.event import Fired

BACKLOG_LIMIT = 1_000
_ALIVE_S = 15.0


class EventStream:
    """A listener of the node that hands every event to every subscriber.

    A subscriber that falls BACKLOG_LIMIT events behind is let go: the server never waits for a reader.
    """

    def __init__(self, listeners: list[Callable[[Fired], None]], subscribers_limit: int = 100) -> None:
        """It is among the listeners only while somebody listens to it; past the limit the oldest is let go."""
        self._listeners, self._limit = listeners, subscribers_limit
        self._queues: dict[asyncio.Queue[Fired | None], str | None] = {}

    def __call__(self, event: Fired) -> None:
        for queue, tenant in tuple(self._queues.items()):
            if tenant not in (None, event.tenant):
                continue
            if queue.qsize() >= BACKLOG_LIMIT:
                self._let_go(queue)
            else:
                queue.put_nowait(event)

    async def subscribe(self, tenant: str | None = None) -> AsyncIterator[bytes]:
        """The events from now on, of one tenant or all. A comment now and then keeps the line open."""
        queue: asyncio.Queue[Fired | None] = asyncio.Queue()
        if len(self._queues) >= self._limit:
            self._let_go(next(iter(self._queues)))
        if not self._queues:
            self._listeners.append(self)
        self._queues[queue] = tenant
        try:
            yield b": connected\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), _ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event is None:
                    return
                yield b"event: %b\ndata: %b\n\n" % (event.type.encode(), msgspec.json.encode(event))
        finally:
            self._forget(queue)

    def close(self) -> None:
        """Let every subscriber go, so that the server can stop."""
        for queue in tuple(self._queues):
            self._let_go(queue)

    def _let_go(self, queue: asyncio.Queue[Fired | None]) -> None:
        self._forget(queue)
        queue.put_nowait(None)

    def _forget(self, queue: asyncio.Queue[Fired | None]) -> None:
        if queue in self._queues:
            del self._queues[queue]
            if not self._queues:
                self._listeners.remove(self)
