"""Who prints: a thread that waits, so that no request waits for a terminal."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import IO, Protocol

import msgspec

from mockserver.web.journal import Entry
from mockserver.web.lines.feed import Feed, Missed, Record
from mockserver.web.lines.told import told

logger = logging.getLogger("mockserver")
SECOND_S = 1.0
_GATHER_S = 0.02
_BLOCKED_S = 0.05
_END_S = 1.0
"""How long the last lines are waited for when the server stops: a terminal that stands still holds nobody up."""


class Form(Protocol):
    """How a line looks."""

    def line(self, record: Record) -> str: ...
    def more(self, missed: Missed, seconds: float) -> str: ...


class JsonLines:
    """One object a line, for programs."""

    def line(self, record: Record) -> str:
        return msgspec.json.encode(record).decode()

    def more(self, missed: Missed, seconds: float) -> str:
        return msgspec.json.encode({"type": "more", **missed._asdict(), "seconds": round(seconds, 1)}).decode()


class Printer:
    """Prints what a feed holds; what was more is summed up at the end of the second.

    `out` is unbuffered and binary. Once it can't be written, `broken` is called on the loop, and nothing more is
    printed.
    """

    def __init__(self, feed: Feed, form: Form, out: IO[bytes], encoding: str, broken: Callable[[], None]) -> None:
        self._feed, self._form, self._out, self._encoding, self._broken = feed, form, out, encoding, broken
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends = threading.Event()
        self._summed = Missed()
        self._thread = threading.Thread(target=self._run, name="mockserver lines", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread.start()

    def stop(self) -> bool:
        """Print what is left, unless that takes too long. Returns whether it is over."""
        self._ends.set()
        self._feed.arrived.set()
        self._thread.join(_END_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._ends.is_set():
                self._feed.arrived.wait()
                self._tell_a_second()
            self._tell_some()
        except (OSError, ValueError):  # a pipe without a reader, a closed terminal: the server goes on
            self._on_loop(self._broken)

    def _tell_a_second(self) -> None:
        """From the first line on; at its end, what was too much."""
        began = time.monotonic()
        while (rest_s := began + SECOND_S - time.monotonic()) > 0 and not self._ends.is_set():
            self._tell_some()
            self._feed.arrived.clear()
            if not self._feed.is_empty or self._feed.arrived.wait(rest_s):
                self._ends.wait(min(_GATHER_S, rest_s))
        self._tell_some()
        missed = self._feed.missed
        if missed != self._summed:
            self._write(self._form.more(missed.since(self._summed), time.monotonic() - began))
        self._summed = missed._replace(is_deaf=False)
        self._feed.renew()
        self._on_loop(self._feed.listen)

    def _tell_some(self) -> None:
        items: list[Entry | Record] = []
        while (item := self._feed.take()) is not None:
            items.append(item)
        self._tell(items)

    def _tell(self, items: list[Entry | Record]) -> None:
        lines = [line for line in map(self._line, items) if line is not None]
        if lines:
            self._write("\n".join(lines))

    def _line(self, item: Entry | Record) -> str | None:
        try:
            return self._form.line(told(item))
        except Exception:
            logger.exception("a line can't be printed")
            return None

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(call)

    def _write(self, text: str) -> None:
        """All of it, however little the other side takes at a time. Raises OSError where it takes no more."""
        rest = memoryview(f"{text}\n".encode(self._encoding, "backslashreplace"))
        while rest:
            written = self._out.write(rest)
            if written is None:  # somebody has made it non-blocking
                if self._ends.wait(_BLOCKED_S):
                    return
                continue
            rest = rest[written:]
