"""Long work in pieces: nobody else waits long for the loop."""

import asyncio
import time

_LONGEST_S = 0.005


class Turn:
    """`give` lets others go first, once this piece of work has lasted long enough."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def is_over(self) -> bool:
        return time.perf_counter() - self._began > _LONGEST_S

    async def give(self) -> None:
        if self.is_over:
            await asyncio.sleep(0)
            self._began = time.perf_counter()
