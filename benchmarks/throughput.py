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
        return [
            compared(f"{method} against bare Starlette", WANTED[method], request, (bare, mock), rounds, requests)
            for method, request in sent.items()
        ]


def compared(
    what: str, wanted: str, request: bytes, servers: tuple[Server, Server], rounds: int, requests: int
) -> Row:
    """The rate of the second server against that of the first.

    Rounds in turn, each order as often, so that a machine that slows down slows both.
    """
    for one in servers:
        _round(one, request, requests // 2)
    pairs = []
    for number in range(rounds):
        first = _round(servers[number % 2], request, requests)
        second = _round(servers[1 - number % 2], request, requests)
        pairs.append((second, first) if number % 2 else (first, second))
    ratio = statistics.median(ours.rate / theirs.rate for theirs, ours in pairs)
    return Row(what, f"{ratio:.2f}", wanted, _figures(pairs))


def _figures(pairs: list[tuple[Round, Round]]) -> str:
    first, second = (Round(*map(statistics.median, zip(*rounds, strict=True))) for rounds in zip(*pairs, strict=True))
    busy = max(first.busy, second.busy)
    cpu = f"CPU {second.cpu_us:.0f} against {first.cpu_us:.0f} us each"
    return f"{second.rate:,.0f} against {first.rate:,.0f} a second; {cpu}; generator {busy:.0%} busy"


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
