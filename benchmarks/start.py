"""Cold start: from the start of the process to its first answer, against bare uvicorn and Starlette."""

import re
import statistics
import tempfile
import time

from benchmarks.processes import EMPTY, SERVE, compiled, get, server
from benchmarks.table import Row

UNWANTED = ("schemathesis", "hypothesis", "rich", "httpx", "pytest", "jsonschema", "requests", "sqlite3")
"""Packages too heavy to import before they are needed."""
_IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


def measure(*, quick: bool) -> list[Row]:
    rounds = 5 if quick else 15
    with compiled() as environment:
        pairs = [_pair(environment) for _ in range(rounds + 1)][1:]
        imported = _imported(environment)
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    bare, mock = (statistics.median(one) for one in zip(*pairs, strict=True))
    figures = f"{mock * 1000:.0f} against {bare * 1000:.0f} ms"
    return [Row("cold start against bare Starlette", f"{ratio:.2f}", "<= 1.6", figures), _imports(imported)]


def _pair(environment: dict[str, str]) -> tuple[float, float]:
    return _first_answer(EMPTY, environment), _first_answer(SERVE, environment)


def _first_answer(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    with server(command, environment) as running:
        get(running.port, "/_mock/health")
        return time.perf_counter() - began


def _imported(environment: dict[str, str]) -> dict[str, int]:
    """Microseconds that each top-level package took to import, until the first answer."""
    python, *rest = SERVE
    with tempfile.TemporaryFile() as told:
        with server([python, "-X", "importtime", *rest], environment, told) as running:
            get(running.port, "/_mock/health")
        told.seek(0)
        took: dict[str, int] = {}
        for micros, module in _IMPORTED.findall(told.read().decode()):
            package = module.partition(".")[0]
            took[package] = took.get(package, 0) + int(micros)
        return took


def _imports(took: dict[str, int]) -> Row:
    heavy = [name for name in UNWANTED if name in took]
    slowest = sorted(took, key=took.__getitem__, reverse=True)[:4]
    figures = "slowest imports: " + ", ".join(f"{name} {took[name] / 1000:.0f} ms" for name in slowest)
    return Row("heavy packages imported", ", ".join(heavy) or "none", "none", figures)
