"""Time for a client in this process: its sleeping moves the fake's clock, and its clocks show that time.

Patched are `time.sleep`, `asyncio.sleep`, `time.time`, `time.monotonic` and `time.perf_counter`, also where a module
has imported them by name. Threads that ran before, and libraries that schedule (asyncio itself, threading), keep
real time. What sleeps at once wakes in the order of its sleeping, not of its waking.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from contract_tests.client.signals import Signals

_SCHEDULE = {"asyncio", "selectors", "threading", "queue", "concurrent", "uvloop", "uvicorn", "trio", "logging"}
_JUDGE = {"hypothesis", "pytest", "_pytest", "pluggy", "mockserver", "contract_tests"}
_REAL = frozenset(_SCHEDULE | _JUDGE)
"""Top-level modules that schedule, serve or judge: their time stays real."""


class VirtualTime:
    """`advance` is told by how many seconds the fake's clock is to move; `slept_s` is how far it was moved so."""

    def __init__(self, advance: Callable[[float], object]) -> None:
        self._advance = advance
        self.slept_s = 0.0
        self._end: BaseException | None = None
        self._lock = threading.RLock()
        self._outside: frozenset[int] = frozenset()
        self._active = False
        self._real_async_sleep = asyncio.sleep
        self._real = {name: getattr(time, name) for name in ("sleep", "time", "monotonic", "perf_counter")}
        self._signals = Signals(self._is_mine, lambda: self.slept_s)

    @contextmanager
    def patched(self) -> Iterator[None]:
        """From now on, in threads that start from now on."""
        self._outside = frozenset(thread.ident or 0 for thread in threading.enumerate())
        patches = [(self._real["sleep"], self._sleep), (self._real_async_sleep, self._async_sleep)]
        patches += [(self._real[name], self._clock(name)) for name in ("time", "monotonic", "perf_counter")]
        patches += self._signals.patches()
        places = _places(patches)
        places += [(owner, name, getattr(owner, name), mine) for owner, name, mine in self._signals.loop_patches()]
        self._active = True
        try:
            for owner, name, _, mine in places:
                setattr(owner, name, mine)
            yield
        finally:
            self._active = False
            for owner, name, real, _ in places:
                setattr(owner, name, real)

    def begin(self) -> None:
        """A new case: nobody has slept yet."""
        self.slept_s, self._end = 0.0, None
        self._signals.forget()

    def end(self, error: BaseException) -> None:
        """Raise this where somebody sleeps next: the gentlest way to stop a client."""
        self._end = error

    def _is_mine(self) -> bool:
        return self._active and threading.get_ident() not in self._outside

    def _until(self, due_s: float) -> None:
        if self._end is not None:
            raise self._end
        with self._lock:
            while (rings_s := self._signals.due_s) is not None and rings_s <= due_s:
                self._move_to(rings_s)
                self._signals.ring()
            self._move_to(due_s)

    def _move_to(self, due_s: float) -> None:
        left_s = due_s - self.slept_s
        if left_s > 0:
            self._advance(left_s)
            self.slept_s = due_s

    def _sleep(self, seconds: float, /) -> None:
        if not self._is_mine():
            self._real["sleep"](seconds)
        elif seconds < 0:
            raise ValueError("sleep length must be non-negative")
        else:
            self._until(self.slept_s + seconds)

    async def _async_sleep(self, delay: float, result: Any = None) -> Any:
        if not self._is_mine():
            return await self._real_async_sleep(delay, result)
        due_s = self.slept_s + max(0.0, delay)
        await self._real_async_sleep(0)
        self._until(due_s)
        return result

    def _clock(self, name: str) -> Callable[[], float]:
        real = self._real[name]

        def now() -> float:
            caller = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
            shift_s = self.slept_s if self._is_mine() and caller not in _REAL else 0.0
            return float(real() + shift_s)

        return now


_Place = tuple[Any, str, Any, Any]
"""A module or class, a name in it, what it has there, what it is to have."""


def _places(patches: list[tuple[Any, Any]]) -> list[_Place]:
    """Every module that has one of these functions under some name."""
    mine_of = {id(real): (real, mine) for real, mine in patches}
    return [
        (module, name, *mine_of[id(value)])
        for module in list(sys.modules.values())
        if isinstance(module, ModuleType) and (module is asyncio or module.__name__.partition(".")[0] not in _REAL)
        for name, value in list(vars(module).items())
        if id(value) in mine_of
    ]
