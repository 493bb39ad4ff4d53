"""Events to whoever listens, as server-sent events (the HTML standard's text/event-stream)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache

import msgspec

from mockserver.simulation.event import Fired

BACKLOG_LIMIT = 20_000
_ALIVE_S = 15.0
_AT_ONCE = 5_000
_encode = msgspec.json.Encoder().encode
Queue = asyncio.Queue[tuple[str, Fired] | None]


class EventStream:
    """A listener of the node that hands every event (and every hint) to every subscriber.

    A subscriber that falls BACKLOG_LIMIT events behind is let go: the server never waits for a reader.
    """

    def __init__(self, listeners: list[Callable[[str, Fired], None]], subscribers_limit: int = 100) -> None:
        """It is among the listeners only while somebody listens to it; past the limit the oldest is let go."""
        self._listeners, self._limit = listeners, subscribers_limit
        self._queues: dict[Queue, str | None] = {}

    def __call__(self, name: str, event: Fired) -> None:
        for queue, tenant in tuple(self._queues.items()):
            if tenant not in (None, name):
                continue
            if queue.qsize() >= BACKLOG_LIMIT:
                self._let_go(queue)
            else:
                queue.put_nowait((name, event))

    @property
    def is_pressed(self) -> bool:
        """Whether somebody has a lot left to read: whoever can, waits a moment with more."""
        return any(queue.qsize() * 2 > BACKLOG_LIMIT for queue in self._queues)

    async def subscribe(self, tenant: str | None = None) -> AsyncIterator[bytes]:
        """The events from now on, of one tenant or all. A comment now and then keeps the line open."""
        queue: Queue = asyncio.Queue()
        if len(self._queues) >= self._limit:
            self._let_go(next(iter(self._queues)))
        if not self._queues:
            self._listeners.append(self)
        self._queues[queue] = tenant
        try:
            yield b": connected\n\n"
            while True:
                try:
                    told = await asyncio.wait_for(queue.get(), _ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if told is None:
                    return
                yield written(*told) + b"".join(_waiting(queue))
        finally:
            self._forget(queue)

    def close(self) -> None:
        """Let every subscriber go, so that the server can stop."""
        for queue in tuple(self._queues):
            self._let_go(queue)

    def _let_go(self, queue: Queue) -> None:
        self._forget(queue)
        queue.put_nowait(None)

    def _forget(self, queue: Queue) -> None:
        if queue in self._queues:
            del self._queues[queue]
            if not self._queues:
                self._listeners.remove(self)


def _waiting(queue: Queue) -> Iterator[bytes]:
    """What else is there already: a burst leaves in a few pieces, not in one for each event."""
    for _ in range(_AT_ONCE):
        if queue.empty():
            return
        told = queue.get_nowait()
        if told is None:
            queue.put_nowait(None)  # for whoever waits: it is the end
            return
        yield written(*told)


def written(name: str, event: Fired) -> bytes:
    """An event on the wire, with whose it is: what `event_record` says, without the way through a dict."""
    told = _encode(event)
    return b"event: %b\ndata: %b%b\n\n" % (event.type.encode(), _whose(name), told[1:])


@lru_cache(maxsize=1_000)
def _whose(name: str) -> bytes:
    """How the object begins; what belongs to the server alone is nobody's."""
    return b'{"tenant":%b,' % _encode(name) if name else b"{"
