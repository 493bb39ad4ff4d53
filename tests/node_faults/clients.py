"""Clients that submit and read all the time, anywhere, and write down each thing that they did and were told."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.house import CREATE, MINIMAL

_PATIENCE_S = 8
_PAUSE_S = 0.01
"""Between two operations of a client: the nodes are to be busy, the machine not overwhelmed."""


class Done(NamedTuple):
    """One operation: when it began and was over (monotonic seconds), and what was answered (status None: nothing).

    `kind` is submit, resubmit, task or credits; `about` the idempotency key, or the id of the task that was read.
    """

    kind: str
    key: str
    about: str
    began: float
    over: float
    status: int | None
    task: str | None
    state: str | None


class Client:
    """One thread; its keys are its own, so what it sees of them must be in its order."""

    def __init__(self, number: int, places: Callable[[], list[str]], hook: str, seed: int) -> None:
        self.keys = [f"sk-of-client-{number}-{index}" for index in range(3)]
        self.history: list[Done] = []
        self._places, self._hook, self._drawn = places, hook, random.Random(f"{seed} {number}")
        self._count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.is_set():
            key, chance = self._drawn.choice(self.keys), self._drawn.random()
            known = [one.task for one in self.history[-60:] if one.task and one.key == key]
            if chance < 0.5 or not known:
                self._submit(key)
            elif chance < 0.9:
                self._read(key, self._drawn.choice(known))
            else:
                self._credits(key)

    def _submit(self, key: str) -> None:
        """With an idempotency key, and once more where the outcome is not known: there must be one task at most."""
        self._count += 1
        about = f"{key}-{self._count:06}" if self._drawn.random() < 0.5 else ""
        body = {**MINIMAL, "callback_url": f"{self._hook}/{key}"}
        done = self._do("submit", key, about, "POST", CREATE, body)
        if about and done.status != 200 and self._drawn.random() < 0.7:
            self._do("resubmit", key, about, "POST", CREATE, body)

    def _read(self, key: str, task: str) -> None:
        self._do("task", key, task, "GET", f"/v1/tasks/{task}")

    def _credits(self, key: str) -> None:
        self._do("credits", key, "", "GET", "/v1/credits")

    def _do(self, kind: str, key: str, about: str, method: str, path: str, body: Any = None) -> Done:
        place = self._drawn.choice(self._places())
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        if kind.endswith("submit") and about:
            headers["idempotency-key"] = about
        began = time.monotonic()
        status, told = exchange(place, method, path, headers, body)
        task = told.get("id") if status == 200 and isinstance(told, dict) else None
        state = told.get("status") if status == 200 and isinstance(told, dict) else None
        done = Done(kind, key, about, began, time.monotonic(), status, task, state)
        self.history.append(done)
        time.sleep(_PAUSE_S if status == 200 else 5 * _PAUSE_S)
        return done


def exchange(place: str, method: str, path: str, headers: dict[str, str], body: Any = None) -> tuple[int | None, Any]:
    """(status, what was answered); (None, None) where nothing was, or half of it."""
    connection = http.client.HTTPConnection(urlsplit(place).netloc, timeout=_PATIENCE_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None, None
    finally:
        connection.close()
