"""A load generator lean enough not to be the bottleneck: plain sockets, one request at a time on each."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

CONNECTIONS = 8
_SILENCE_S = 30


class Load(NamedTuple):
    """How a round went: answers a second, and the share of the round that the generator itself was busy."""

    rate: float
    busy: float


def run(port: int, request: bytes | Sequence[bytes], requests: int) -> Load:
    """Send a request, or several in turn, so many times over a few connections that stay open, each after the answer
    to the last."""
    connections = {one.fileno(): one for one in (_connected(port) for _ in range(CONNECTIONS))}
    try:
        began, busy = time.perf_counter(), time.process_time()
        _exchange(connections, cycle([request] if isinstance(request, bytes) else request), requests)
        took = time.perf_counter() - began
        return Load(requests / took, (time.process_time() - busy) / took)
    finally:
        for connection in connections.values():
            connection.close()


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), _SILENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _exchange(connections: dict[int, socket.socket], turn: Iterator[bytes], requests: int) -> None:
    with selectors.DefaultSelector() as waiting:
        for number, connection in connections.items():
            waiting.register(number, selectors.EVENT_READ)
            connection.sendall(next(turn))
        unsent, unanswered = requests - len(connections), requests
        while unanswered:
            ready = waiting.select(_SILENCE_S)
            if not ready:
                raise RuntimeError(f"no answer in {_SILENCE_S} s")
            unanswered -= len(ready)
            for key, _ in ready:
                _receive(connections[key.fd])
                if unsent > 0:
                    connections[key.fd].sendall(next(turn))
                    unsent -= 1


def _receive(connection: socket.socket) -> None:
    """One whole answer, which must be a 200."""
    answer = connection.recv(65_536)
    while not _whole(answer):
        more = connection.recv(65_536)
        if not more:
            raise RuntimeError("the server closed the connection")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not a 200: {answer[:200]!r}")


def _whole(answer: bytes) -> bool:
    head_end = answer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    start = answer.find(b"content-length: ") + 16
    return len(answer) >= head_end + 4 + int(answer[start : answer.find(b"\r\n", start)])


def post(path: str, body: bytes, key: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer {key}\r\n\r\n".encode()
