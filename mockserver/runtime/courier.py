"""Delivers callbacks over HTTP and reports each attempt's outcome, whatever it is.

Nothing here decides: the world plans attempts and retries, the courier sends one and comes back.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mockserver.runtime.target import Target, TargetPolicy, TargetRefusedError, TargetUnresolvedError

if TYPE_CHECKING:
    import httpx

_ERROR_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One attempt to make. `timeout_ms` bounds all of it: name, connection, request, answer."""

    delivery_id: str
    attempt: int
    url: str
    body: bytes
    timeout_ms: int

    @property
    def receiver(self) -> str:
        """Whom it is for: attempts for one receiver wait for each other, never for another's."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


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

    waiting: deque[Dispatch] = field(default_factory=deque)
    sending: int = 0


class Courier:
    """Sends attempts in the background, `parallel` at a time and `parallel_per_receiver` to one receiver.

    Every dispatch is reported exactly once, unless the courier is closed first.
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
        self._parallel, self._parallel_per_receiver = parallel, parallel_per_receiver
        self._queue_limit, self._ca_file = queue_limit, ca_file
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self._closed = False
        self._unreported = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting = 0

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
        if self.waiting >= self._queue_limit:
            receipt = _failed(dispatch, f"the delivery queue is full ({self._queue_limit})")
            asyncio.get_running_loop().call_soon(self._finish, receipt)
            return
        lane = self._lanes.setdefault(dispatch.receiver, _Lane())
        lane.waiting.append(dispatch)
        self.waiting += 1
        self._ready.append(dispatch.receiver)
        self._start_some()

    async def settled(self) -> None:
        """Return once nothing is waiting or under way, also of what reports led to."""
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
        self._lanes.clear()
        self._ready.clear()
        self.waiting = 0
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # --- who goes next

    def _start_some(self) -> None:
        """Start what may start. A name stands in `_ready` once for each dispatch that may be able to."""
        while self._ready and len(self._tasks) < self._parallel:
            receiver = self._ready.popleft()
            lane = self._lanes.get(receiver)
            if lane is None or not lane.waiting or lane.sending >= self._parallel_per_receiver:
                continue
            lane.sending += 1
            self.waiting -= 1
            task = asyncio.get_running_loop().create_task(self._carry(lane.waiting.popleft(), receiver))
            self._tasks.add(task)

    async def _carry(self, dispatch: Dispatch, receiver: str) -> None:
        try:
            receipt = await self._attempt(dispatch)
        finally:
            self._leave(receiver)
        self._finish(receipt)
        self._start_some()

    def _leave(self, receiver: str) -> None:
        """Make room in a lane; its next one, if any, gets its turn after those of other receivers."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.discard(task)
        lane = self._lanes.get(receiver)
        if lane is None:
            return
        lane.sending -= 1
        if lane.waiting:
            self._ready.append(receiver)
        elif not lane.sending:
            del self._lanes[receiver]

    def _finish(self, receipt: Receipt) -> None:
        """Report first, then count: what the report sends belongs to the same settling."""
        if self._closed:
            return
        try:
            self._report(receipt)
        finally:
            self._unreported -= 1
            if not self._unreported:
                self._idle.set()

    # --- one attempt

    async def _attempt(self, dispatch: Dispatch) -> Receipt:
        timeout_s = dispatch.timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                status = await self._post(dispatch)
        except TimeoutError:
            return _failed(dispatch, f"no answer within {timeout_s:g} s", timed_out=True)
        except TargetRefusedError as error:
            return _failed(dispatch, f"target refused: {error}")
        except TargetUnresolvedError as error:
            return _failed(dispatch, str(error))
        except Exception as error:
            return _failed(dispatch, _words(error))
        return Receipt(delivery_id=dispatch.delivery_id, attempt=dispatch.attempt, status=status)

    async def _post(self, dispatch: Dispatch) -> int:
        """POST to the judged address, with the name for TLS and the Host header; the status of the answer."""
        target = await self._policy.target(dispatch.url)
        client = self._client or self._open_client()
        request = client.build_request(
            "POST",
            _url(target, dispatch.url),
            content=dispatch.body,
            headers={
                "host": urlsplit(dispatch.url).netloc,
                "content-type": "application/json",
                "user-agent": "evolink-mock",
            },
            extensions={"sni_hostname": target.host},
        )
        response = await client.send(request, stream=True)
        with contextlib.suppress(Exception):  # the answer is known; how the receiver hangs up is its own affair
            await response.aclose()
        return response.status_code

    def _open_client(self) -> "httpx.AsyncClient":
        """httpx is loaded here and not before: a server that calls nobody starts without it."""
        import httpx

        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        limits = httpx.Limits(max_connections=self._parallel, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            verify=context, limits=limits, timeout=None, trust_env=False, follow_redirects=False
        )
        return self._client


def _url(target: Target, url: str) -> Any:
    """The URL with the address in the host's place; path and query byte for byte as they were given."""
    import httpx

    host = f"[{target.address}]" if ":" in target.address else target.address
    parts = urlsplit(url)
    raw_path = (parts.path or "/") + (f"?{parts.query}" if "?" in url.partition("#")[0] else "")
    return httpx.URL(f"{target.scheme}://{host}:{target.port}/").copy_with(
        raw_path=raw_path.encode("utf-8", "surrogateescape")
    )


def _failed(dispatch: Dispatch, error: str, *, timed_out: bool = False) -> Receipt:
    return Receipt(
        delivery_id=dispatch.delivery_id,
        attempt=dispatch.attempt,
        error=error[:_ERROR_LIMIT],
        timed_out=timed_out,
    )


def _words(error: BaseException) -> str:
    """The innermost cause in plain words."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) and inner not in chain:
        chain.append(inner)
    for one in chain:
        if isinstance(one, ConnectionRefusedError):
            return "connection refused"
        if isinstance(one, ssl.SSLError):
            return f"TLS: {getattr(one, 'verify_message', '') or one.reason or one}"
    return str(error) or type(error).__name__
