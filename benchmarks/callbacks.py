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
_OTHERS = 16
"""Addresses to which as many callbacks go as to the receiver that is looked at; dead ones take connections and never
answer."""


class Living:
    """A receiver in a process of its own on the core of the load."""

    def __init__(self, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "benchmarks.subjects.receiver"]
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
        judged, other = Living(stack), Living(stack)
        alive, dead = [f"{other.url}/hook"] * _OTHERS, [_silent(stack) for _ in range(_OTHERS)]
        alone, beside_alive, beside_dead = (stack.enter_context(server(_SERVE)) for _ in range(3))
        rates = [
            (
                _rate(alone, judged, [], count),
                _rate(beside_alive, judged, alive, count),
                _rate(beside_dead, judged, dead, count),
            )
            for _ in range(rounds)
        ]
        spent = alone.cpu_s() / (rounds * count) * 1e6
    rate = statistics.median(alone for alone, _, _ in rates)
    ratio = statistics.median(with_dead / with_alive for _, with_alive, with_dead in rates)
    to_alone = statistics.median(with_dead / without for without, _, with_dead in rates)
    figures = f"{count:,} at a time; processor time {spent:.0f} us each, its submission included"
    return [
        Row("callbacks a second to a receiver on this machine", f"{rate:,.0f}", ">= 3,000", figures),
        Row(
            "to the healthy half of the receivers, the other half dead against alive",
            f"{ratio:.2f}",
            ">= 1",
            f"{_OTHERS} that never answer; {to_alone:.2f} of the rate where there are no others at all",
        ),
    ]


def _silent(stack: ExitStack) -> str:
    """A listening socket that nobody accepts from: connections are taken by the kernel, and that is all."""
    import socket

    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def _rate(target: Server, judged: Living, others: list[str], count: int) -> float:
    """How fast a living receiver gets its callbacks, all due at once; as many for the others are due with them."""
    for number, url in enumerate(others):
        load.run(target.port, _submission(url, number), count // len(others))
    load.run(target.port, _submission(f"{judged.url}/hook", 0), count)
    before, began = judged.answered(), time.perf_counter()
    _control(target, "PUT", "/clock", {"mode": "real"})
    _control(
        target, "PUT", "/clock", {"now_ms": _control(target, "GET", "/clock")["now_ms"] + 1_100}, wait=not others
    )
    while judged.answered() - before < count:
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
        return None  # it waits for all of them, and goes on without us
