"""One node on Redis against memory; two nodes against one; how soon others take over."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks import load
from benchmarks.processes import KEY, SERVE, Server, cores, get, pinned, server
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE, compared

_KEYS = [f"sk-benchmark-node-{number:04}" for number in range(16)]
_SLOTS = 4096
_CHUNK = 200
_SETTLE_S = 20.0


def measure(*, quick: bool) -> list[Row]:
    """Redis leaves syncing to the system here: what a disk takes for each commit is no figure of ours."""
    if shutil.which("redis-server") is None:
        return [Row("nodes on Redis", "not measured", "", "redis-server is not installed")]
    return [*_throughput(quick=quick), *_two_against_one(quick=quick), *_takeovers(quick=quick)]


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis of its own, on the core of the load."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = ["redis-server", "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes"]
        command += ["--appendfsync", "no"]
        with pinned(cores()[1]):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def nodes(log: str, *names: str, options: tuple[str, ...] = ()) -> Iterator[list[Server]]:
    """Servers on one log, each with its share of it."""
    with contextlib.ExitStack() as stack:
        command = [*SERVE, "--task-seconds", "1", "--max-keys", "1000000", *options, "--log", log, "--node-name"]
        running = [stack.enter_context(server([*command, name], errors=subprocess.DEVNULL)) for name in names]
        _wait_for(lambda: _is_shared([_node(one)["owned"] for one in running]))
        yield running


def _is_shared(owned: list[int]) -> bool:
    return all(owned) and sum(owned) == _SLOTS


def _throughput(*, quick: bool) -> list[Row]:
    rounds, requests = (7, 2_000) if quick else (25, 8_000)
    with (
        redis() as log,
        server([*SERVE, "--task-seconds", "1"]) as mock,
        nodes(log, "a") as (node,),
        pinned(cores()[1]),
    ):
        post = load.post(CREATE, BODY, KEY)
        return [compared("POST on Redis, one node, against memory", ">= 0.6", post, (mock, node), rounds, requests)]


def _two_against_one(*, quick: bool) -> list[Row]:
    """Processor time of all nodes for each request."""
    rounds = 5 if quick else 15
    with redis() as log, nodes(f"{log}?prefix=one", "a") as one, nodes(f"{log}?prefix=two", "a", "b") as two:
        owners = {key: two[number % 2] for number, key in enumerate(_KEYS)}
        others = {key: two[(number + 1) % 2] for number, key in enumerate(_KEYS)}
        with pinned(cores()[1]):
            _settle(two, owners)
            alone = dict.fromkeys(_KEYS, one[0])
            pairs = [(_cpu_us(one, alone), _cpu_us(two, owners)) for _ in range(rounds)]
            passed = [(_cpu_us(one, alone), _cpu_us(two, others, held_at=owners)) for _ in range(rounds)]
    return [
        _ratio("processor time of a POST, two nodes against one, each key always at one node", "<= 1.15", pairs),
        _ratio("the same where every request is passed on", "<= 1.9", passed),
    ]


def _settle(two: list[Server], owners: dict[str, Server]) -> None:
    """Slots move to where their requests arrive; then nothing is passed on."""

    def is_settled() -> bool:
        before = sum(_node(one)["passed_on"] for one in two)
        for key, place in owners.items():
            load.run(place.port, load.post(CREATE, BODY, key), 2 * load.CONNECTIONS)
        return sum(_node(one)["passed_on"] for one in two) == before

    _wait_for(is_settled)


def _cpu_us(running: list[Server], places: dict[str, Server], held_at: dict[str, Server] | None = None) -> float:
    """Of all servers, for each request. `held_at` is asked now and then, or slots would move."""
    before, count = sum(one.cpu_s() for one in running), 0
    for _ in range(3):
        for key, place in places.items():
            post = load.post(CREATE, BODY, key)
            if held_at is not None:
                load.run(held_at[key].port, post, load.CONNECTIONS)
            load.run(place.port, post, _CHUNK)
            count += _CHUNK
    return (sum(one.cpu_s() for one in running) - before) / count * 1e6


def _ratio(what: str, wanted: str, pairs: list[tuple[float, float]]) -> Row:
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(two / one for one, two in pairs)
    return Row(what, f"{ratio:.2f}", wanted, f"CPU {two:.0f} against {one:.0f} us each; {len(pairs)} pairs")


def _takeovers(*, quick: bool) -> list[Row]:
    rounds = 2 if quick else 7
    deaths = [_gap_s(kill=True) for _ in range(rounds)]
    ends = [_gap_s(kill=False) for _ in range(rounds)]
    return [
        Row("from a node's death to the first answers for all its keys", _median(deaths), "< 5 s", _all(deaths)),
        Row("from SIGTERM to the first answers for all its keys", _median(ends), "< 0.5 s", _all(ends)),
    ]


def _gap_s(*, kill: bool) -> float:
    """Until every key is answered at the node that is left."""
    with redis() as log, nodes(log, "left", "gone") as (left, gone):
        for key in _KEYS:
            load.run(gone.port, load.post(CREATE, BODY, key), load.CONNECTIONS)
        os.kill(gone.pid, signal.SIGKILL if kill else signal.SIGTERM)
        began = time.perf_counter()
        for key in _KEYS:
            _wait_for(partial(_is_answered, left.port, key))
        return time.perf_counter() - began


def _is_answered(port: int, key: str) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/credits", headers={"authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refused:
        refused.close()
        return False


def node_of(one: Server) -> dict[str, Any]:
    """What a server says of itself."""
    told: dict[str, Any] = json.loads(get(one.port, "/_mock/health"))
    return told


def _node(one: Server) -> dict[str, Any]:
    told: dict[str, Any] = node_of(one)["node"]
    return told


def _wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _SETTLE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if is_so():
                return
        time.sleep(0.005)
    raise RuntimeError(f"not so within {_SETTLE_S:g} s")


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s"


def _all(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in sorted(values))
