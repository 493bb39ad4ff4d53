"""Correct: Python, standard library, one thread. The others of this language differ from it in one mistake each."""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

BASE, KEY = os.environ["EVOLINK_BASE_URL"], os.environ["EVOLINK_API_KEY"]
POLL_S = float(os.environ.get("POLL_SECONDS", "3"))
PASSING = (429, 500, 502, 503)


class GivenUpError(Exception):
    """There will be no result."""


class Client:
    timeout_s: float | None = 3.0
    tries = 5
    body: dict[str, Any] = {
        "model": "kling-o1-video-edit-fast",
        "prompt": "Make it snow",
        "video_urls": ["https://example.com/street.mp4"],
    }

    def run(self) -> None:
        self.fetch(self.wait(self.submit()))

    def submit(self) -> str:
        answer = self.call("POST", "/v1/videos/generations", self.body, {"Idempotency-Key": uuid.uuid4().hex})
        return str(answer["id"])

    def wait(self, task_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            self.pause(POLL_S)
            task = self.call("GET", f"/v1/tasks/{task_id}")
            if self.is_done(task):
                return task
        raise GivenUpError("it takes too long")

    def is_done(self, task: dict[str, Any]) -> bool:
        if task["status"] not in ("pending", "processing", "completed"):
            raise GivenUpError(f"the task has {task['status']}: {task.get('error')}")
        return bool(task["status"] == "completed")

    def fetch(self, task: dict[str, Any]) -> None:
        for link in task["results"]:
            with urllib.request.urlopen(link, timeout=self.timeout_s) as result:
                result.read()

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The answer as JSON; trouble that may pass is waited for."""
        for left in reversed(range(self.tries)):
            try:
                return self.send(method, path, body, headers or {})
            except urllib.error.HTTPError as error:
                if not left or error.code not in PASSING:
                    raise GivenUpError(f"{error.code}: {error.read()[:300]!r}") from error
                self.pause(self.told_to_wait(error.headers["Retry-After"]))
            except (OSError, ValueError, http.client.HTTPException) as error:
                if not left:
                    raise GivenUpError(str(error)) from error
                self.pause(POLL_S)
        raise AssertionError("the last try gives up")

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        request.add_unredirected_header("Authorization", f"Bearer {KEY}")
        with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
            return json.loads(response.read())

    def told_to_wait(self, retry_after: str | None) -> float:
        if retry_after is None:
            return POLL_S
        if retry_after.isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


def main(client: Client) -> None:
    try:
        client.run()
    except (GivenUpError, OSError) as error:
        sys.exit(f"failed: {error}")


if __name__ == "__main__":
    main(Client())
