"""A thousand tasks against a million: memory, and what a submission, a read and an advance cost."""

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time

from benchmarks.processes import ROOT
from benchmarks.table import Row
from mockserver.runtime.clock import Mode
from mockserver.simulation.command import Submit
from mockserver.web.app import Application
from mockserver.web.intake import Call
from mockserver.web.options import Bounds, Options

GIB = 1024**3
_HEADERS = {b"authorization": b"Bearer sk-benchmark-0123456789", b"content-type": b"application/json"}
_WINDOW = 1_000
"""Submissions of a measured batch, and tasks that start in a measured advance."""


def measure(tasks: int) -> list[Row]:
    """Each size in a process of its own, so that neither sees the other's memory."""
    small, large = (_run(size) for size in (1_000, tasks))
    count = f"{tasks:,} tasks"
    rows = [
        Row(
            f"memory of {count}",
            f"{large['peak'] / GIB:.2f} GiB",
            "< 1 GiB",
            f"{large['peak'] / tasks:,.0f} bytes a task",
        )
    ]
    for what, name in (("submission", "submit"), ("query", "read"), ("advance", "advance")):
        ratio = large[name] / small[name]
        figures = f"{large[name]:.1f} against {small[name]:.1f} microseconds each"
        rows.append(Row(f"{what} at {count} against 1,000", f"{ratio:.2f}", "about 1", figures))
    return rows


def _run(tasks: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", str(tasks)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


async def _measured(tasks: int) -> dict[str, float]:
    bounds = Bounds(tasks_per_tenant=2_000_000)
    application = Application(Options(clock=Mode.MANUAL, credits=1e9, task_seconds=1_000_000, bounds=bounds))
    node = application.node
    node.start()
    command = _command(application)
    for _ in range(tasks - 1):
        node.execute(command)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    submit = _best(lambda: node.execute(command), _WINDOW)
    task_id = next(iter(node.world.tasks))
    path = f"/v1/tasks/{task_id}"
    now_ms = node.clock.now_ms()
    read = _best(lambda: application.api.handle("GET", path, _HEADERS, b"", now_ms), _WINDOW)
    return {"peak": peak, "submit": submit, "read": read, "advance": await _advance(application)}


async def _advance(application: Application) -> float:
    """Microseconds for each task that starts while the clock moves over the next thousand of them."""
    node = application.node
    for index in range(_WINDOW):
        node.execute(_command(application, task_seconds=1 + index / _WINDOW))
    began = time.perf_counter()
    _, count = await node.advance(node.clock.now_ms() + 3_000)
    return (time.perf_counter() - began) / max(1, count) * 1e6


def _command(application: Application, task_seconds: float | None = None) -> Submit:
    """A submission as the web makes it out of the minimal request."""
    example = dict(next(iter(application.registry.of_model("kling-o1-video-edit-fast").examples.values())))
    if task_seconds is not None:
        example["prompt"] = f"mock:seconds={task_seconds:.3f}"
    route = application.registry.route("POST", "/v1/videos/generations")
    call = Call("tenant", route, _HEADERS, json.dumps(example).encode(), application.node.clock.now_ms())
    return application.api.intake.order(call, application.node.world.playbook).command


def _best(action: object, times: int) -> float:
    """Median microseconds of an action over a few batches."""
    return statistics.median(_batch(action, times) for _ in range(7))


def _batch(action: object, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times * 1e6


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(int(sys.argv[1])))))
