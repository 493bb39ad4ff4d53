"""Correct: Python, asyncio and httpx."""

import asyncio
import os
import sys
import time
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

BASE, KEY = os.environ["EVOLINK_BASE_URL"], os.environ["EVOLINK_API_KEY"]
POLL_S = float(os.environ.get("POLL_SECONDS", "3"))
PASSING = (429, 500, 502, 503)
BODY = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "Make it snow",
    "video_urls": ["https://example.com/street.mp4"],
}


class GivenUpError(Exception):
    """There will be no result."""


class Client:
    tries = 5

    async def run(self) -> None:
        authorization = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=BASE, headers=authorization, timeout=3) as self.api:
            task = await self.wait(await self.submit())
        async with httpx.AsyncClient(timeout=3) as anybody:
            for link in task["results"]:
                (await anybody.get(link)).raise_for_status()

    async def submit(self) -> str:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return str((await self.call("POST", "/v1/videos/generations", json=BODY, headers=headers))["id"])

    async def wait(self, task_id: str) -> dict[str, Any]:
        async with asyncio.timeout(900):
            while True:
                await asyncio.sleep(POLL_S)
                task = await self.call("GET", f"/v1/tasks/{task_id}")
                if task["status"] == "completed":
                    return dict(task)
                if task["status"] not in ("pending", "processing"):
                    raise GivenUpError(f"the task has {task['status']}: {task.get('error')}")

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer as JSON; trouble that may pass is waited for."""
        for left in reversed(range(self.tries)):
            try:
                response = await self.api.request(method, path, **arguments)
                if response.status_code not in PASSING:
                    response.raise_for_status()
                    return response.json()
                pause_s, trouble = told_to_wait(response.headers.get("retry-after")), str(response)
            except httpx.HTTPStatusError as error:
                raise GivenUpError(error.response.text[:300]) from error
            except (httpx.TransportError, ValueError) as error:
                pause_s, trouble = POLL_S, repr(error)
            if left:
                await asyncio.sleep(pause_s)
        raise GivenUpError(trouble)


def told_to_wait(retry_after: str | None) -> float:
    if retry_after is None:
        return POLL_S
    if retry_after.isdigit():
        return float(retry_after)
    return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())


def main(client: Client) -> None:
    try:
        asyncio.run(client.run())
    except (GivenUpError, httpx.HTTPError, TimeoutError) as error:
        sys.exit(f"failed: {error}")


if __name__ == "__main__":
    main(Client())
