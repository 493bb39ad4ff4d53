"""A callback receiver on loopback that answers by a script and remembers every byte it got."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from tests.house import Mock

HANG, HOLD, RESET = "hang", "hold", "reset"
Step = int | str | bytes
"""A status to answer with, HANG (never answer), HOLD (answer 200 once released), RESET (cut the connection), or the
bytes of a whole answer."""


def redirect(to: str) -> bytes:
    """A 307 with this Location."""
    return f"HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came off the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """Path and query, byte for byte."""
        return self.line.split(" ")[1]


class Receiver:
    """Answers the n-th request by the n-th step of its script, and with 200 once the script is over.

    `before_answer` runs when a request is complete and before it is answered. A context manager: the port is
    open inside it. It lives on the mock's loop, so it answers while the mock is asked something.
    """

    def __init__(self, mock: Mock, *script: Step) -> None:
        self.requests: list[Received] = []
        self.before_answer: Callable[[Received], Awaitable[None]] | None = None
        self.arrived = asyncio.Event()
        self._released = asyncio.Event()
        self._mock, self._script = mock, list(script)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> "Receiver":
        self._server = self._mock.run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mock.run(self._close())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/done"

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def wait(self, count: int) -> None:
        """Let the mock's loop run until so many requests have come."""
        self._mock.run(asyncio.wait_for(self._come(count), 8))

    def release(self) -> None:
        """Answer what is held."""
        self._released.set()

    async def _come(self, count: int) -> None:
        while len(self.requests) < count:
            self.arrived.clear()
            await self.arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            received = await _read(reader)
            self.requests.append(received)
            self.arrived.set()
            step = self._script.pop(0) if self._script else 200
            if self.before_answer is not None:
                await self.before_answer(received)
            if step == HANG:
                await reader.read()
            elif step == HOLD:
                await self._released.wait()
                writer.write(_answer(200))
                await writer.drain()
            elif step == RESET:
                writer.transport.abort()
            else:
                writer.write(_answer(step))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            """The mock has left."""
        finally:
            self._open.discard(writer)
            writer.close()

    async def _close(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


def _answer(step: Step) -> bytes:
    if isinstance(step, bytes):
        return step
    return f"HTTP/1.1 {step} Scripted\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".encode()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Received(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
