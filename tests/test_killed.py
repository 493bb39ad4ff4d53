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
from pathlib import Path
from typing import Any

import pytest

from mockserver.testing import CallbackReceiver
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


@contextlib.contextmanager
def loaded(server: Killed, receiver: CallbackReceiver, acknowledged: dict[str, str]) -> Iterator[None]:
    """While inside, every key submits one task after the other; what was answered is noted."""
    over = threading.Event()

    def submit(key: str) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException, ValueError):
                task = server.ask("POST", CREATE, key, {**MINIMAL, "callback_url": receiver.url})
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


def settled(server: Killed, acknowledged: dict[str, str]) -> None:
    """Every task has ended and every callback is at its end."""
    for _ in range(600):
        tasks = [server.ask("GET", f"/_mock/tasks?key={key}&limit=1000") for key in KEYS]
        callbacks = [server.ask("GET", f"/_mock/callbacks?key={key}&limit=1000") for key in KEYS]
        open_tasks = sum("ended_ms" not in task for one in tasks for task in one["tasks"])
        open_calls = sum(one["state"] in ("planned", "sending") for told in callbacks for one in told["callbacks"])
        if not open_tasks and not open_calls:
            return
        time.sleep(0.05)
    raise AssertionError(f"{open_tasks} tasks and {open_calls} callbacks of {len(acknowledged)} are open still")


def judge(server: Killed, receiver: CallbackReceiver, acknowledged: dict[str, str]) -> None:
    for task_id, key in acknowledged.items():
        assert server.ask("GET", f"/v1/tasks/{task_id}", key)["status"] == "completed"
    for key in KEYS:
        (account,) = server.ask("GET", f"/_mock/ledger?key={key}")["accounts"]
        user, total = account["user"], server.ask("GET", f"/_mock/tasks?key={key}")["total"]
        assert user["granted"] == user["available"] + user["reserved"] + user["charged"]
        assert (user["reserved"], user["charged"]) == (0, total * PRICE_UC)
        ends = Counter(one["task_id"] for one in account["transfers"] if one["kind"] == "posted")
        assert set(ends.values()) <= {1}
    told = {json.loads(request.body)["id"] for request in receiver.requests}
    assert acknowledged.keys() <= told


@pytest.mark.parametrize("rounds", [pytest.param(3), pytest.param(100, marks=pytest.mark.long)])
def test_a_killed_server_loses_nothing_that_it_answered(tmp_path: Path, rounds: int) -> None:
    server, drawn, acknowledged = Killed(tmp_path / "log.db"), random.Random(rounds), {}
    with CallbackReceiver() as receiver:
        try:
            for _ in itertools.repeat(None, rounds):
                server.start()
                with loaded(server, receiver, acknowledged):
                    time.sleep(drawn.uniform(0.05, 0.4))
                    server.kill()
            server.start()
            settled(server, acknowledged)
            judge(server, receiver, acknowledged)
        finally:
            server.kill()
    assert acknowledged
