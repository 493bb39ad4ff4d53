"""What is due next on one clock, over all the worlds that follow it, and the one alarm for it."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from mockserver.runtime.clock import Clock
from mockserver.runtime.turn import Turn

Fire = Callable[[str], None]
"""Let happen what is due by now in the world of this name."""
Planned = Callable[["Agenda", str], int | None]
"""When something happens next in a world of this name that follows this agenda's clock."""
_GATHER_MS = 5
"""What falls due within so long happens in one go: one round of the log for each would cost more than the work."""


class Follower(Protocol):
    """A world that goes by a clock; `planned_ms` is when its entry in the agenda says that something happens."""

    planned_ms: int | None

    @property
    def name(self) -> str: ...


class UnderWay:
    """Counts what has been sent and not been reported."""

    def __init__(self) -> None:
        self.count = 0
        self._none = asyncio.Event()

    def add(self, count: int = 1) -> None:
        self.count += count

    def less(self, count: int = 1) -> None:
        self.count -= count
        if not self.count:
            self._none.set()

    async def none(self) -> None:
        """Return once nothing is under way, also of what reports led to."""
        while self.count:
            self._none.clear()
            await self._none.wait()


class Agenda:
    """A heap of (due, name of a world). An entry that is not the world's `planned_ms` any more is stale.

    A clock that runs by itself has an alarm; any other is moved by an advance, or by polls.
    """

    def __init__(self, clock: Clock, fire: Fire, planned: Planned) -> None:
        self.clock = clock
        self.advancing = asyncio.Lock()
        self.under_way = UnderWay()
        self._fire, self._planned = fire, planned
        self._heap: list[tuple[int, str]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms: int | None = None
        self._rings = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ring from now on."""
        self._loop = loop
        self.set_alarm()

    def stop(self) -> None:
        self._loop = None
        self.set_alarm()

    def plan(self, resident: Follower, due_ms: int | None) -> None:
        """A world says when something happens in it next. Later than it said before is found out in time."""
        planned_ms = resident.planned_ms
        if due_ms is None or (planned_ms is not None and planned_ms <= due_ms):
            return
        resident.planned_ms = due_ms
        self.note(due_ms, resident.name)

    def note(self, due_ms: int, name: str) -> None:
        heappush(self._heap, (due_ms, name))
        if self._loop is not None and not self._rings and (self._alarm_ms is None or due_ms < self._alarm_ms):
            self.set_alarm()

    def first(self) -> tuple[int, str] | None:
        """The next entry that is not stale."""
        while self._heap:
            due_ms, name = self._heap[0]
            if self._planned(self, name) == due_ms:
                return due_ms, name
            heappop(self._heap)
        return None

    def take_first(self) -> None:
        heappop(self._heap)

    def second_ms(self) -> int | None:
        """When something is due next but for the first entry; perhaps a stale one."""
        return min((entry[0] for entry in self._heap[1:3]), default=None)

    def fire_due(self) -> bool:
        """Let happen what is due by now, for a while. Returns whether all of it has."""
        turn = Turn()
        while (entry := self.first()) is not None:
            if entry[0] > self.clock.now_ms():
                return True
            if turn.is_over:
                return False
            heappop(self._heap)
            self._fire(entry[1])
        return True

    def set_alarm(self) -> None:
        """For what is due next, where the clock gets there by itself."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._alarm_ms = None
        if self._loop is None or (entry := self.first()) is None:
            return
        wait_s = self.clock.wait_s(max(entry[0], self.clock.now_ms() + _GATHER_MS))
        if wait_s is not None:
            self._alarm_ms = entry[0]
            self._alarm = self._loop.call_later(wait_s, self._ring)

    def _ring(self) -> None:
        """An alarm may ring a moment early (times are whole milliseconds), or for a stale entry: it is set anew."""
        self._alarm = self._alarm_ms = None
        self._rings = True
        all_has = self.fire_due()
        self._rings = False
        if all_has or self._loop is None:
            self.set_alarm()
        else:
            self._loop.call_soon(self._ring)
