"""`python -m benchmarks.subjects.world TASKS [--own] [--keys N] [--log PATH]`: so many pending tasks, filled and
then asked for rounds; with a log that has them already, loaded from there.

Prints a line of JSON once it is full, and one for every line that it reads.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable

from msgspec import structs

from mockserver.runtime.resident import Resident
from mockserver.runtime.timekeeper import Timekeeper
from mockserver.simulation.clock import Mode
from mockserver.simulation.command import Submit
from mockserver.web.api.identity import tenant_of
from mockserver.web.api.intake import Call
from mockserver.web.app import Application
from mockserver.web.options import Bounds, Options

_KEY = "sk-benchmark-0123456789"
_HEADERS = {b"authorization": f"Bearer {_KEY}".encode(), b"content-type": b"application/json"}
_CREATE, _MODEL = "/v1/videos/generations", "kling-o1-video-edit-fast"
_BATCH = 100
"""Submissions and queries of a round, and tasks that start and end in its advance."""
_SPARE = 100_000
_WINDOW_MS = 3_000
_COMMIT_EVERY = 100


class Filled:
    """A node with tasks that stay pending for days, on a clock that moves only when told."""

    def __init__(self, told: argparse.Namespace) -> None:
        bounds = Bounds(tasks_per_tenant=told.tasks + _SPARE, tenants=100_000, tenants_loaded=100_000)
        log = f"sqlite:{told.log}" if told.log else "memory"
        options = Options(clock=Mode.MANUAL, credits=1e9, task_seconds=1_000_000, bounds=bounds, log=log)
        self.application = Application(options)
        self.node = self.application.node
        self.own = told.own
        self.names = [tenant_of(f"{_KEY}-{number}") for number in range(told.keys - 1)] + [tenant_of(_KEY)]
        self.count = 0
        self._plain, self._brief = self._command("Let it snow"), self._command("Let it snow mock:seconds=2")

    async def fill(self, tasks: int) -> dict[str, float]:
        """Load what the log has; where it has nothing, submit."""
        empty, longest, total = _peak(), 0.0, 0.0
        await self.application.start()
        began = time.perf_counter()
        there = [bool((await self.node.worlds.fetch(name)).world.tasks) for name in self.names]
        loaded = time.perf_counter() - began
        for number in range(0 if there[0] else tasks):
            resident = await self.node.worlds.fetch(self.names[number % len(self.names)])
            resident.touched = time.monotonic()  # as a request does
            took = _timed(self._submission(resident, self._plain))
            longest, total = max(longest, took), total + took
            if number % _COMMIT_EVERY == 0:
                await asyncio.sleep(0)
        await self.node.round.closed()
        fill = total / tasks * 1e6
        return {"empty": empty, "peak": _peak(), "fill": fill, "longest": longest * 1e6, "loaded": loaded}

    async def round(self) -> dict[str, float]:
        """Microseconds of each step. What is submitted here starts and ends in the advance."""
        resident = await self.node.worlds.fetch(self.names[-1])
        submit = sum(_timed(self._submission(resident, self._brief)) for _ in range(_BATCH)) / _BATCH
        path, now = f"/v1/tasks/{next(iter(resident.world.tasks))}", self.node.clock.ticks()
        handle = self.application.api.handle
        read = sum(_timed(lambda: handle("GET", path, b"", _HEADERS, b"", now)) for _ in range(_BATCH)) / _BATCH
        began = time.perf_counter()
        advanced = await Timekeeper(self.node).advance(None, self.node.clock.now_ms() + _WINDOW_MS)
        advance = (time.perf_counter() - began) / advanced.total
        return {"submit": submit * 1e6, "read": read * 1e6, "advance": advance * 1e6}

    def _submission(self, resident: Resident, command: Submit) -> Callable[[], object]:
        """The next of these submissions, each with a time of its own, and with `own` whatever else can be its own."""
        self.count += 1
        if self.count % 10 == 0:
            self.node.clock.move_to(self.node.clock.now_ms() + 1)
        key, url = (f"{self.count:032x}", f"https://example.com/done/{self.count:032x}") if self.own else (None, None)
        one = structs.replace(
            command,
            at_ms=self.node.clock.now_ms(),
            callback_url=url,
            idempotency_key=key,
            fingerprint=key,
            idempotency_window_ms=86_400_000 if key else 0,
        )
        return lambda: self.node.execute(resident, one)

    def _command(self, prompt: str) -> Submit:
        """The submission that the web makes out of the minimal request."""
        body = {"model": _MODEL, "prompt": prompt, "video_urls": ["https://example.com/street.mp4"]}
        route = self.application.registry.route("POST", _CREATE)
        if route is None:
            raise RuntimeError(f"{_CREATE} is not served")
        visitor = self.node.worlds.visitor("nobody", self.node.clock.now_ms())
        call = Call(visitor, route, _HEADERS, json.dumps(body).encode(), self.node.clock.now_ms())
        return self.application.api.intake.order(call).command


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int)
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--keys", type=int, default=1)
    parser.add_argument("--log")
    told = parser.parse_args()
    filled = Filled(told)
    with asyncio.Runner() as runner:
        print(json.dumps(runner.run(filled.fill(told.tasks))), flush=True)
        for _ in sys.stdin:
            print(json.dumps(runner.run(filled.round())), flush=True)
        runner.run(filled.application.stop())


if __name__ == "__main__":
    main()
