"""A receiver that does anything: what it answers, in bytes, to a callback and to who asks for its state, is drawn."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STATUSES = (200, 200, 200, 204, 201, 299, 301, 307, 400, 404, 413, 429, 500, 503, 599, 999)
_HEADS = (
    "Content-Length: 5",
    "Content-Length: nonsense",
    "Transfer-Encoding: chunked",
    "Location: http://[bad",
    "X: \xff",
)
_STATES = (
    b"{}",
    b"null",
    b"",
    b"[" * 3_000,
    b'{"n": 1e999}',
    b"\xff\xfe",
    b'{"\\ud800": [1, {"id": "task-unified-1-a"}]}',
    b"task-unified-1-a\n" * 50,
)


class Receiver:
    """`share` of its answers are odd; the others are right. What it knows grows by what it is sent."""

    def __init__(self, seed: int, share: float) -> None:
        self.random, self.share = random.Random(seed), share
        self.seen: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=[self.socket.accept()[0]], daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(1)
            head, _, body = self.read(connection).partition(b"\r\n\r\n")
            asks = head.startswith(b"GET ")
            if self.random.random() < self.share:
                connection.sendall(self.odd(asks))
            elif asks:
                connection.sendall(told("\n".join(self.seen).encode()))
            else:
                self.keep(body)
                connection.sendall(told(b""))

    def read(self, connection: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got and (more := connection.recv(65_536)):
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
        while length.isdigit() and len(body) < int(length) and (more := connection.recv(65_536)):
            body += more
            got += more
        return got

    def keep(self, body: bytes) -> None:
        told_id = body.partition(b'"id":"')[2].partition(b'"')[0].decode("utf-8", "replace")
        if told_id and told_id not in self.seen:
            self.seen.append(told_id)

    def odd(self, asks: bool) -> bytes:
        """Bytes that may be an answer, after a while or none."""
        if asks:
            return told(self.random.choice(_STATES))
        time.sleep(self.random.choice((0, 0, 0, 0.3)))
        how = self.random.randrange(4)
        if how == 0:
            return self.random.randbytes(self.random.randrange(100))
        status = f"HTTP/1.1 {self.random.choice(_STATUSES)} \r\n".encode()
        return status if how == 1 else status + self.random.choice(_HEADS).encode("latin-1") + b"\r\n\r\nab"


def told(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def receiving(seed: int, share: float) -> Iterator[str]:
    receiver = Receiver(seed, share)
    threading.Thread(target=receiver.serve, daemon=True).start()
    with receiver.socket:
        yield receiver.url
        receiver.socket.shutdown(socket.SHUT_RDWR)
