"""What others feel of rude clients: 50 that ask without end and read nothing, 500 that send and read a byte at a
time, 2,000 that say nothing."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.processes import KEY, SERVE, Server, cores, pinned, server
from benchmarks.table import Row

_DEAF, _SLOW, _IDLE = 50, 500, 2_000
_BYTE_EVERY_S = 0.1
_PROGRAMS = ("/v1/credits", "/media/nothing/0.mp4", "/v1/tasks/task-unified-1-a")
_PEOPLE = (*_PROGRAMS, "/_mock/requests?limit=1000", "/_mock/log")
"""What the deaf ask for: what programs do, and what people do, each of which is much to make."""


def measure(*, quick: bool) -> list[Row]:
    seconds = 5.0 if quick else 20.0
    return [
        *_measured("deaf", "< 0.1 s", _PROGRAMS, seconds),
        *_measured("deaf (who ask for whole journals and logs)", "", _PEOPLE, seconds),
    ]


def _measured(deaf: str, wanted: str, paths: tuple[str, ...], seconds: float) -> list[Row]:
    with server([*SERVE, "--quiet"]) as target, pinned(cores()[1]):
        alone = _queries(target, 2.0)
        before_mib = _memory_mib(target)
        with _rude(target, paths):
            beside = _queries(target, seconds)
            memory_mib = _memory_mib(target)
    told = f"{_p99(alone) * 1000:.1f} ms alone, {len(beside):,} queries; slowest {beside[-1] * 1000:.1f} ms"
    who = f"{_DEAF} {deaf}, {_SLOW} slow and {_IDLE:,} idle clients"
    return [
        Row(f"p99 of a query beside {who}", f"{_p99(beside):.4f} s", wanted, told),
        Row(f"memory of the server with {who}", f"{memory_mib:.0f} MiB", "< 200 MiB", f"{before_mib:.0f} MiB before"),
    ]


@contextlib.contextmanager
def _rude(target: Server, paths: tuple[str, ...]) -> Iterator[None]:
    """While inside, all of them are there; two threads keep the deaf and the slow ones going."""
    ended = threading.Event()
    with contextlib.ExitStack() as connections:
        for _ in range(_IDLE):
            connections.enter_context(_connected(target))
        works = [
            threading.Thread(target=_deafen, args=[target, ended, paths]),
            threading.Thread(target=_dawdle, args=[target, ended]),
        ]
        for work in works:
            work.start()
        time.sleep(1)
        yield
        ended.set()
        for work in works:
            work.join()


def _deafen(target: Server, ended: threading.Event, paths: tuple[str, ...]) -> None:
    """Pipelines as much as is taken, and more whenever more is taken."""
    asked = b"".join(_request(path) for path in paths) * 20
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(_connected(target)) for _ in range(_DEAF)]
        while not ended.wait(0.05):
            for client in clients:
                with contextlib.suppress(OSError):  # nothing more is taken
                    client.send(asked)


def _dawdle(target: Server, ended: threading.Event) -> None:
    """A byte of a request now and then; whoever is let go for it comes again."""
    clients = [_connected(target) for _ in range(_SLOW)]
    asked, at = _request("/v1/credits"), 0
    while not ended.wait(_BYTE_EVERY_S):
        for number, client in enumerate(clients):
            try:
                client.send(asked[at : at + 1])
                with contextlib.suppress(BlockingIOError):
                    client.recv(1)
            except OSError:
                client.close()
                with contextlib.suppress(OSError):
                    clients[number] = _connected(target)
        at = (at + 1) % len(asked)
    for client in clients:
        client.close()


def _connected(target: Server) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", target.port), timeout=30)
    client.setblocking(False)
    return client


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()


def _queries(target: Server, seconds: float) -> list[float]:
    """How long each query took, one after the other, the fastest first."""
    connection = HTTPConnection("127.0.0.1", target.port, timeout=60)
    took, until = [], time.perf_counter() + seconds
    while (before := time.perf_counter()) < until:
        connection.request("GET", "/v1/credits", headers={"authorization": f"Bearer {KEY}"})
        connection.getresponse().read()
        took.append(time.perf_counter() - before)
    connection.close()
    return sorted(took)


def _p99(took: list[float]) -> float:
    return took[int(len(took) * 0.99)]


def _memory_mib(target: Server) -> float:
    """What is resident; 0 where the system has no /proc."""
    with contextlib.suppress(OSError):
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{target.pid}/status").read_text())[0]) / 1024
    return 0.0
