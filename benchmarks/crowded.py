"""Very many tasks of very many keys through two nodes on one Redis: what memory it takes here and there."""

import shutil
import socket
import time
from pathlib import Path

from benchmarks import load
from benchmarks.nodes import node_of, nodes, redis
from benchmarks.processes import Server, cores, pinned
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE

_LOADED = "200"
"""Worlds that each node keeps in memory while they are idle."""


def measure(*, quick: bool) -> list[Row]:
    """Each key submits once, then each again, and so on: no world is asked for twice in a row."""
    if shutil.which("redis-server") is None:
        return [Row("a crowd on Redis", "not measured", "", "redis-server is not installed")]
    tasks, keys = (20_000, 5_000) if quick else (10_000_000, 100_000)
    with redis() as log, nodes(log, "a", "b", options=("--max-loaded-keys", _LOADED)) as two:
        before = [_resident_mib(one) for one in two]
        began = time.perf_counter()
        with pinned(cores()[1]):
            _submit(two, tasks, keys)
        took = time.perf_counter() - began
        after, kept = [_resident_mib(one) for one in two], _used_mib(log)
        loaded = [node_of(one)["worlds"]["loaded"] for one in two]
    here = ", ".join(f"{was:.0f} -> {now:.0f} MiB" for was, now in zip(before, after, strict=True))
    what = f"{tasks:,} tasks over {keys:,} keys through two nodes"
    figures = f"nodes {here}, {loaded} worlds loaded; {kept * 2**20 / tasks:,.0f} bytes a task in Redis"
    return [Row(what, f"{kept:,.0f} MiB in Redis", "bounded", f"{figures}; {tasks / took:,.0f} tasks a second")]


def _submit(two: list[Server], tasks: int, keys: int) -> None:
    halves = [
        [load.post(CREATE, BODY, f"sk-of-a-crowd-{number:06}") for number in range(first, keys, 2)]
        for first in (0, 1)
    ]
    done = 0
    while done < tasks:
        for place, half in zip(two, halves, strict=True):
            load.run(place.port, half, len(half))
            done += len(half)


def _resident_mib(one: Server) -> float:
    for line in Path(f"/proc/{one.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _used_mib(log: str) -> float:
    """What Redis says that it uses for data."""
    port = int(log.split(":")[2].split("/", maxsplit=1)[0])
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"INFO memory\r\n")
        told = connection.recv(65_536).decode()
    return int(told.split("used_memory_dataset:")[1].split()[0]) / 2**20
