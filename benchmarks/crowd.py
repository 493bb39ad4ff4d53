"""`python -m benchmarks.crowd TASKS`: a server on a manual clock with so many tasks that all end at one moment."""

import argparse
import asyncio
import json

from msgspec import structs

from mockserver.simulation.clock import Mode
from mockserver.web.api.identity import tenant_of
from mockserver.web.api.intake import Call
from mockserver.web.app import Application
from mockserver.web.options import Bounds, Options
from mockserver.web.server import Server, bind, url_of

KEY = "sk-benchmark-crowd"
_BODY = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "mock:queue_seconds=0 mock:seconds=1",
    "video_urls": ["https://example.com/street.mp4"],
}


async def _fill(application: Application, tasks: int) -> None:
    node = application.node
    resident = node.worlds.here(tenant_of(KEY))
    route = application.registry.route("POST", "/v1/videos/generations")
    if route is None:
        raise RuntimeError("submissions are not served")
    headers = {b"content-type": b"application/json"}
    call = Call(resident, route, headers, json.dumps(_BODY).encode(), node.clock.now_ms())
    command = application.api.intake.order(call).command
    for _ in range(tasks):
        node.execute(resident, structs.replace(command, at_ms=node.clock.now_ms()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int)
    tasks = parser.parse_args().tasks
    bounds = Bounds(tasks_per_tenant=tasks + 1000)
    application = Application(Options(clock=Mode.MANUAL, credits=1e9, bounds=bounds))
    asyncio.run(_fill(application, tasks))
    listener = bind("127.0.0.1", 0)
    Server(application, lambda: print(url_of(listener, "127.0.0.1"), flush=True)).run_on(listener)


if __name__ == "__main__":
    main()
