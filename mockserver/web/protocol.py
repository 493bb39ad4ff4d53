"""uvicorn's HTTP protocol, taught two things: to answer the generation API without a detour, and to break on purpose.

`ApiApp.answer` is a plain function that never waits, so a request needs no task of its own: it is answered as soon
as its last byte is parsed. Whatever does wait (control, media, faults, bodies announced by Expect, pipelines) takes
the ordinary way through ASGI.
"""

from functools import partial
from typing import Any

from mockserver.web.exchange import Answer

try:
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
except ImportError:  # httptools has wheels for CPython only
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol  # type: ignore[assignment]

    STATUS_LINE = {}  # there every request takes the ordinary way


class JoiningTransport:
    """A transport that holds the head of a response back until the first of its body comes, and sends both at once.

    The ASGI specification asks for just that ("http.response.start"); it also halves the packets of most answers.
    """

    __slots__ = ("_head", "_head_is_next", "is_closing", "real")

    def __init__(self, transport: Any) -> None:
        self.real = transport
        self.is_closing = transport.is_closing
        self._head = b""
        self._head_is_next = True

    def begin_response(self) -> None:
        """What is written next is a head again. One that no body followed (the answer to HEAD) goes now."""
        if self._head:
            self.write(b"")
        self._head_is_next = True

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif self._head_is_next and not data.startswith(b"HTTP/1.1 100 "):
            self._head, self._head_is_next = data, False
            return
        self.real.write(data)

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self.real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class MockProtocol(_Protocol):
    """One connection. The transport is in the connection's state, within reach of whoever has to break it."""

    _direct: Any = None
    """The request that is being read and will be answered without a task; None for any other."""

    def connection_made(self, transport: Any) -> None:
        joining: Any = JoiningTransport(transport)
        super().connection_made(joining)
        self.app_state = {**self.app_state, "transport": joining}

    def _unsupported_upgrade_warning(self) -> None:
        """Java offers HTTP/2 with every plain request; leaving an offer alone is allowed (RFC 9110, 7.8)."""

    def on_response_complete(self) -> None:
        self.transport.begin_response()  # type: ignore[attr-defined]
        super().on_response_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Called when the head of a request is complete, or (then its body is too) when a pipeline reaches it."""
        if app is self.app and cycle.more_body and self._is_plain(cycle):
            self._direct = cycle
        else:
            super()._start_asgi_task(cycle, app)

    def _is_plain(self, cycle: Any) -> bool:
        return (
            self.app.takes_directly(cycle.scope["path"])
            and not cycle.waiting_for_100_continue
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        cycle = self._direct
        if cycle is None:
            return
        self.flow.resume_reading()  # uvicorn pauses until a task asks for more, and there is none
        if len(cycle.body) > self.app.api_app.limit_of(cycle.scope["path"]):
            self._answer(cycle)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._direct is not None:
            self._answer(self._direct)

    def _answer(self, cycle: Any) -> None:
        self._direct = None
        scope, api_app = cycle.scope, self.app.api_app
        body, query = bytes(cycle.body), scope["query_string"]
        answer = api_app.answer(scope["method"], scope["path"], scope["headers"], body, query)
        if answer.fault is not None:
            super()._start_asgi_task(cycle, partial(_deliver, api_app, answer))
        else:
            self._write(cycle, answer)

    def _write(self, cycle: Any, answer: Answer) -> None:
        """The whole answer at once, and what uvicorn does after one."""
        parts = [STATUS_LINE[answer.status]]
        parts += [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        parts += [b"%b: %b\r\n" % header for header in answer.headers]
        if not cycle.keep_alive and not answer.closes:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", answer.body)
        self.loop.call_soon(self._finish, cycle, b"".join(parts), answer.closes)

    def _finish(self, cycle: Any, whole: bytes, closes: bool) -> None:
        """Send, after every request that came in this round of the loop has been answered.

        A processor that goes into the kernel and back for each answer forgets what it was about to do: sending
        them together is worth a fifth of the throughput.
        """
        if not self.transport.is_closing():
            self.transport.real.write(whole)  # type: ignore[attr-defined]
        cycle.response_started = cycle.response_complete = True
        if closes or not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


async def _deliver(api_app: Any, answer: Answer, scope: Any, receive: Any, send: Any) -> None:
    """Deliver an answer whose request was read already."""
    await receive()
    await api_app.deliver(answer, scope, receive, send)
