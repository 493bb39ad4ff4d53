"""Delivers callbacks over HTTP and reports each attempt's outcome, whatever it is.

Nothing here decides: the world plans attempts and retries, the courier sends one and comes back.
"""

import asyncio
import contextlib
import os
import ssl
import string
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mockserver.runtime.target import Target, TargetPolicy, TargetRefusedError, TargetUnresolvedError, locate

if TYPE_CHECKING:
    import httpx

_ERROR_LIMIT = 300
_LEAVE_BYTES = 4096
_LEAVE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One attempt to make. `timeout_ms` bounds all of it: name, connection, request, head of the answer."""

    delivery_id: str
    attempt: int
    url: str
    body: bytes
    timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How an attempt ended: a status, or an error in words."""

    delivery_id: str
    attempt: int
    status: int | None = None
    error: str | None = None
    timed_out: bool = False


@dataclass(slots=True)
class _Lane:
    """What waits for one receiver, and how many attempts to it are under way."""

    receiver: str
    waiting: deque[Dispatch] = field(default_factory=deque)
    sending: int = 0


class _Lanes:
    """Who goes next: first in, first out for one receiver; receivers with room take turns."""

    def __init__(self, parallel_per_receiver: int) -> None:
        self._limit = parallel_per_receiver
        self._lanes: dict[str, _Lane] = {}
        self._turns: OrderedDict[str, _Lane] = OrderedDict()
        self.waiting = 0

    def put(self, dispatch: Dispatch) -> None:
        receiver = _receiver(dispatch.url)
        lane = self._lanes.setdefault(receiver, _Lane(receiver))
        lane.waiting.append(dispatch)
        self.waiting += 1
        self._enrol(lane)

    def take(self) -> tuple[_Lane, Dispatch] | None:
        """The next one to send, if any may be sent; to be released once sent."""
        if not self._turns:
            return None
        _, lane = self._turns.popitem(last=False)
        lane.sending += 1
        self.waiting -= 1
        dispatch = lane.waiting.popleft()
        self._enrol(lane)
        return lane, dispatch

    def release(self, lane: _Lane) -> None:
        lane.sending -= 1
        self._enrol(lane)
        if not lane.sending and not lane.waiting:
            del self._lanes[lane.receiver]

    def _enrol(self, lane: _Lane) -> None:
        if lane.waiting and lane.sending < self._limit:
            self._turns.setdefault(lane.receiver, lane)


class Courier:
    """Sends attempts in the background, `parallel` at a time and `parallel_per_receiver` to one receiver.

    Every dispatch is reported exactly once, unless the courier is closed first. A receiver is a scheme, host and
    port: a dead one makes nobody else wait.
    """

    def __init__(
        self,
        policy: TargetPolicy,
        report: Callable[[Receipt], None],
        *,
        parallel: int = 256,
        parallel_per_receiver: int = 32,
        queue_limit: int = 10_000,
        ca_file: str | None = None,
    ) -> None:
        self._policy, self._report = policy, report
        self._parallel, self._queue_limit, self._ca_file = parallel, queue_limit, ca_file
        self._lanes = _Lanes(parallel_per_receiver)
        self._tasks: set[asyncio.Task[None]] = set()
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

    def _start_some(self) -> None:
        while not self._closed and len(self._tasks) < self._parallel and (taken := self._lanes.take()):
            self._tasks.add(asyncio.get_running_loop().create_task(self._carry(*taken)))

    async def _carry(self, lane: _Lane, dispatch: Dispatch) -> None:
        try:
            receipt = await self._attempt(dispatch)
        finally:
            self._tasks -= {asyncio.current_task()}
            self._lanes.release(lane)
        self._finish(receipt)
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
        self._unreported -= 1
        if not self._unreported:
            self._idle.set()

    # --- one attempt

    async def _attempt(self, dispatch: Dispatch) -> Receipt:
        timeout_s = dispatch.timeout_ms / 1000
        bound = asyncio.timeout(timeout_s)
        try:
            async with bound:
                response = await self._post(dispatch)
        except Exception as error:
            if bound.expired():
                return failed(dispatch, f"no answer within {timeout_s:g} s", timed_out=True)
            return failed(dispatch, words(error))
        await _take_leave(response)
        return Receipt(delivery_id=dispatch.delivery_id, attempt=dispatch.attempt, status=response.status_code)

    async def _post(self, dispatch: Dispatch) -> "httpx.Response":
        """POST to the first judged address that takes a connection; the head of its answer."""
        target = await self._policy.address(dispatch.url)
        import httpx  # here and not before: a server that calls nobody starts without it

        *others, last = target.origins()
        for origin in others:
            with contextlib.suppress(httpx.ConnectError):
                return await self._post_to(origin, target, dispatch.body)
        return await self._post_to(last, target, dispatch.body)

    async def _post_to(self, origin: str, target: Target, body: bytes) -> "httpx.Response":
        """A bare transport for each attempt: no proxy, redirect, cookie, log line or connection to share."""
        import httpx

        trust = self._trusted() if target.location.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transport = httpx.AsyncHTTPTransport(verify=trust, trust_env=False)
        headers = {
            "host": target.location.host_header,
            "content-type": "application/json",
            "user-agent": "evolink-mock",
            "connection": "close",
        }
        opened = _Opened()
        extensions = {
            "target": _on_the_wire(target.location.path),
            "sni_hostname": target.location.host,
            "trace": opened,
        }
        request = httpx.Request("POST", origin, content=body, headers=headers, extensions=extensions)
        async with opened:
            return await transport.handle_async_request(request)

    def _trusted(self) -> ssl.SSLContext:
        """The authorities of httpx, of this machine, and the one given. Some 40 ms, once, and for https alone."""
        if self._trust is None:
            import httpx

            trust = httpx.create_ssl_context(trust_env=False)
            trust.load_default_certs()
            if self._ca_file is not None:
                trust.load_verify_locations(self._ca_file)
            self._trust = trust
        return self._trust


class _Opened:
    """The connection of an attempt, closed if that fails: httpcore forgets it when a TLS handshake is cut short."""

    def __init__(self) -> None:
        self._streams: list[Any] = []

    async def __call__(self, event: str, details: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._streams.append(details["return_value"])

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        for stream in self._streams if failure else ():
            await stream.aclose()


async def _take_leave(response: "httpx.Response") -> None:
    """Read a short body to its end, so that the receiver need not see it cut off; a long or slow one is dropped.

    The answer is known by now: whatever goes wrong here is no failure.
    """
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_LEAVE_S):
            async for _ in response.aiter_raw():
                if response.num_bytes_downloaded > _LEAVE_BYTES:
                    break
    with contextlib.suppress(Exception):
        await response.aclose()


def _receiver(url: str) -> str:
    try:
        location = locate(url)
    except ValueError:
        return url  # refused before anything is sent
    return f"{location.scheme}://{location.host}:{location.port}"


def _on_the_wire(path: str) -> bytes:
    """Path and query byte for byte; only what a request line cannot hold (letters beyond ASCII) is escaped."""
    return quote(path, safe=string.punctuation).encode("ascii")


def failed(dispatch: Dispatch, error: str, *, timed_out: bool = False) -> Receipt:
    """The receipt of an attempt that met no answer."""
    return Receipt(
        delivery_id=dispatch.delivery_id,
        attempt=dispatch.attempt,
        error=error[:_ERROR_LIMIT],
        timed_out=timed_out,
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
