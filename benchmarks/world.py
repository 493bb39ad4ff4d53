"""`python -m benchmarks.world TASKS [--own]`: one world of so many pending tasks, filled and then asked for rounds.

Prints a line of JSON once it is full, and one for every line that it reads.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable

from msgspec import structs

from mockserver.runtime.clock import Mode
from mockserver.simulation.command import Submit
from mockserver.web.app import Application
from mockserver.web.intake import Call
from mockserver.web.options import Bounds, Options

_HEADERS = {b"authorization": b"Bearer sk-benchmark-0123456789", b"content-type": b"application/json"}
_CREATE, _MODEL = "/v1/videos/generations", "kling-o1-video-edit-fast"
_BATCH = 100
"""Submissions and queries of a round, and tasks that start and end in its advance."""
_SPARE = 100_000
_WINDOW_MS = 3_000


class Filled:
    """A node with tasks that stay pending for days, on a clock that moves only when told."""

    def __init__(self, tasks: int, *, own: bool) -> None:
        bounds = Bounds(tasks_per_tenant=tasks + _SPARE)
        options = Options(clock=Mode.MANUAL, credits=1e9, task_seconds=1_000_000, bounds=bounds)
        self.application = Application(options)
        self.node = self.application.node
        self.own = own
        self.count = 0
        self._plain, self._brief = self._command("Let it snow"), self._command("Let it snow mock:seconds=2")

    def fill(self, tasks: int) -> dict[str, float]:
        empty, longest, total = _peak(), 0.0, 0.0
        for _ in range(tasks):
            took = _timed(self._submission(self._plain))
            longest, total = max(longest, took), total + took
        return {"empty": empty, "peak": _peak(), "fill": total / tasks * 1e6, "longest": longest * 1e6}

    async def round(self) -> dict[str, float]:
        """Microseconds of each step. What is submitted here starts and ends in the advance."""
        submit = sum(_timed(self._submission(self._brief)) for _ in range(_BATCH)) / _BATCH
        path, now_ms = f"/v1/tasks/{next(iter(self.node.world.tasks))}", self.node.clock.now_ms()
        handle = self.application.api.handle
        read = sum(_timed(lambda: handle("GET", path, _HEADERS, b"", now_ms)) for _ in range(_BATCH)) / _BATCH
        began = time.perf_counter()
        _, fired = await self.node.advance(self.node.clock.now_ms() + _WINDOW_MS)
        advance = (time.perf_counter() - began) / fired
        return {"submit": submit * 1e6, "read": read * 1e6, "advance": advance * 1e6}

    def _submission(self, command: Submit) -> Callable[[], object]:
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
        return lambda: self.node.execute(one)

    def _command(self, prompt: str) -> Submit:
        """The submission that the web makes out of the minimal request."""
        body = {"model": _MODEL, "prompt": prompt, "video_urls": ["https://example.com/street.mp4"]}
        route = self.application.registry.route("POST", _CREATE)
        if route is None:
            raise RuntimeError(f"{_CREATE} is not served")
        call = Call("tenant", route, _HEADERS, json.dumps(body).encode(), self.node.clock.now_ms())
        return self.application.api.intake.order(call, self.node.world.playbook).command


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    filled = Filled(int(sys.argv[1]), own="--own" in sys.argv)
    with asyncio.Runner() as runner:
        print(json.dumps(filled.fill(int(sys.argv[1]))), flush=True)
        for _ in sys.stdin:
            print(json.dumps(runner.run(filled.round())), flush=True)


if __name__ == "__main__":
    main()
