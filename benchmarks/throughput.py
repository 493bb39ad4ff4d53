"""Requests a second of one worker on one core, against the bare application, in turn."""

import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import load
from benchmarks.processes import BARE, CONSTANT, KEY, SERVE, Server, cores, pinned, server
from benchmarks.table import Row

CREATE = "/v1/videos/generations"
BODY = json.dumps(
    {
        "model": "kling-o1-video-edit-fast",
        "prompt": "Let it snow over the whole street",
        "video_urls": ["https://example.com/street.mp4"],
    }
).encode()
_BUSY_S = 10
"""How long tasks come and end before anything is counted: what a user's server is like after a while."""


Asked = bytes | Sequence[bytes]
"""A request, or several in turn."""


class Round(NamedTuple):
    """One round on one server: requests a second, its own CPU time for each, the busy share of the generator."""

    rate: float
    cpu_us: float
    busy: float


def measure(*, quick: bool) -> list[Row]:
    """Tasks of 1 s end while others come, all the time."""
    rounds, requests = (7, 4_000) if quick else (25, 8_000)
    steady = [*SERVE, "--task-seconds", "1"]
    with (
        tempfile.TemporaryDirectory() as folder,
        server(BARE) as bare,
        server(CONSTANT) as constant,
        server(steady) as mock,
        server([*steady, "--log", f"sqlite:{folder}/log.db"]) as kept,
        pinned(cores()[1]),
    ):
        for one in (mock, kept):
            keep_busy(one, 2 if quick else _BUSY_S)
        post, get = load.post(CREATE, BODY, KEY), load.get(f"/v1/tasks/{submit(mock.port)['id']}", KEY)
        against = [
            ("POST against the bare route", ">= 1", post, (bare, mock)),
            ("GET of a task against the bare route", ">= 1.4", get, (bare, mock)),
            ("POST against a constant ASGI application", "", post, (constant, mock)),
            ("POST on SQLite against memory", ">= 0.85", post, (mock, kept)),
        ]
        return [compared(*one, rounds, requests) for one in against]


def keep_busy(target: Server, seconds: float) -> None:
    until = time.perf_counter() + seconds
    request = load.post(CREATE, BODY, KEY)
    while time.perf_counter() < until:
        load.run(target.port, request, 2_000)


def compared(
    what: str, wanted: str, request: bytes, servers: tuple[Server, Server], rounds: int, requests: int
) -> Row:
    """The rate of the second server against that of the first."""
    return row(what, wanted, paired(servers, (request, request), rounds, requests))


def row(what: str, wanted: str, pairs: list[tuple[Round, Round]]) -> Row:
    ratio = statistics.median(ours.rate / theirs.rate for theirs, ours in pairs)
    return Row(what, f"{ratio:.2f}", wanted, _figures(pairs))


def paired(
    servers: tuple[Server, Server], asked: tuple[Asked, Asked], rounds: int, requests: int
) -> list[tuple[Round, Round]]:
    """Rounds in turn, each order as often, so that a machine that slows down slows both."""
    for one, request in zip(servers, asked, strict=True):
        _round(one, request, requests // 2)
    pairs = []
    for number in range(rounds):
        turn, other = number % 2, 1 - number % 2
        first, second = (_round(servers[one], asked[one], requests) for one in (turn, other))
        pairs.append((second, first) if turn else (first, second))
    return pairs


def _figures(pairs: list[tuple[Round, Round]]) -> str:
    first, second = (Round(*map(statistics.median, zip(*rounds, strict=True))) for rounds in zip(*pairs, strict=True))
    busy = max(first.busy, second.busy)
    cpu = f"CPU {second.cpu_us:.0f} against {first.cpu_us:.0f} us each"
    return f"{second.rate:,.0f} against {first.rate:,.0f} a second; {cpu}; generator {busy:.0%} busy"


def _round(target: Server, request: Asked, requests: int) -> Round:
    before = target.cpu_s()
    done = load.run(target.port, request, requests)
    return Round(done.rate, (target.cpu_s() - before) / requests * 1e6, done.busy)


def submit(port: int) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{CREATE}",
        data=BODY,
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
