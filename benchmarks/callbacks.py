"""Callbacks to a receiver on this machine: how many a second, and whether dead receivers slow down the living."""

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from typing import Any

from benchmarks import load
from benchmarks.processes import KEY, ROOT, SERVE, Server, cores, pinned, server
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE

_SERVE = [*SERVE, "--allow-local-callbacks", "--clock", "manual", "--task-seconds", "1"]
_DEAD = 16
"""Receivers that take connections and never answer."""


class Living:
    """A receiver in a process of its own on the core of the load."""

    def __init__(self, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "benchmarks.receiver"]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes))
        stack.callback(self._process.terminate)
        self.url = self._read()

    def answered(self) -> int:
        print(file=self._process.stdin, flush=True)
        return int(self._read())

    def _read(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout else ""


def measure(*, quick: bool) -> list[Row]:
    rounds, count = (3, 2_000) if quick else (9, 5_000)
    with ExitStack() as stack:
        stack.enter_context(pinned(cores()[1]))
        living = Living(stack)
        dead = [_silent(stack) for _ in range(_DEAD)]
        alone, beside = (stack.enter_context(server(_SERVE)) for _ in range(2))
        pairs = [(_rate(alone, living, [], count), _rate(beside, living, dead, count)) for _ in range(rounds)]
        spent = alone.cpu_s() / (rounds * count) * 1e6
    rate = statistics.median(one for one, _ in pairs)
    ratio = statistics.median(with_dead / without for without, with_dead in pairs)
    figures = f"{count:,} at a time; processor time {spent:.0f} us each, its submission included"
    return [
        Row("callbacks a second to a receiver on this machine", f"{rate:,.0f}", ">= 3,000", figures),
        Row(
            "the same where as many go to dead receivers", f"{ratio:.2f}", "about 1", f"{_DEAD} of them never answer"
        ),
    ]


def _silent(stack: ExitStack) -> str:
    """A listening socket that nobody accepts from: connections are taken by the kernel, and that is all."""
    import socket

    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def _rate(target: Server, living: Living, dead: list[str], count: int) -> float:
    """How fast the living receiver gets its callbacks, all due at once; as many for the dead are due with them."""
    for number, url in enumerate(dead):
        load.run(target.port, _submission(url, number), count // len(dead))
    load.run(target.port, _submission(f"{living.url}/hook", 0), count)
    before, began = living.answered(), time.perf_counter()
    _control(target, "PUT", "/clock", {"mode": "real"})
    _control(target, "PUT", "/clock", {"now_ms": _control(target, "GET", "/clock")["now_ms"] + 1_100}, wait=not dead)
    while living.answered() - before < count:
        time.sleep(0.005)
    took = time.perf_counter() - began
    _control(target, "POST", "/reset", {})
    _control(target, "PUT", "/clock", {"mode": "manual"})
    return count / took


def _submission(url: str, number: int) -> bytes:
    body = {**json.loads(BODY), "callback_url": f"{url}?secret={number}"}
    return load.post(CREATE, json.dumps(body).encode(), KEY)


def _control(target: Server, method: str, path: str, body: Any = None, *, wait: bool = True) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{target.port}/_mock{path}", content, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60 if wait else 0.05) as answer:
            return json.load(answer)
    except TimeoutError:
        return None  # it waits for the dead, and goes on without us
