"""An event loop in a thread of its own, so that plain functions of a test can ask what lives on it."""

import asyncio
import concurrent.futures
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_START_S = 10
_LONGEST_S = 60
"""How long an answer is waited for: a callback receiver may need 10 s for each of a few attempts."""


MakeLoop = Callable[[], asyncio.AbstractEventLoop]


def loop_factory() -> MakeLoop | None:
    """What makes a loop that needs nothing a test may have forbidden or frozen: uvloop's wakes itself without a
    socket, and has a clock of its own. None, asyncio's, where there is no uvloop; nor where standard input, output
    or error is closed: it ends the process once it is given that number for a socket."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop if all(map(_is_open, range(3))) else None


def check_threads() -> None:
    """Raises RuntimeError where gevent or eventlet has put its own in the place of threads: all of them are one, and
    it would wait for itself."""
    for module, asked, name in (
        ("gevent.monkey", "is_module_patched", "threading"),
        ("eventlet.patcher", "is_monkey_patched", "thread"),
    ):
        if module in sys.modules and getattr(sys.modules[module], asked)(name):
            told = f"{module.partition('.')[0]} has replaced this process's threads, without which no mock runs in it"
            raise RuntimeError(f"{told}: start one beside it, with `mockserver serve`, and use RunningMock(url)")


def _is_open(number: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False


class Background:
    """A loop that runs from `start` to `stop`. `run` may be called from any other thread, by several at a time."""

    def __init__(self, name: str, make_loop: MakeLoop | None = None) -> None:
        self._name, self._make_loop = name, make_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0

    @property
    def is_here(self) -> bool:
        """Whether it was started in this process: a fork takes no threads along."""
        return self._process == os.getpid()

    def start(self) -> None:
        """Raises whatever keeps the loop from running, such as OSError where no sockets or files are to be had."""
        check_threads()
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._live, args=[ready], name=self._name, daemon=True)
        self._thread.start()
        try:
            ready.result(_START_S)
        except BaseException:
            self._loop = self._thread = None
            raise

    def submit(self, coroutine: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        """Begin something on the loop. Raises RuntimeError where the loop does not run, or not in this process."""
        if self._loop is None or not self.is_here or threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError(f"the thread {self._name} {self._hindrance()}")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, _Result], timeout_s: float = _LONGEST_S) -> _Result:
        """Do something on the loop and wait for its result. Raises what it raises, or TimeoutError."""
        future = self.submit(coroutine)
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and the thread, and what is under way. In a forked process there is nothing to end."""
        if self._loop is not None and self._thread is not None and self.is_here:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None

    def _hindrance(self) -> str:
        if self._loop is None:
            return "is not running"
        if self.is_here:
            return "can't wait for itself"
        return f"runs in process {self._process}, from which this one was forked; a MockServer is reached by its URL"

    def _live(self, ready: "concurrent.futures.Future[None]") -> None:
        try:
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                self._loop = runner.get_loop()
                self._loop.call_soon(ready.set_result, None)
                self._loop.run_forever()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
