"""`python -m benchmarks.subjects.crowd TASKS [--keys N]`: a server on a manual clock with so many tasks that all end
at one moment, of one key or in turn of several."""

import argparse
import asyncio
import json

from msgspec import structs

from mockserver.simulation.clock import Mode
from mockserver.web.api.identity import tenant_of
from mockserver.web.api.intake import Call
from mockserver.web.app import Application
from mockserver.web.listening import bind, url_of
from mockserver.web.options import Bounds, Options
from mockserver.web.server import Server

KEY = "sk-benchmark-crowd"
"""Whose tasks they are; of several keys, the first."""
_BODY = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "mock:queue_seconds=0 mock:seconds=1",
    "video_urls": ["https://example.com/street.mp4"],
}


def key(number: int) -> str:
    return f"{KEY}-{number}" if number else KEY


async def _fill(application: Application, tasks: int, keys: int) -> None:
    node = application.node
    route = application.registry.route("POST", "/v1/videos/generations")
    if route is None:
        raise RuntimeError("submissions are not served")
    headers = {b"content-type": b"application/json"}
    residents = [node.worlds.here(tenant_of(key(number))) for number in range(keys)]
    call = Call(residents[0], route, headers, json.dumps(_BODY).encode(), node.clock.now_ms())
    command = application.api.intake.order(call).command
    for number in range(tasks):
        node.execute(residents[number % keys], structs.replace(command, at_ms=node.clock.now_ms()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int)
    parser.add_argument("--keys", type=int, default=1)
    told = parser.parse_args()
    bounds = Bounds(tasks_per_tenant=told.tasks + 100_000, tenants=100_000, tenants_loaded=100_000)
    application = Application(Options(clock=Mode.MANUAL, credits=1e9, bounds=bounds))
    asyncio.run(_fill(application, told.tasks, told.keys))
    listener = bind("127.0.0.1", 0)
    Server(application, lambda: print(url_of(listener, "127.0.0.1"), flush=True)).run_on([listener])


if __name__ == "__main__":
    main()
