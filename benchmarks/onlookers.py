"""What it costs that somebody looks on: lines on a terminal, hints, and a stream of events that is read."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from benchmarks import load
from benchmarks.processes import KEY, SERVE, Server, cores, pinned, server
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE, keep_busy, paired, row, submit

QUIET = [*SERVE, "--task-seconds", "1", "--quiet", "--no-hints"]
TOLD = [*SERVE, "--task-seconds", "1"]


def measure(*, quick: bool) -> list[Row]:
    """Each against a mock that prints nothing, gives no hints and that nobody listens to."""
    rounds, requests = (7, 4_000) if quick else (25, 8_000)
    rows: list[Row] = []
    for what, command, listens in (
        ("with hints", [*TOLD, "--quiet"], ""),
        ("with lines and hints", TOLD, ""),
        ("with lines, hints and the page's stream read", TOLD, "/_mock/events?pulse=true"),
        ("with lines, hints and the stream of all events read", TOLD, "/_mock/events"),
    ):
        with (
            server(QUIET) as quiet,
            server(command, drained=True) as told,
            pinned(cores()[1]),
            _listening(told.port, listens) if listens else contextlib.nullcontext(),
        ):
            rows += _compared(what, quiet, told, rounds, requests)
    return rows


def _compared(what: str, quiet: Server, told: Server, rounds: int, requests: int) -> list[Row]:
    for one in (quiet, told):
        keep_busy(one, 2)
    both, post = (quiet, told), load.post(CREATE, BODY, KEY)
    one, other = (load.get(f"/v1/tasks/{submit(server.port)['id']}", KEY) for server in both)
    return [
        row(f"POST {what}", ">= 0.9", paired(both, (post, post), rounds, requests)),
        row(f"GET of a task {what}", ">= 0.9", paired(both, (one, other), rounds, requests)),
    ]


@contextlib.contextmanager
def _listening(port: int, stream: str) -> Iterator[None]:
    """While inside, this stream is read as it comes."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {stream} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        reader = threading.Thread(target=_read, args=[connection], daemon=True)
        reader.start()
        yield
        connection.shutdown(socket.SHUT_RDWR)
        reader.join()


def _read(connection: Any) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(1 << 20):
            pass
