"""Servers to measure, each a process of its own on the first core; the load comes from the last."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).parent.parent
KEY = "sk-benchmark-0123456789"
SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--credits", "1000000000"]
BARE = [sys.executable, "-m", "benchmarks.subjects.bare"]
CONSTANT = [sys.executable, "-m", "benchmarks.subjects.constant"]
EMPTY = [sys.executable, "-m", "benchmarks.subjects.empty"]
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:(\d+)")
_ANSWER_S = 30


class Server(NamedTuple):
    """A running server: where it answers, and which process it is."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """CPU time it has used so far; 0 where the system has no /proc."""
        try:
            after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int, int]:
    """(for the server, for the load); the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process, and every one that it starts meanwhile, on this core only. Nothing where that is not offered."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """An environment whose processes keep compiled modules in a place of their own, as an installed package has
    them: the first to import a module compiles it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield {**kept, "PYTHONPYCACHEPREFIX": folder}


@contextlib.contextmanager
def server(
    command: list[str],
    environment: dict[str, str] | None = None,
    errors: IO[bytes] | None = None,
    *,
    drained: bool = False,
) -> Iterator[Server]:
    """Start a server that prints its address; end it afterwards. `drained`: what else it prints is read meanwhile."""
    with pinned(cores()[0]):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=environment)
    try:
        port = _port(process)
        if drained:
            threading.Thread(target=_drain, args=[process.stdout], daemon=True).start()
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _drain(out: IO[bytes]) -> None:
    while out.read1(1 << 16):  # type: ignore[attr-defined] - a pipe's reader is buffered
        pass


def _port(process: "subprocess.Popen[bytes]") -> int:
    for line in process.stdout or ():
        found = _ADDRESS.search(line)
        if found:
            return int(found[1])
    raise RuntimeError(f"the server ended before it said where it is: {process.args!r}")


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=_ANSWER_S) as answer:
        return bytes(answer.read())
