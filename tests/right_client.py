"""A client that is right in every way, as a library has it."""

import ssl
import time
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tests.house import CREATE, MINIMAL

SSL = ssl.create_default_context()
PASSING = (429, 500, 502, 503)


class Right:
    """A client as a library has it; each test breaks one of its ways."""

    interval_s = 3.0
    with_key = True

    def __call__(self, base_url: str, api_key: str) -> None:
        headers = {"authorization": f"Bearer {api_key}"}
        self.context = httpx.Client(base_url=base_url, headers=headers, timeout=5, verify=SSL)
        with self.context:
            task_id = self.submit()
            self.wait(task_id)

    def submit(self) -> str:
        headers = {"idempotency-key": uuid.uuid4().hex} if self.with_key else {}
        return str(self.call("POST", CREATE, json=MINIMAL, headers=headers)["id"])

    def wait(self, task_id: str) -> None:
        started = time.monotonic()
        while time.monotonic() < started + 600:
            time.sleep(self.interval_s)
            state = self.call("GET", f"/v1/tasks/{task_id}")["status"]
            if state == "completed":
                return
            if state in ("failed", "cancelled"):
                raise RuntimeError(f"the task has {state}")
        raise TimeoutError

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        for left in reversed(range(6)):
            try:
                response = self.context.request(method, path, **arguments)
                if response.status_code not in PASSING:
                    return response.raise_for_status().json()
                self.pause(response)
            except (httpx.TransportError, ValueError):
                time.sleep(self.interval_s)
            if not left:
                break
        raise RuntimeError("no answer")

    def pause(self, response: httpx.Response) -> None:
        time.sleep(told_to_wait(response))


def told_to_wait(response: httpx.Response) -> float:
    """The seconds of Retry-After, or until its date; 3 where nothing is told."""
    told = response.headers.get("retry-after", "3")
    return float(told) if told.isdigit() else max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
