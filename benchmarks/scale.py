"""A thousand tasks against a million: memory, and what a submission, a query and an advance cost."""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks import load
from benchmarks.processes import ROOT, cores, pinned, server
from benchmarks.subjects.crowd import key
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE, paired

MIB = 1024**2
SMALL = 1_000
_SPREAD = "{:,} keys of {} tasks against one key of {:,}"
STEPS = {"submit": "submission", "read": "query", "advance": "advance"}


class Sized:
    """A world with so many pending tasks, in a process of its own: none sees the memory of another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.filled = self._told()

    def round(self) -> dict[str, float]:
        """Microseconds of each step, measured once."""
        print(file=self._process.stdin, flush=True)
        return self._told()

    def _told(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the world ended early: {self._process.args!r}")
        return dict(json.loads(line))


@contextlib.contextmanager
def sized(tasks: int, *options: str) -> Iterator[Sized]:
    command = [sys.executable, "-m", "benchmarks.subjects.world", str(tasks), *options]
    with (
        pinned(cores()[0]),
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        yield Sized(process)


def measure(*, quick: bool) -> list[Row]:
    tasks, keys = (100_000, 1_000) if quick else (1_000_000, 10_000)
    with sized(SMALL) as small, sized(tasks) as large:
        pairs = [(small.round(), large.round()) for _ in range(9 if quick else 15)]
        filled = large.filled
        rows = [_memory("plain", tasks, filled), _fill(tasks, small.filled, filled)]
    with sized(tasks, "--own") as one:
        rows.append(_memory("each with callback URL and idempotency key", tasks, one.filled))
    with sized(tasks, "--keys", str(keys)) as many:
        rows.append(_keys(tasks, keys, filled, many))
    rows.append(_requests(tasks, keys, rounds=5 if quick else 9))
    with tempfile.TemporaryDirectory() as folder:
        log = ("--log", f"{folder}/log.db")
        for kind in ("on SQLite", "loaded from SQLite"):
            with sized(tasks, *log) as one:
                rows.append(_memory(kind, tasks, one.filled))
    return rows + [_step(name, tasks, pairs) for name in STEPS]


def _keys(tasks: int, keys: int, alone: dict[str, Any], many: Sized) -> Row:
    """What the same tasks take spread over many keys."""
    memory = (many.filled["peak"] - many.filled["empty"]) / (alone["peak"] - alone["empty"])
    time = many.filled["fill"] / alone["fill"]
    figures = f"a command alone, as they come by turns: {many.filled['fill']:.1f} us, {time:.2f} of the time"
    return Row(f"memory of {_SPREAD.format(keys, tasks // keys, tasks)}", f"{memory:.2f}", "<= 1.2", figures)


def _requests(tasks: int, keys: int, *, rounds: int) -> Row:
    """What a submission costs the server there, as a request, where the keys submit by turns."""
    crowd = [sys.executable, "-m", "benchmarks.subjects.crowd", str(tasks)]
    with server(crowd) as one, server([*crowd, "--keys", str(keys)]) as many, pinned(cores()[1]):
        asked = [load.post(CREATE, BODY, key(number)) for number in range(keys)]
        pairs = paired((one, many), (asked[0], asked), rounds, min(keys, 5_000))
    ratio = statistics.median(spread.cpu_us / alone.cpu_us for alone, spread in pairs)
    few, spread = (statistics.median(one.cpu_us for one in side) for side in zip(*pairs, strict=True))
    what = f"processor time of a POST to {_SPREAD.format(keys, tasks // keys, tasks)}"
    return Row(what, f"{ratio:.2f}", "<= 1.2", f"{spread:.0f} against {few:.0f} us, by turns")


def _memory(kind: str, tasks: int, filled: dict[str, Any]) -> Row:
    figures = f"peak; {(filled['peak'] - filled['empty']) / tasks:,.0f} bytes a task, log included"
    wanted = "<= 500 MiB" if tasks == 1_000_000 else ""
    return Row(f"memory of {tasks:,} tasks, {kind}", f"{filled['peak'] / MIB:,.0f} MiB", wanted, figures)


def _fill(tasks: int, small: dict[str, Any], large: dict[str, Any]) -> Row:
    figures = f"{large['fill']:.1f} against {small['fill']:.1f} us each; the longest {large['longest'] / 1000:.0f} ms"
    return Row(
        f"the first {tasks:,} submissions against {SMALL:,}", f"{large['fill'] / small['fill']:.2f}", "", figures
    )


def _step(name: str, tasks: int, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> Row:
    ratio = statistics.median(large[name] / small[name] for small, large in pairs)
    few, many = (statistics.median(one[name] for one in side) for side in zip(*pairs, strict=True))
    figures = f"{many:.1f} against {few:.1f} us each"
    return Row(f"{STEPS[name]} at {tasks:,} tasks against {SMALL:,}", f"{ratio:.2f}", "about 1", figures)
