"""A client of any model, right and with a mistake of each kind: by the documents, not by the judge."""

import ssl
import sys
import time
import uuid
from typing import Any, NamedTuple

import httpx

SSL = ssl.create_default_context()
PASSING = (429, 500, 502, 503)


class Api(NamedTuple):
    """Where a provider has what: dotted paths into its answers, and its words for a good end and for a bad one."""

    path: str
    body: dict[str, Any]
    query: str = "/v1/tasks/{}"
    id: str = "id"
    status: str = "status"
    results: str = "results"
    done: str = "completed"
    lost: tuple[str, ...] = ("failed", "cancelled")


class AnyClient:
    """Submits, waits, fetches; raises where there is no result. `with_key`: a repeat is marked as one."""

    with_key = True

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, base_url: str, api_key: str) -> None:
        headers = {"authorization": f"Bearer {api_key}"}
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=5, verify=SSL)
        with self.http:
            task = self.wait(self.submit())
        for link in _at(task, self.api.results):
            httpx.get(link, verify=SSL).raise_for_status()

    def submit(self) -> str:
        key = uuid.uuid4().hex
        answer = self.call("POST", self.api.path, json=self.body(), headers={"idempotency-key": key})
        return str(_at(answer, self.api.id)[0])

    def body(self) -> dict[str, Any]:
        return self.api.body

    def wait(self, task_id: str) -> dict[str, Any]:
        started = time.monotonic()
        while time.monotonic() < started + 900:
            time.sleep(3)
            task: dict[str, Any] = self.call("GET", self.api.query.format(task_id))
            status = _at(task, self.api.status)[0]
            if status in self.api.lost:
                self.lose(status)
            if status in (self.api.done, *self.api.lost):
                return task
        raise TimeoutError

    def lose(self, status: str) -> None:
        raise RuntimeError(f"the task has {status}")

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        for left in reversed(range(6)):
            try:
                response = self.http.request(method, path, **arguments)
                if response.status_code not in PASSING:
                    return response.raise_for_status().json()
                time.sleep(self.pause(response))
            except (httpx.TransportError, ValueError):
                if not left or (method == "POST" and not self.with_key):
                    raise
                time.sleep(3)
        raise TimeoutError

    def pause(self, response: httpx.Response) -> float:
        return float(response.headers.get("retry-after", 3))


class TakesFailureForDone(AnyClient):
    """Any end is a good end."""

    def lose(self, status: str) -> None:
        sys.exit(0)


class IgnoresRetryAfter(AnyClient):
    """Waits its own time, whatever it is told."""

    def pause(self, response: httpx.Response) -> float:
        return 0.5


class SaysANumber(AnyClient):
    """Submits a number where the document wants a text."""

    def body(self) -> dict[str, Any]:
        return {name: 5 if name in ("prompt", "text") else value for name, value in self.api.body.items()}


class WithoutKey(AnyClient):
    """Of an API without idempotency keys: what may have been taken is not sent again."""

    with_key = False


def _at(value: Any, path: str) -> list[Any]:
    """All that stands at a dotted path; an array on the way is gone through."""
    found = [value]
    for name in path.split("."):
        inner = [one.get(name) for one in found if isinstance(one, dict)]
        found = [item for one in inner for item in (one if isinstance(one, list) else [one])]
    return [one for one in found if one is not None]
