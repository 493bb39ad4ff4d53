"""A stalled answer: held for some of its key's time, whichever clock the key goes by meanwhile."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from mockserver.runtime.clock import Clock
from mockserver.runtime.worlds import SERVER, Worlds

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
ClockNow = Callable[[], Clock | None]
"""The clock that a world goes by at this moment; None once it is forgotten."""

_LOOK_S = 0.02
"""How often it looks at a clock that somebody else moves."""
_LONG_LOOK_S = 0.5


async def hold(worlds: Worlds, tenant: str | None, stall_ms: int, receive: Receive) -> None:
    """Wait until the key's time has moved on, its world is forgotten, or the client has lost patience."""
    leaving = asyncio.ensure_future(receive())
    try:
        with _watched(worlds, tenant or SERVER) as clock_now:
            await _moved(clock_now, stall_ms, leaving)
    finally:
        leaving.cancel()


async def _moved(clock_now: ClockNow, by_ms: int, leaving: "asyncio.Future[Any]") -> None:
    clock = clock_now()
    until_ms = 0 if clock is None else clock.now_ms() + by_ms
    while clock is not None and clock.now_ms() < until_ms and not leaving.done():
        wait_s = clock.wait_s(until_ms)
        await asyncio.wait([leaving], timeout=_LOOK_S if wait_s is None else min(wait_s, _LONG_LOOK_S))
        clock = clock_now()


@contextlib.contextmanager
def _watched(worlds: Worlds, name: str) -> Iterator[ClockNow]:
    """Meanwhile the world stays in memory; a key that has none goes by the server's clock."""
    resident = next(iter(worlds.among([name])), None)
    if resident is None:
        yield lambda: worlds.agenda.clock
        return
    resident.readers += 1
    try:
        yield lambda: resident.agenda.clock if worlds.is_here(resident) else None
    finally:
        resident.readers -= 1
