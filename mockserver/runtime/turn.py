"""Long work in pieces: nobody else waits long for the loop."""

import asyncio
import time
from weakref import WeakKeyDictionary

from mockserver.runtime.pause import pause

_LONGEST_S = 0.005
_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""One for each loop: however many have long work, one of them does a piece of it at a time."""


class Turn:
    """`give` lets others go first, once this piece of work has lasted long enough."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def is_over(self) -> bool:
        return time.perf_counter() - self._began > _LONGEST_S

    async def give(self) -> None:
        if self.is_over:
            async with _GATES.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                await pause(0)
            self._began = time.perf_counter()
