"""Servers to measure, each a process of its own on the first core; the load comes from the second."""

import contextlib
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
KEY = "sk-benchmark-0123456789"
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:(\d+)")
SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--credits", "1000000000"]
BARE = [sys.executable, "-m", "benchmarks.bare"]


def cores() -> tuple[int, int]:
    """(for the server, for the load); the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return allowed[0], allowed[-1]


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def pin_load() -> None:
    _pin(cores()[1])


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[int]:
    """Start a server that prints its address, and yield its port; end it afterwards."""
    core = cores()[0]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, preexec_fn=lambda: _pin(core))
    try:
        yield _port(process)
    finally:
        process.terminate()
        process.wait(10)


def _port(process: "subprocess.Popen[bytes]") -> int:
    if process.stdout is None:
        raise RuntimeError("the server has no output to read")
    for line in process.stdout:
        found = _ADDRESS.search(line)
        if found:
            return int(found[1])
    raise RuntimeError("the server ended before it said where it is")


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return bytes(answer.read())
