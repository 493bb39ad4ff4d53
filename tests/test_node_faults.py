"""Three nodes behind a proxy, under load, through faults of every kind: nothing that was acknowledged is lost."""

import contextlib
import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.house import CREATE, MINIMAL
from tests.node_faults import auditor
from tests.node_faults.clients import Client, Done, exchange
from tests.node_faults.faults import FAULTS, Cluster
from tests.node_faults.proxy import Proxy
from tests.nodes import Node, RedisServer, needs_redis, wait_until

pytestmark = [needs_redis, pytest.mark.long]
BACK_S = 5.0
SEED = int(os.environ.get("FAULTS_SEED", "1"))
ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "200"))
CLIENTS = 5


class Hook:
    """A callback receiver that remembers, by key, which tasks it was told of."""

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = defaultdict(set)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.ids[self.path.strip("/")].add(body["id"])
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    redis = RedisServer(folder, None, "--maxmemory-policy", "noeviction")
    wires: list[Proxy] = []
    made: list[Node] = []
    try:
        redis.start()
        for number, name in enumerate("abc"):
            wires.append(Proxy(lambda: redis.port, number))
            node = Node(name, f"redis://127.0.0.1:{wires[-1].port}/0", "--profile", "observed")
            node.errors = folder / f"{name}.err"
            made.append(node.start(wait=False))
        for node in made:
            wait_until(f"{node.name} answers", node.answers)
        yield Cluster(redis, made, wires)
    finally:
        for node in made:
            node.kill()
        redis.kill()
        for wire in wires:
            wire.close()


def back_s(places: list[str], keys: list[str]) -> float:
    """Seconds until every key is served at every place."""
    began = time.monotonic()

    def served(place: str) -> None:
        for key in keys:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            while exchange(place, "POST", CREATE, headers, {**MINIMAL, "prompt": "mock:seconds=0"})[0] != 200:
                assert time.monotonic() - began < 12 * BACK_S, f"{place} does not serve {key}"
                time.sleep(0.02)

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(served, places))
    return time.monotonic() - began


def test_nothing_acknowledged_is_lost_or_doubled_whatever_happens(tmp_path: Path) -> None:
    drawn, hook, lasted = random.Random(SEED), Hook(), Counter[str]()
    probes = [f"sk-of-a-probe-{number}" for number in range(6)]
    history: list[Done] = []
    late: list[str] = []
    with cluster(tmp_path) as one:
        places = [node.url for node in one.nodes]
        clients = [Client(number, lambda: places, hook.url, SEED) for number in range(CLIENTS)]
        try:
            for number in range(ROUNDS):
                time.sleep(drawn.uniform(0.1, 0.4))
                calm = back_s(places, probes)  # what asking takes on this machine when nothing is wrong
                fault = FAULTS[number % len(FAULTS)]
                fault(one, drawn)
                took = back_s(places, probes) - calm
                lasted[fault.__name__] = max(lasted[fault.__name__], round(took * 1000))
                if took >= BACK_S:
                    late.append(f"round {number}, {fault.__name__}: {took:.1f} s until all was well")
        finally:
            for client in clients:
                client.stop()
                history += client.history
        keep(history, tmp_path / "history.jsonl")
        settle(history, hook)
        found = auditor.broken(history, hook.ids, asking(places))
    hook.close()
    told = Counter(f"{done.kind} {done.status}" for done in history)
    print(json.dumps({"rounds": ROUNDS, "seed": SEED, "told": told, "back_ms": lasted, "late": late}, indent=1))  # noqa: T201
    assert not found, "\n".join(found[:50])
    assert not late, "\n".join(late)


def settle(history: list[Done], hook: Hook) -> None:
    """Every acknowledged task has been told of, or a minute has passed."""
    acknowledged = {done.task for done in history if done.kind.endswith("submit") and done.task}
    until = time.monotonic() + 60
    while acknowledged - set().union(*hook.ids.values()) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1)


def asking(places: list[str]) -> auditor.Ask:
    drawn = random.Random(SEED)

    def ask(method: str, path: str, key: str) -> tuple[int, Any]:
        for _ in range(100):
            status, told = exchange(drawn.choice(places), method, path, {"authorization": f"Bearer {key}"})
            if status not in (None, 503):
                return status, told
            time.sleep(0.1)
        raise AssertionError(f"{path} is not answered")

    return ask


def keep(history: list[Done], file: Path) -> None:
    file.write_text("".join(json.dumps(done._asdict()) + "\n" for done in history))
