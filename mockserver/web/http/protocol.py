"""One HTTP/1.1 connection. The generation API is answered as soon as a request is whole; whatever has to wait
(control, media, faults, worlds that are not here) takes the way through ASGI.

uvicorn listens, counts connections and stops them; it asks for `connections`, `tasks` and `shutdown` below.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any

from mockserver.log import LogError, MovedError
from mockserver.runtime.resident import NotHereError
from mockserver.web.http.cycle import Cycle
from mockserver.web.http.exchange import Answer, RawHeaders, json_answer
from mockserver.web.http.reader import Reader
from mockserver.web.http.request import Request, WrongRequestError
from mockserver.web.http.response import head
from mockserver.web.nodes.passage import Passage

_SLICE_BYTES = 4 * 1024
"""What is fed to the parser at once: a client that pipelines is stopped after so much, or others have their turn."""
_LINGER_S, _LINGER_MOST_S = 2.0, 30.0
_LINGER_BYTES = 64 * 1024 * 1024
_HEAD_S = 10.0
_BODY_S = 30.0
_IDLE_S = 75.0
_TRIES = 10
"""How often a request is answered anew because its key moves."""


class HttpProtocol(asyncio.Protocol):
    """Requests of one connection are answered in their order."""

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.app = config.loaded_app
        self._api, self._members = self.app.api_app, self.app.membership
        self._loop = _loop or asyncio.get_running_loop()
        self._state, self._app_state, self._limit = server_state, app_state, config.limit_concurrency
        self._reader = Reader(self._let_send, self._complete, self.app.limit_of, self.app.heads)
        self._transport: Any = None
        self._queue: deque[Request] = deque()
        self._unfed = b""
        self._cycle: Cycle | Passage | None = None
        self._leaving = self._had = 0
        self._is_full = self._is_closing = self._lingers = self._hurries = self._holds = False
        self._writable: asyncio.Event | None = None
        self._wrong: WrongRequestError | None = None
        self._touched = self._began = self._loop.time()
        self._discarded = 0

    # --- of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._state.connections.add(self)
        if self._limit is not None and len(self._state.connections) > self._limit:
            self._refuse(WrongRequestError("too_many_connections", limit=self._limit))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        self._state.connections.discard(self)
        self._is_closing = True
        self._queue.clear()
        self._unfed = b""
        if self._cycle is not None:
            self._cycle.disconnect()
        if self._writable is not None:
            self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._touched = self._loop.time()
        if self._is_closing:
            self._discard(data)
            return
        if not self._reader.is_inside:
            self._began = self._touched
        if self._must_wait or self._unfed:
            self._unfed += data
            self._transport.pause_reading()
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """A client that has said all may still read: the connection stays open until it is answered. Whoever waits
        for it to leave takes it for gone."""
        if not self._is_busy:
            return False
        self._is_closing = self._hurries = True
        if self._cycle is not None:
            self._cycle.leave()
        return True

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if isinstance(self._cycle, Passage):
            self._cycle.pause(is_full=False)
        if self._writable is not None:
            self._writable.set()
        self._go_on()

    # --- of the server

    def shutdown(self) -> None:
        """Finish what has begun, then close."""
        if self._is_busy:
            self._is_closing = self._hurries = True
        elif self._transport is not None:
            self._transport.close()

    def check(self, now_s: float) -> None:
        """Called now and then: who says nothing for too long is let go."""
        silent_s = now_s - self._touched
        if self._lingers and (silent_s > _LINGER_S or now_s - self._began > _LINGER_MOST_S):
            self._transport.close()
        elif self._is_busy or self._is_closing or self._is_full:
            return
        elif self._reader.is_inside:
            took_s, limit_s = (silent_s, _BODY_S) if self._reader.has_head else (now_s - self._began, _HEAD_S)
            if took_s > limit_s:
                self._refuse(WrongRequestError("request_timeout", self._reader.path, seconds=f"{limit_s:g}"))
        elif silent_s > _IDLE_S:
            self._transport.close()

    # --- requests

    @property
    def _is_busy(self) -> bool:
        """Whether an answer is being made or is on its way."""
        return self._cycle is not None or self._leaving > 0 or bool(self._queue)

    @property
    def _must_wait(self) -> bool:
        return self._cycle is not None or self._is_full or bool(self._queue)

    def _feed(self, data: bytes) -> None:
        """Slice by slice; after one that held a whole request, others have their turn."""
        start, size, had = 0, len(data), self._had
        while start < size and not self._is_closing:
            if start and (self._must_wait or self._had != had):
                self._unfed = data[start:]
                self._transport.pause_reading()
                if self._had != had:
                    self._loop.call_soon(self._go_on)
                return
            try:
                self._reader.feed(data if size <= _SLICE_BYTES else data[start : start + _SLICE_BYTES])
            except WrongRequestError as wrong:
                self._wrong = wrong
                self._end_wrongly()
                return
            start += _SLICE_BYTES

    def _let_send(self, request: Request) -> None:
        """Whoever waits for leave to send the body gets it (RFC 9110, 10.1.1)."""
        waits = request.fields[b"expect"].lower() == b"100-continue" and not self._is_busy
        if waits and request.http_version == "1.1":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _complete(self, request: Request) -> None:
        self._had += 1
        if self._must_wait:
            self._queue.append(request)
        else:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        """At once where nothing has to be waited for; the answer leaves when the log has what it tells."""
        if not request.keep_alive:
            self._is_closing = True
        if self._members is not None and (slot := self._members.slot_to_pass(request)) is not None:
            self._pass(request, slot)
        elif self.app.takes_directly(request.path):
            api = self._api
            try:
                answer = api.answer(request.method, request.path, request.query, request.fields, request.body)
            except NotHereError:
                self._run(request, self.app)
                return
            except MovedError:
                self.again(request)
                return
            if answer.fault is None:
                self._leaving += 1
                self.app.node.round.then(partial(self._leave, request, answer), request.slot)
            else:
                self._run(request, partial(api.finish, answer))
        else:
            self._run(request, self.app)

    def _pass(self, request: Request, slot: int) -> None:
        """To the node that may answer it, or to a later moment."""
        if self._is_held(request):
            return
        self._cycle = Passage(self._members, self, request, slot)
        task = self._cycle.start(self._loop)
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _is_held(self, request: Request) -> bool:
        """Whether a request has to wait for the answers that are on their way: its own must not come before them."""
        if self._leaving:
            self._queue.appendleft(request)
            self._holds = True
        return self._leaving > 0

    def again(self, request: Request) -> None:
        """Answer a request that could not be answered before: its key was on its way from node to node."""
        self._cycle = None
        request.tries += 1
        if request.tries > _TRIES:
            self.put_off(request, self._members.hindrance)
            return
        self._answer(request)
        self._go_on()

    def _overtaken(self, request: Request, failure: LogError | None) -> None:
        """An answer whose turn has not come any more, since one before it has to be given anew."""
        if isinstance(failure, MovedError):
            self._queue.append(request)
        else:
            self.abort()

    def put_off(self, request: Request, message: str) -> None:
        """Say that it can't be answered now."""
        answer = self._api.unavailable(request.method, request.path, message)
        self._end_with(request, answer)

    def misdirect(self, request: Request) -> None:
        """Say to another node that it passed the request on to the wrong one."""
        self._cycle = None
        self._write(request.method, json_answer(421, b"{}"), closes=self._is_closing)
        self._go_on()

    def _end_with(self, request: Request, answer: Answer) -> None:
        self._cycle = None
        self._api.record(request.method, request.path, request.query, request.headers, request.body, answer)
        self._write(request.method, answer, closes=self._is_closing)
        self._go_on()

    def _run(self, request: Request, app: Any) -> None:
        """Through ASGI, after what is on its way."""
        if self._is_held(request):
            return
        self._cycle = Cycle(self, request, {**self._app_state, "transport": self._transport})
        task = self._loop.create_task(self._cycle.run(app))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def ended(self, *, whole: bool) -> None:
        """A cycle is over. Where its answer is not whole, nothing can follow it."""
        self._cycle = None
        if not whole and not self._transport.is_closing():
            self._transport.close()
        self._go_on()

    def _leave(self, request: Request, answer: Answer, failure: LogError | None) -> None:
        self._leaving -= 1
        if self._holds:
            self._holds = self._leaving > 0
        if self._cycle is not None:
            self._overtaken(request, failure)
            return
        if failure is not None:
            if isinstance(failure, MovedError):
                self.again(request)
                return
            answer = self._api.unkept(request.method, request.path, failure)
        self._api.record(request.method, request.path, request.query, request.headers, request.body, answer)
        if self._transport.is_closing():
            return
        self._write(request.method, answer, closes=self._is_closing and not self._is_busy)
        if self._is_closing or self._unfed or self._queue:
            self._go_on()

    def _write(self, method: str, answer: Answer, *, closes: bool) -> None:
        head = self.head(answer.status, answer.headers, closes=closes)
        self._transport.write(head if method == "HEAD" else head + answer.body)

    def _go_on(self) -> None:
        """With what waited: requests that are read, then bytes that are not; then the end, if it has come."""
        if self._transport is None or self._transport.is_closing():
            return
        while self._queue and self._cycle is None and not self._is_full and not self._holds:
            self._answer(self._queue.popleft())
        if self._must_wait:
            return
        if self._unfed and not self._is_closing:
            unfed, self._unfed = self._unfed, b""
            self._feed(unfed)
        if self._wrong is not None:
            self._end_wrongly()
        elif not self._is_busy and self._is_closing and not self._lingers:
            self._part()
        elif not self._must_wait and not self._unfed:
            self._transport.resume_reading()

    # --- answers

    def head(self, status: int, headers: RawHeaders, *, closes: bool) -> bytes:
        return head(status, self._state.default_headers, headers, closes=closes, stays=self._reader.stays)

    def write(self, parts: tuple[bytes, ...]) -> None:
        self._transport.write(b"".join(parts))

    async def drain(self) -> None:
        """Wait until the client reads again."""
        if self._is_full and not self._transport.is_closing():
            self._writable = asyncio.Event()
            await self._writable.wait()
            self._writable = None

    @property
    def is_full(self) -> bool:
        """Whether the client has to read first."""
        return self._is_full

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with the answer that is being made."""
        return self._is_closing

    def close_after(self) -> None:
        """Let the connection end with the answer that is being made."""
        self._is_closing = True

    def abort(self) -> None:
        self._transport.abort()

    def failure(self, path: str) -> Answer:
        """What a client is told where the mock itself breaks."""
        answer: Answer = self._api.broken(path)
        return answer

    def address(self, which: str) -> tuple[str, int] | None:
        told = self._transport.get_extra_info(which)
        return (str(told[0]), int(told[1])) if isinstance(told, tuple) else None

    # --- ends

    def _end_wrongly(self) -> None:
        """After what was asked before is answered, say what is wrong, and understand no more."""
        if self._wrong is not None and not self._is_busy:
            wrong, self._wrong = self._wrong, None
            self._refuse(wrong)
        else:
            self._is_closing = True

    def _refuse(self, wrong: WrongRequestError) -> None:
        """Answer, and understand no more of what is sent."""
        self._is_closing = True
        answer = self._api.refused(wrong.refusal, wrong.path, **wrong.values)
        self._api.record(self._reader.method, wrong.path, b"", [], b"", answer)
        self._write(self._reader.method, answer, closes=True)
        self._part()

    def _part(self) -> None:
        """End after the last answer. Where more may be sent, read on for a while: or the client would see a reset and
        not the answer (RFC 9112, 9.6)."""
        if self._hurries or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingers = True
        self._touched = self._began = self._loop.time()
        self._transport.write_eof()
        self._transport.resume_reading()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > _LINGER_BYTES:
            self._transport.close()
