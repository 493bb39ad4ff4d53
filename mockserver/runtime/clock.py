"""Virtual time for tasks, retries, links and windows, in integer milliseconds since the Unix epoch."""

import time
from collections.abc import Callable

from mockserver.simulation.clock import Mode, OwnClock

_KEPT_MS = 1_000
MANUAL_START_MS = 1_757_169_743_000
"""`created` of the documented example: runs on a manual clock repeat to the byte."""
LAST_MS = 253_402_300_799_999
"""The last moment of the year 9999: every clock stops there."""


def monotonic_ms() -> float:
    return time.monotonic() * 1000


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Clock:
    """Virtual time that never goes back.

    `real` runs by itself, `speed` times as fast as the wall clock; `manual` moves only when told;
    `polls` moves by `poll_step_ms` at every query of a task.
    """

    def __init__(
        self,
        mode: Mode = Mode.REAL,
        *,
        speed: float = 1.0,
        start_ms: int | None = None,
        poll_step_ms: int = 1000,
        ticks: Callable[[], float] = monotonic_ms,
    ) -> None:
        if start_ms is None:
            start_ms = unix_ms() if mode is Mode.REAL else MANUAL_START_MS
        self.mode, self.speed, self.poll_step_ms = mode, speed, poll_step_ms
        self.start_ms = start_ms
        self.ticks = ticks
        self._base_ms = start_ms
        self._since = ticks()

    @property
    def runs(self) -> bool:
        """Whether it moves by itself."""
        return self.mode is Mode.REAL

    @classmethod
    def of(cls, own: OwnClock, now_ms: int, ticks: Callable[[], float] = monotonic_ms) -> "Clock":
        """The clock that a world remembers, from where its time stood."""
        return cls(own.mode, speed=own.speed, poll_step_ms=own.poll_step_ms, start_ms=now_ms, ticks=ticks)

    def own(self) -> OwnClock:
        """How a world remembers it."""
        return OwnClock(mode=self.mode, speed=self.speed, poll_step_ms=self.poll_step_ms)

    def now_ms(self, ticks: float | None = None) -> int:
        """The time now, or when the machine's monotonic clock showed `ticks` (ms)."""
        if self.mode is not Mode.REAL:
            return self._base_ms
        passed_ms = int(((self.ticks() if ticks is None else ticks) - self._since) * self.speed)
        return min(LAST_MS, self._base_ms + passed_ms)

    def kept_ms(self) -> int:
        """What a log keeps of it. A clock that runs is said to be up to a second (of the machine's) further: so it is
        not behind after a crash, and need not be written with every command."""
        now_ms = self.now_ms()
        if not self.runs:
            return now_ms
        step_ms = max(1, round(_KEPT_MS * self.speed))
        return min(LAST_MS, (now_ms // step_ms + 1) * step_ms)

    def move_to(self, now_ms: int) -> None:
        """Jump forward; a time already past changes nothing."""
        self._base_ms = max(self.now_ms(), min(LAST_MS, now_ms))
        self._since = self.ticks()

    def set(self, mode: Mode | None = None, *, speed: float | None = None, poll_step_ms: int | None = None) -> None:
        """Change what moves the clock, from where it stands."""
        self.move_to(self.now_ms())
        self.mode = self.mode if mode is None else mode
        self.speed = self.speed if speed is None else speed
        self.poll_step_ms = self.poll_step_ms if poll_step_ms is None else poll_step_ms

    def restart(self) -> None:
        """Back to the start, so that a run repeats; a clock that runs by itself just goes on."""
        if not self.runs:
            self._base_ms = self.start_ms

    def wait_s(self, due_ms: int) -> float | None:
        """Real seconds (at least 1 ms) until it shows `due_ms`; None if it never does by itself."""
        if not self.runs or due_ms > LAST_MS:
            return None
        return max(0.001, (due_ms - self.now_ms()) / self.speed / 1000)
