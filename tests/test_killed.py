"""A server on a SQLite file, killed under load again and again: what it answered is kept, and money is right."""

import contextlib
import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.house import CREATE, MINIMAL

KEYS = [f"sk-of-a-killed-server-{number}" for number in range(4)]
PRICE_UC = 70_000


class Killed:
    """A server that can be killed and started again on the same log."""

    def __init__(self, log: Path) -> None:
        self._command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--task-seconds", "0.2"]
        self._command += ["--allow-local-callbacks", "--log", f"sqlite:{log}"]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        assert line.startswith("EvoLink mock on "), line
        self.url = line.split()[3]

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    def ask(self, method: str, path: str, key: str = "", body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


class Told:
    """A callback receiver that remembers every task that it was told of, however many."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                told.ids.add(json.loads(body)["id"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/done"

    def __enter__(self) -> "Told":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def loaded(server: Killed, told: "Told", acknowledged: dict[str, str]) -> Iterator[None]:
    """While inside, every key submits one task after the other; what was answered is noted."""
    over = threading.Event()

    def submit(key: str) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException, ValueError):
                task = server.ask("POST", CREATE, key, {**MINIMAL, "callback_url": told.url})
                acknowledged[task["id"]] = key

    threads = [threading.Thread(target=submit, args=[key]) for key in KEYS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def settled(told: "Told", acknowledged: dict[str, str]) -> None:
    """Every task that was answered has been told of."""
    for _ in range(1200):
        if acknowledged.keys() <= told.ids:
            return
        time.sleep(0.05)
    raise AssertionError(f"{len(acknowledged.keys() - told.ids)} of {len(acknowledged)} tasks were never told of")


def judge(server: Killed, acknowledged: dict[str, str]) -> None:
    for task_id, key in acknowledged.items():
        assert server.ask("GET", f"/v1/tasks/{task_id}", key)["status"] == "completed"
    for key in KEYS:
        (account,) = server.ask("GET", f"/_mock/ledger?key={key}")["accounts"]
        user, total = account["user"], server.ask("GET", f"/_mock/tasks?key={key}&state=completed")["total"]
        assert user["granted"] == user["available"] + user["reserved"] + user["charged"]
        assert user["charged"] == total * PRICE_UC
        ends = Counter(one["task_id"] for one in account["transfers"] if one["kind"] == "posted")
        assert set(ends.values()) <= {1}


@pytest.mark.parametrize("rounds", [pytest.param(3), pytest.param(100, marks=pytest.mark.long)])
def test_a_killed_server_loses_nothing_that_it_answered(tmp_path: Path, rounds: int) -> None:
    server, drawn, acknowledged = Killed(tmp_path / "log.db"), random.Random(rounds), {}
    with Told() as told:
        try:
            for _ in itertools.repeat(None, rounds):
                server.start()
                with loaded(server, told, acknowledged):
                    time.sleep(drawn.uniform(0.05, 0.4))
                    server.kill()
            server.start()
            settled(told, acknowledged)
            judge(server, acknowledged)
        finally:
            server.kill()
    assert acknowledged
