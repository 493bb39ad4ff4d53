"""A callback receiver on loopback that answers by a script and remembers what it got. It knows no mock."""

import asyncio
import ssl
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import Any, Self

import h11
import msgspec

from mockserver.runtime.connections import Connections
from mockserver.runtime.pause import pause
from mockserver.testing.background import Background

Step = int | str | tuple[Any, ...]
"""One answer: a status; "timeout" (never answers); "reset" (cuts the connection); ("redirect", url), a 307;
("delay", seconds, step), the step after this much real time."""

KEPT_REQUESTS = 1_000
BODY_LIMIT = 1024 * 1024
_CHUNK = 65_536
_STEPS = 'a status from 200 to 599, "timeout", "reset", ("redirect", url), ("delay", seconds, step)'


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came. `target` is path and query byte for byte; header names are in lower case.

    `received_s` is the real time of its arrival on `time.monotonic`'s scale; `answered_with` the step it met.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    received_s: float
    answered_with: Step

    @property
    def json(self) -> Any:
        """The body decoded. Raises msgspec.DecodeError where it is no JSON."""
        return msgspec.json.decode(self.body)


class CallbackReceiver:
    """Answers the n-th request by the n-th step of its script, and with 200 once the script is over.

    `tls=True` serves https with a certificate of a fresh authority (needs trustme); `ca_file` then holds it, for
    whoever has to trust it. It keeps the last 1000 requests; a body over 1 MiB is answered 413.

    >>> with CallbackReceiver(500, "reset", 200) as receiver:
    ...     receiver.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, *script: Step, tls: bool = False) -> None:
        self._tls = tls
        self._steps: deque[Step] = deque()
        self._requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self._count = 0
        self._arrived = Condition()
        self._background = Background("callback receiver")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: asyncio.Server | None = None
        self._connections = Connections(self._serve)
        self.ca_file: Path | None = None
        self.base_url = ""
        self.script(*script)

    # --- life

    def start(self) -> Self:
        """Listen from now on, on a free port. Raises RuntimeError where it does so already."""
        if self._server is not None:
            raise RuntimeError(f"this receiver runs already, at {self.base_url}")
        context = self._certified() if self._tls else None
        self._background.start()
        self._server = self._background.run(
            asyncio.start_server(self._connections.begun, "127.0.0.1", 0, ssl=context, limit=_CHUNK)
        )
        host = "https://localhost" if self._tls else "http://127.0.0.1"
        self.base_url = f"{host}:{self._server.sockets[0].getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Close the port and every connection; what was received stays. A second time changes nothing, nor does a
        forked process."""
        if self._server is not None and not self._background.is_here:
            return
        if self._server is not None:
            self._background.run(self._connections.close(self._server))
            self._background.stop()
            self._server = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self.ca_file = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- what a test uses

    @property
    def url(self) -> str:
        """A callback URL that leads here."""
        return self.url_of("/callback")

    def url_of(self, target: str) -> str:
        """The URL of a path and query, such as "/hook?secret=s3cr3t". Raises RuntimeError before `start`."""
        if not self.base_url:
            raise RuntimeError("this receiver does not run: use `with`, or call start()")
        return f"{self.base_url}{target}"

    def script(self, *steps: Step) -> Self:
        """Answer the next requests like this, instead of what was scripted before. Raises ValueError."""
        for step in steps:
            _check(step)
        self._steps = deque(steps)
        return self

    @property
    def requests(self) -> tuple[Received, ...]:
        """What came, oldest first."""
        with self._arrived:
            return tuple(self._requests)

    @property
    def count(self) -> int:
        """How many came, kept or not."""
        return self._count

    def wait(self, count: int, timeout_s: float = 10) -> tuple[Received, ...]:
        """Wait (real time) until this many came: for a clock that runs by itself. Raises TimeoutError.

        A manual clock needs no waiting: `advance` returns when deliveries have settled.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._count >= count, timeout_s):
                raise TimeoutError(f"{self._count} of {count} requests came within {timeout_s:g} s")
        return self.requests

    def forget(self) -> None:
        """Forget the requests and the rest of the script."""
        with self._arrived:
            self._requests.clear()
            self._count = 0
        self._steps.clear()

    # --- serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError, asyncio.IncompleteReadError):
            """Whoever asked has left, or speaks no HTTP."""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request, body = await _read(reader, writer)
        if len(body) > BODY_LIMIT:
            await _write(writer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        step = self._remember(request, body)
        while isinstance(step, tuple) and step[0] == "delay":
            await pause(step[1])
            step = step[2]
        if step == "timeout":
            await reader.read()
        elif step == "reset":
            writer.transport.abort()
        elif isinstance(step, tuple):
            await _write(writer, HTTPStatus.TEMPORARY_REDIRECT, step[1])
        else:
            await _write(writer, int(step))

    def _remember(self, request: h11.Request, body: bytes) -> Step:
        step = self._steps.popleft() if self._steps else 200
        received = Received(
            method=request.method.decode("ascii"),
            target=request.target.decode("ascii"),
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in request.headers},
            body=body,
            received_s=time.monotonic(),
            answered_with=step,
        )
        with self._arrived:
            self._requests.append(received)
            self._count += 1
            self._arrived.notify_all()
        return step

    def _certified(self) -> ssl.SSLContext:
        try:
            import trustme
        except ImportError as error:
            raise ImportError("a receiver with tls needs trustme: pip install 'evolink-mock[pytest]'") from error
        authority = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix="evolink-mock-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        return context


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[h11.Request, bytes]:
    """A request and its body, or as much of it as shows that it is too long. Raises ConnectionError, h11's errors."""
    parser = h11.Connection(h11.SERVER)
    request, body = None, bytearray()
    while len(body) <= BODY_LIMIT:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            if parser.they_are_waiting_for_100_continue:
                writer.write(parser.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            parser.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            break
    if request is None:
        raise ConnectionError("the connection was closed before a request came")
    return request, bytes(body)


async def _write(writer: asyncio.StreamWriter, status: int, location: str | None = None) -> None:
    """An answer without a body, and the end of the connection."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Scripted"
    to = "" if location is None else f"location: {location}\r\n"
    length = "" if status == HTTPStatus.NO_CONTENT else "content-length: 0\r\n"
    writer.write(f"HTTP/1.1 {status} {phrase}\r\n{to}{length}connection: close\r\n\r\n".encode("latin-1"))
    await writer.drain()


def _check(step: Step) -> None:
    match step:
        case bool():
            pass
        case int() if 200 <= step <= 599:
            return
        case "timeout" | "reset":
            return
        case ("redirect", str(url)) if url.isprintable() and url.isascii():
            return
        case ("delay", int() | float() as seconds, then) if seconds >= 0:
            _check(then)
            return
    raise ValueError(f"a step of the script: received {step!r}; allowed: {_STEPS}")
