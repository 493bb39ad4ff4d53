"""How long others wait while one key's world has much to do: an advance over tasks that all end at one moment, the
export of its log, and its reset."""

import json
import sys
import threading
import time
import urllib.request
from http.client import HTTPConnection
from typing import Any

from benchmarks.processes import KEY, Server, cores, pinned, server
from benchmarks.subjects.crowd import KEY as CROWD
from benchmarks.table import Row


def measure(*, quick: bool) -> list[Row]:
    tasks = 100_000 if quick else 1_000_000
    with server([sys.executable, "-m", "benchmarks.subjects.crowd", str(tasks)]) as crowd, pinned(cores()[1]):
        return [
            _beside(crowd, f"an advance fires {tasks:,} tasks", "POST", f"/clock/advance?key={CROWD}", {"ms": 2000}),
            _beside(crowd, f"the log of {tasks:,} tasks is exported", "GET", f"/log?key={CROWD}"),
            _beside(crowd, f"{tasks:,} tasks are reset", "POST", "/reset", {"key": CROWD}),
        ]


def _beside(target: Server, what: str, method: str, path: str, body: Any = None) -> Row:
    """The slowest of the queries that another key makes meanwhile, one after the other."""
    work = threading.Thread(target=_control, args=[target, method, path, body])
    connection = HTTPConnection("127.0.0.1", target.port, timeout=120)
    _query(connection)
    slowest, asked, began = 0.0, 0, time.perf_counter()
    work.start()
    while work.is_alive():
        before = time.perf_counter()
        _query(connection)
        slowest, asked = max(slowest, time.perf_counter() - before), asked + 1
    took = time.perf_counter() - began
    connection.close()
    return Row(f"slowest query of others while {what}", f"{slowest:.3f} s", "< 0.25 s", f"{asked:,} in {took:.1f} s")


def _query(connection: HTTPConnection) -> None:
    connection.request("GET", "/v1/credits", headers={"authorization": f"Bearer {KEY}"})
    connection.getresponse().read()


def _control(target: Server, method: str, path: str, body: Any) -> None:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{target.port}/_mock{path}", content, method=method)
    with urllib.request.urlopen(request, timeout=300) as answer:
        while answer.read(65_536):
            """To its end."""
