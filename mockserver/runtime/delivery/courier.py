"""Delivers callbacks over HTTP and reports each attempt's outcome, whatever it is.

Nothing here decides: the world plans attempts and retries, the courier sends one and comes back.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from mockserver.runtime.delivery.lanes import Dispatch, Lane, Lanes
from mockserver.runtime.delivery.sending import post
from mockserver.runtime.delivery.target import TargetPolicy, TargetRefusedError, TargetUnresolvedError

_ERROR_LIMIT = 300
_PATIENCE_S = 0.1
"""An attempt that lasts longer makes room for another one."""
_SLOW_LIMIT = 4_096
"""So many attempts may be waited for in this way."""


class Receipt(Struct, frozen=True, kw_only=True):
    """How an attempt ended: a status, or an error in words. `sent_ms` is when it began, by the clock of its task
    at that moment: another may move it by the end. None where it never did."""

    delivery_id: str
    attempt: int
    status: int | None = None
    error: str | None = None
    timed_out: bool = False
    sent_ms: int | None = None
    owner: Any = None


class Courier:
    """Sends attempts in the background, `parallel` at a time and `parallel_per_receiver` to one receiver.

    Every dispatch is reported exactly once, unless it is dropped or the courier closed first. A receiver is a scheme,
    host and port. A dead one makes nobody else wait: it gets few attempts at a time, and those that last long do not
    count among the parallel ones.
    """

    def __init__(
        self,
        policy: TargetPolicy,
        report: Callable[[Receipt], None],
        *,
        parallel: int = 256,
        parallel_per_receiver: int = 32,
        queue_limit: int = 100_000,
        ca_file: str | None = None,
    ) -> None:
        self._policy, self._report = policy, report
        self._parallel, self._queue_limit, self._ca_file = parallel, queue_limit, ca_file
        self._lanes = Lanes(parallel_per_receiver)
        self._tasks: dict[asyncio.Task[None], Any] = {}
        self._slow: set[asyncio.Task[None]] = set()
        self._trust: ssl.SSLContext | None = None
        self._closed = False
        self._unreported = 0
        self._idle = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many attempts wait for room."""
        return 0 if self._closed else self._lanes.waiting

    @property
    def sending(self) -> int:
        """How many attempts are under way."""
        return len(self._tasks)

    def send(self, dispatch: Dispatch) -> None:
        """Take an attempt and return at once. To be called on the running loop."""
        if self._closed:
            return
        self._unreported += 1
        self._idle.clear()
        if self._lanes.waiting < self._queue_limit:
            self._lanes.put(dispatch)
            self._start_some()
            return
        receipt = failed(dispatch, f"delivery queue is full ({self._queue_limit})")
        asyncio.get_running_loop().call_soon(self._finish, receipt)

    async def settled(self) -> None:
        """Return once nothing is waiting or under way, also of what reports led to; or once closed."""
        while self._unreported and not self._closed:
            await self._idle.wait()

    async def close(self) -> None:
        """Drop what waits, cancel what is under way; nothing is reported from now on."""
        self._closed = True
        self._idle.set()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()  # one that was cancelled before its first step could not take itself out

    def drop(self, owner: Any) -> None:
        """Forget what this owner wanted sent; nothing of it is reported."""
        before = self._lanes.waiting
        self._lanes.drop(owner)
        self._settle(before - self._lanes.waiting)
        for task in [task for task, whose in self._tasks.items() if whose is owner]:
            task.cancel()

    def _start_some(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed and len(self._tasks) - len(self._slow) < self._parallel:
            taken = self._lanes.take()
            if taken is None:
                return
            task = loop.create_task(self._carry(*taken))
            self._tasks[task] = taken[1].owner

    async def _carry(self, lane: Lane, dispatch: Dispatch) -> None:
        task = asyncio.current_task()
        waiting = asyncio.get_running_loop().call_later(_PATIENCE_S, self._make_room, task)
        receipt = None
        try:
            receipt = await self._attempt(dispatch)
        finally:
            waiting.cancel()
            self._tasks.pop(task, None)  # type: ignore[arg-type]
            self._slow.discard(task)
            self._lanes.release(lane, answered=receipt is not None and receipt.status is not None)
            if receipt is None:
                self._settle(1)
        self._finish(receipt)
        self._start_some()

    def _make_room(self, task: "asyncio.Task[None] | None") -> None:
        if task is not None and task in self._tasks and len(self._slow) < _SLOW_LIMIT:
            self._slow.add(task)
            self._start_some()

    def _finish(self, receipt: Receipt) -> None:
        """Report first, then count: what the report sends belongs to the same settling."""
        if self._closed:
            return
        try:
            self._report(receipt)
        except Exception as error:  # loud, but the deliveries of others go on
            context = {"message": "The receipt of a callback was not taken", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        self._settle(1)

    def _settle(self, count: int) -> None:
        self._unreported -= count
        if not self._unreported:
            self._idle.set()

    # --- one attempt

    async def _attempt(self, dispatch: Dispatch) -> Receipt:
        timeout_s, sent_ms = dispatch.timeout_ms / 1000, dispatch.now_ms()
        bound = asyncio.timeout(timeout_s)
        try:
            async with bound:
                target = await self._policy.address(dispatch.url)
                status = await post(target, dispatch.render(), self._trusted)
        except Exception as error:
            late = bound.expired()
            return failed(
                dispatch,
                f"no answer within {timeout_s:g} s" if late else words(error),
                timed_out=late,
                sent_ms=sent_ms,
            )
        return answered(dispatch, status, sent_ms=sent_ms)

    def _trusted(self) -> ssl.SSLContext:
        """The authorities of this machine, those of certifi, and the one given. Read once, and for https alone."""
        if self._trust is None:
            import certifi

            trust = ssl.create_default_context()
            trust.load_verify_locations(certifi.where())
            if self._ca_file is not None:
                trust.load_verify_locations(self._ca_file)
            self._trust = trust
        return self._trust


def answered(dispatch: Dispatch, status: int, *, sent_ms: int) -> Receipt:
    """The receipt of an attempt that met an answer."""
    return Receipt(
        delivery_id=dispatch.delivery_id,
        attempt=dispatch.attempt,
        status=status,
        sent_ms=sent_ms,
        owner=dispatch.owner,
    )


def failed(dispatch: Dispatch, error: str, *, timed_out: bool = False, sent_ms: int | None = None) -> Receipt:
    """The receipt of an attempt that met no answer."""
    return Receipt(
        delivery_id=dispatch.delivery_id,
        attempt=dispatch.attempt,
        error=error[:_ERROR_LIMIT],
        timed_out=timed_out,
        sent_ms=sent_ms,
        owner=dispatch.owner,
    )


def words(error: BaseException) -> str:
    """A failure in plain words: ours as they are, others by the innermost cause that says what happened."""
    if isinstance(error, TargetRefusedError):
        return f"target refused: {error}"
    if isinstance(error, TargetUnresolvedError):
        return str(error)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {_tls_words(cause)}"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return f"no HTTP answer: {str(error) or type(error).__name__}"


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it. Libraries that raise an error again from itself make a circle."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        error = error.__cause__ or error.__context__
