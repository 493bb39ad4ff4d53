"""A load generator lean enough not to be the bottleneck: raw connections, one request at a time on each."""

import asyncio
import time

CONNECTIONS = 8


class _Connection(asyncio.Protocol):
    """Sends one request again and again, each after the answer to the one before."""

    def __init__(self, request: bytes, times: int, done: "asyncio.Future[None]") -> None:
        self._request, self._left, self._done = request, times, done
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not _whole(self._buffer):
            return
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(f"not a 200: {self._buffer[:200]!r}"))
            return
        self._buffer = b""
        self._left -= 1
        if self._left and self._transport:
            self._transport.write(self._request)
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or RuntimeError("the server closed the connection"))

    def _end(self, error: Exception | None) -> None:
        if self._transport:
            self._transport.close()
        if not self._done.done():
            self._done.set_exception(error) if error else self._done.set_result(None)


def _whole(buffer: bytes) -> bool:
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    start = buffer.find(b"content-length: ") + 16
    length = int(buffer[start : buffer.find(b"\r\n", start)])
    return len(buffer) >= head_end + 4 + length


async def rate(port: int, request: bytes, requests: int) -> float:
    """Requests a second that the server on this port answers."""
    loop = asyncio.get_running_loop()
    waiting = [loop.create_future() for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for done in waiting:
        await loop.create_connection(
            lambda done=done: _Connection(request, requests // CONNECTIONS, done), "127.0.0.1", port
        )
    await asyncio.gather(*waiting)
    return requests / (time.perf_counter() - began)


def post(path: str, body: bytes, key: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer {key}\r\n\r\n".encode()
