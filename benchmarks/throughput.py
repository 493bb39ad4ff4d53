"""Requests a second of one worker on one core, against the bare route, in turn."""

import asyncio
import json
import statistics
import urllib.request
from typing import Any

from benchmarks import load
from benchmarks.processes import BARE, KEY, SERVE, pin_load, server
from benchmarks.table import Row

CREATE = "/v1/videos/generations"
BODY = json.dumps(
    {
        "model": "kling-o1-video-edit-fast",
        "prompt": "Let it snow over the whole street",
        "video_urls": ["https://example.com/street.mp4"],
    }
).encode()


def measure(rounds: int, requests: int) -> list[Row]:
    with server(BARE) as bare, server([*SERVE, "--task-seconds", "100000"]) as mock:
        pin_load()
        task_id = _submit(mock)["id"]
        requests_of = {"POST": load.post(CREATE, BODY, KEY), "GET": load.get(f"/v1/tasks/{task_id}", KEY)}
        return [
            asyncio.run(_compared(kind, request, bare, mock, rounds, requests))
            for kind, request in requests_of.items()
        ]


async def _compared(kind: str, request: bytes, bare: int, mock: int, rounds: int, requests: int) -> Row:
    """Medians of rounds in turn, so that a machine that slows down slows both."""
    await load.rate(bare, request, requests // 4)
    await load.rate(mock, request, requests // 4)
    rates = [
        (await load.rate(bare, request, requests), await load.rate(mock, request, requests)) for _ in range(rounds)
    ]
    ratio = statistics.median(ours / theirs for theirs, ours in rates)
    bare_rate, mock_rate = (statistics.median(one) for one in zip(*rates, strict=True))
    figures = f"{mock_rate:,.0f} against {bare_rate:,.0f} requests a second"
    return Row(f"{kind} against bare Starlette", f"{ratio:.2f}", {"POST": ">= 0.75", "GET": ">= 0.9"}[kind], figures)


def _submit(port: int) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{CREATE}",
        data=BODY,
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
