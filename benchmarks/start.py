"""Cold start: from the start of the process to its first answer, against bare uvicorn and Starlette."""

import statistics
import time

from benchmarks.processes import BARE, SERVE, get, server
from benchmarks.table import Row


def measure(rounds: int) -> list[Row]:
    times = [(_first_answer([*BARE, "--empty"]), _first_answer(SERVE)) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(ours / theirs for theirs, ours in times)
    bare, mock = (statistics.median(one) for one in zip(*times, strict=True))
    figures = f"{mock * 1000:.0f} against {bare * 1000:.0f} ms"
    return [Row("cold start against bare Starlette", f"{ratio:.2f}", "<= 3", figures)]


def _first_answer(command: list[str]) -> float:
    began = time.perf_counter()
    with server(command) as port:
        get(port, "/_mock/health")
        return time.perf_counter() - began
