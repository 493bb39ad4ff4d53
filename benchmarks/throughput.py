"""Requests a second of one worker on one core, against the bare application, in turn."""

import json
import statistics
import urllib.request
from typing import Any, NamedTuple

from benchmarks import load
from benchmarks.processes import BARE, KEY, SERVE, Server, cores, pinned, server
from benchmarks.table import Row

CREATE = "/v1/videos/generations"
BODY = json.dumps(
    {
        "model": "kling-o1-video-edit-fast",
        "prompt": "Let it snow over the whole street",
        "video_urls": ["https://example.com/street.mp4"],
    }
).encode()
WANTED = {"POST": ">= 0.75", "GET": ">= 0.9"}


class Round(NamedTuple):
    """One round on one server: requests a second, its own CPU time for each, the busy share of the generator."""

    rate: float
    cpu_us: float
    busy: float


def measure(*, quick: bool) -> list[Row]:
    rounds, requests = (7, 4_000) if quick else (25, 8_000)
    with server(BARE) as bare, server([*SERVE, "--task-seconds", "100000"]) as mock, pinned(cores()[1]):
        task_id = _submit(mock.port)["id"]
        sent = {"POST": load.post(CREATE, BODY, KEY), "GET": load.get(f"/v1/tasks/{task_id}", KEY)}
        return [_compared(method, request, (bare, mock), rounds, requests) for method, request in sent.items()]


def _compared(method: str, request: bytes, servers: tuple[Server, Server], rounds: int, requests: int) -> Row:
    """Rounds in turn, each order as often, so that a machine that slows down slows both."""
    for one in servers:
        _round(one, request, requests // 2)
    pairs = []
    for number in range(rounds):
        first = _round(servers[number % 2], request, requests)
        second = _round(servers[1 - number % 2], request, requests)
        pairs.append((second, first) if number % 2 else (first, second))
    ratio = statistics.median(ours.rate / theirs.rate for theirs, ours in pairs)
    return Row(f"{method} against bare Starlette", f"{ratio:.2f}", WANTED[method], _figures(pairs))


def _figures(pairs: list[tuple[Round, Round]]) -> str:
    bare, mock = (Round(*map(statistics.median, zip(*rounds, strict=True))) for rounds in zip(*pairs, strict=True))
    busy = max(bare.busy, mock.busy)
    cpu = f"CPU {mock.cpu_us:.0f} against {bare.cpu_us:.0f} us each"
    return f"{mock.rate:,.0f} against {bare.rate:,.0f} a second; {cpu}; generator {busy:.0%} busy"


def _round(target: Server, request: bytes, requests: int) -> Round:
    before = target.cpu_s()
    done = load.run(target.port, request, requests)
    return Round(done.rate, (target.cpu_s() - before) / requests * 1e6, done.busy)


def _submit(port: int) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{CREATE}",
        data=BODY,
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
