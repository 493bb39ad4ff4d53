"""A SQLite log after a long life: how large the file is, and how soon a server started again on it answers."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

from msgspec import structs

from benchmarks.processes import SERVE, get, server
from benchmarks.table import Row
from mockserver.simulation.clock import Mode
from mockserver.simulation.command import Submit
from mockserver.web.api.identity import tenant_of
from mockserver.web.api.intake import Call
from mockserver.web.app import Application
from mockserver.web.options import Bounds, Options

_BODY = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "Let it snow",
    "video_urls": ["https://example.com/street.mp4"],
}
_KEPT = 100
"""Ended tasks that each key keeps; what is older is forgotten."""
_ROUND = 200


def measure(*, quick: bool) -> list[Row]:
    commands, keys = (50_000, 50) if quick else (5_000_000, 1_000)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_lived(Path(folder) / "past.db", "tasks have ended and been forgotten", commands, keys, 1)]
        live = commands // 5
        rows.append(_lived(Path(folder) / "live.db", "tasks are alive", live, keys, 1_000_000))
        return rows


def _lived(file: Path, what: str, commands: int, keys: int, task_seconds: int) -> Row:
    kept = _KEPT if task_seconds == 1 else 1_000_000
    took = asyncio.run(_live(file, commands, keys, task_seconds, kept))
    size = sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*"))
    began = time.perf_counter()
    with server([*SERVE[:-2], "--credits", "1000000000", "--clock", "manual", "--log", f"sqlite:{file}"]) as running:
        get(running.port, "/_mock/health")
        health = time.perf_counter() - began
        key = f"sk-of-a-long-life-{keys - 1:06}"
        get(running.port, f"/_mock/ledger?key={key}")
        answered = time.perf_counter() - began
    figures = f"{size / 2**20:,.0f} MiB; health after {health:.2f} s; {commands / took:,.0f} commands a second"
    return Row(
        f"a restart after {commands:,} submissions on {keys:,} keys whose {what}",
        f"{answered:.2f} s",
        "< 1 s",
        figures,
    )


async def _live(file: Path, commands: int, keys: int, task_seconds: int, kept: int) -> float:
    """Seconds that it took."""
    bounds = Bounds(tasks_per_tenant=kept, tenants_loaded=keys)
    options = Options(clock=Mode.MANUAL, credits=1e9, task_seconds=task_seconds, log=f"sqlite:{file}", bounds=bounds)
    application = Application(options)
    await application.start()
    node, began = application.node, time.perf_counter()
    names = [tenant_of(f"sk-of-a-long-life-{number:06}") for number in range(keys)]
    command = _command(application)
    for number in range(commands):
        if number % _ROUND == 0:
            node.clock.move_to(node.clock.now_ms() + 10)
            await asyncio.sleep(0)
        resident = await node.worlds.fetch(names[number // _ROUND % keys])
        node.execute(resident, structs.replace(command, at_ms=node.clock.now_ms()))
    await application.stop()
    return time.perf_counter() - began


def _command(application: Application) -> Submit:
    route = application.registry.route("POST", "/v1/videos/generations")
    if route is None:
        raise RuntimeError("submissions are not served")
    now_ms = application.node.clock.now_ms()
    visitor = application.node.worlds.visitor("nobody", now_ms)
    headers = {b"content-type": b"application/json"}
    return application.api.intake.order(Call(visitor, route, headers, json.dumps(_BODY).encode(), now_ms)).command
