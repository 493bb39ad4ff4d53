"""Signals for a client in this process: it is called in a thread, where Python itself sets no handlers.

What it sets is kept and given back; `alarm` and `setitimer(ITIMER_REAL, ...)` ring on virtual time, where it sleeps.
Nothing of it reaches the process.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

Handler = Callable[[int, Any], Any] | int | signal.Handlers | None
_ALARM_EXIT = 128 + signal.SIGALRM
"""How a shell tells that a program died of an alarm that it did not handle."""


class Signals:
    """`is_mine`: whether the calling thread is the client's; `now_s`: its time. `due_s` is when the alarm rings."""

    def __init__(self, is_mine: Callable[[], bool], now_s: Callable[[], float]) -> None:
        self._is_mine, self._now_s = is_mine, now_s
        self._handlers: dict[int, Handler] = {}
        self._interval_s = 0.0
        self.due_s: float | None = None

    def forget(self) -> None:
        """A new case: no handler is set, no alarm either."""
        self._handlers, self._interval_s, self.due_s = {}, 0.0, None

    def ring(self) -> None:
        """The alarm is due. Raises what its handler raises; SystemExit where there is none."""
        self.due_s = None if not self._interval_s else self._now_s() + self._interval_s
        handler = self._handlers.get(signal.SIGALRM, signal.SIG_DFL)
        if callable(handler):
            handler(signal.SIGALRM, None)
        elif handler != signal.SIG_IGN:
            raise SystemExit(_ALARM_EXIT)

    def patches(self) -> list[tuple[Any, Any]]:
        """Functions, and what stands in for each in the client's threads."""
        mine: list[tuple[Any, Any]] = [
            (signal.signal, self._signal),
            (signal.getsignal, self._getsignal),
            (signal.alarm, self._alarm),
            (signal.setitimer, self._setitimer),
            (signal.getitimer, self._getitimer),
            (signal.set_wakeup_fd, lambda *_, **__: -1),
        ]
        return [(real, self._standing_in(real, stub)) for real, stub in mine]

    def loop_patches(self) -> list[tuple[Any, str, Any]]:
        """Classes of event loops, and what stands in for their methods."""
        stubs: dict[str, Any] = {
            "add_signal_handler": self._add_to_loop,
            "remove_signal_handler": self._remove_from_loop,
        }
        return [
            (asyncio.SelectorEventLoop, name, self._standing_in(getattr(asyncio.SelectorEventLoop, name), stub))
            for name, stub in stubs.items()
        ]

    def _standing_in(self, real: Callable[..., Any], stub: Callable[..., Any]) -> Callable[..., Any]:
        def either(*arguments: Any, **named: Any) -> Any:
            return (stub if self._is_mine() else real)(*arguments, **named)

        return either

    def _signal(self, number: int, handler: Handler) -> Handler:
        before = self._getsignal(number)
        self._handlers[signal.Signals(number)] = handler
        return before

    def _getsignal(self, number: int) -> Handler:
        return self._handlers.get(signal.Signals(number), signal.SIG_DFL)

    def _alarm(self, seconds: int) -> int:
        return round(self._setitimer(signal.ITIMER_REAL, seconds)[0])

    def _setitimer(self, which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        before = self._getitimer(which)
        if which == signal.ITIMER_REAL:
            self.due_s = self._now_s() + seconds if seconds else None
            self._interval_s = interval
        return before

    def _getitimer(self, which: int) -> tuple[float, float]:
        if which != signal.ITIMER_REAL or self.due_s is None:
            return 0.0, 0.0
        return self.due_s - self._now_s(), self._interval_s

    def _add_to_loop(self, loop: Any, number: int, callback: Callable[..., Any], *arguments: Any) -> None:
        self._handlers[signal.Signals(number)] = lambda *_: loop.call_soon(callback, *arguments)

    def _remove_from_loop(self, loop: Any, number: int) -> bool:  # noqa: ARG002
        return self._handlers.pop(signal.Signals(number), None) is not None
