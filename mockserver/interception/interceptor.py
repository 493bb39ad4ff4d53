"""Programs with the live hosts written into them reach the mock: a proxy and a TLS listener on loopback.

    program --CONNECT api.evolink.ai:443--> proxy --> TLS listener (certificate of a local CA) --> mock

The proxy opens connections to two loopback ports only, its own TLS listener's and the mock's. Whatever else is asked
for is refused, so no byte can reach another host. HTTP/1.1 only.
"""

import asyncio
import contextlib
import os
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Self

from mockserver.interception import tunnel
from mockserver.interception.authority import Authority
from mockserver.interception.proxying import Ask, NotProxyingError, answer, ask_of
from mockserver.runtime.connections import Connections, Serve

HOSTS = ("api.evolink.ai", "files-api.evolink.ai")
"""The hosts of the documentation."""

LOOPBACK = "127.0.0.1"
_HTTPS, _HTTP = 443, 80
_REFUSALS_KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may take. Seconds, bytes; `connections` are those open at one time."""

    head_bytes: int = 16_384
    head_s: float = 10.0
    idle_s: float = 600.0
    connections: int = 1_000


class Interceptor:
    """A context in which the proxy runs, in a thread of its own. `mock_port` is the mock's on loopback.

    Entering raises InterceptionError where the certificates can't be made. `refused` counts the other targets that
    programs asked for.
    """

    def __init__(self, mock_port: int, *, bounds: Bounds | None = None) -> None:
        self.proxy_port = self.tls_port = 0
        self.mock_port = mock_port
        self.refused: Counter[str] = Counter()
        self.authority: Authority
        self._bounds = bounds or Bounds()
        self._open = 0
        self._programs = Connections(partial(self._bounded, self._proxy), tunnel.cut)
        self._tunnels = Connections(partial(self._bounded, self._mock_behind_tls), tunnel.cut)
        self._running = threading.Event()

    def __enter__(self) -> Self:
        self._process = os.getpid()
        self.authority = Authority.of(HOSTS)
        proxy, secure = (socket.create_server((LOOPBACK, 0)) for _ in range(2))
        self.proxy_port, self.tls_port = (listener.getsockname()[1] for listener in (proxy, secure))
        serving = self._serve(proxy, secure)
        self._thread = threading.Thread(target=asyncio.run, args=[serving], name="interceptor", daemon=True)
        self._thread.start()
        self._running.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._process:
            return  # forked: the proxy runs on in the process that it belongs to
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.authority.forget()

    @property
    def ports(self) -> dict[str, int]:
        """Which loopback port stands for which "host:port"."""
        standing = {_HTTPS: self.tls_port, _HTTP: self.mock_port}
        return {f"{host}:{port}": stand_in for host in HOSTS for port, stand_in in standing.items()}

    async def _serve(self, proxy: socket.socket, secure: socket.socket) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._running.set()
        limit, seconds = self._bounds.head_bytes, self._bounds.head_s
        plain = await asyncio.start_server(self._programs.begun, sock=proxy, limit=limit)
        covered = await asyncio.start_server(
            self._tunnels.begun,
            sock=secure,
            limit=limit,
            ssl=self.authority.server,
            ssl_handshake_timeout=seconds,
            ssl_shutdown_timeout=1,
        )
        await self._stop.wait()
        await self._programs.close(plain)
        await self._tunnels.close(covered)

    async def _bounded(self, handle: Serve, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a connection, unless there are too many at one time."""
        if self._open >= self._bounds.connections:
            await tunnel.say_last(reader, writer, answer(503, "too many connections at one time"))
        else:
            self._open += 1
            try:
                await handle(reader, writer)
            finally:
                self._open -= 1
        await tunnel.close(writer)

    async def _proxy(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection to the proxy: a tunnel, or one plain request."""
        try:
            async with asyncio.timeout(self._bounds.head_s):
                ask = ask_of(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            await tunnel.say_last(reader, writer, answer(431, f"a head of more than {self._bounds.head_bytes} bytes"))
        except NotProxyingError as error:
            await tunnel.say_last(reader, writer, answer(400, str(error)))
        except TimeoutError:
            await tunnel.say_last(reader, writer, answer(408, f"no whole head within {self._bounds.head_s:g} s"))
        except (OSError, asyncio.IncompleteReadError):
            return
        else:
            await self._grant(ask, reader, writer)

    async def _grant(self, ask: Ask, reader: StreamReader, writer: StreamWriter) -> None:
        port = self._port_for(ask)
        if port is None:
            self._remember(ask.target)
            told = f"refused {ask.target}: only {' and '.join(HOSTS)} are served here"
            await tunnel.say_last(reader, writer, answer(403, told))
            return
        if ask.is_tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self._join(port, ask.head, reader, writer)

    def _port_for(self, ask: Ask) -> int | None:
        """The port to lead a request to. An https URL without a tunnel leaves TLS to the proxy: it is plain here."""
        port = self.ports.get(ask.target)
        return port if port is None or ask.is_tunnel else self.mock_port

    def _remember(self, target: str) -> None:
        if target in self.refused or len(self.refused) < _REFUSALS_KEPT:
            self.refused[target] += 1

    async def _mock_behind_tls(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self._join(self.mock_port, b"", reader, writer)

    async def _join(self, port: int, head: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        """Lead a connection to a loopback port, the given bytes first."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            if not head:
                await self._hear_out(reader)
            await tunnel.say_last(reader, writer, answer(502, "the mock does not answer"))
            return
        try:
            inner_writer.write(head)
            await tunnel.join((reader, writer), (inner_reader, inner_writer), self._bounds.idle_s)
        finally:
            inner_writer.transport.abort()

    async def _hear_out(self, reader: StreamReader) -> None:
        """Clients want to have asked before they are answered."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(self._bounds.head_s):
                await reader.readuntil(b"\r\n\r\n")
