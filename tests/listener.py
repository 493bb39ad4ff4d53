"""A reader of a stream of the server, through ASGI: httpx would wait for its end."""

import asyncio
import json
from typing import Any

import httpx

from tests.house import Mock


class Listener:
    """Reads a stream of the server, through ASGI, while it is open as a context."""

    def __init__(self, mock: Mock, path: str) -> None:
        self.chunks: list[bytes] = []
        self.status = 0
        self._mock = mock
        self._leave = asyncio.Event()
        self._came = asyncio.Event()
        self._asked = False
        url = httpx.URL(path)
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": url.path,
            "raw_path": url.raw_path,
            "query_string": url.query,
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:8787")],
        }

    def __enter__(self) -> "Listener":
        self._task = self._mock.loop.create_task(self._mock.app(self._scope, self._receive, self._send))
        self._mock.run(asyncio.wait_for(self._came.wait(), 8))
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._mock.run(self._task)

    def events(self, count: int) -> list[dict[str, Any]]:
        """The first events, as soon as there are so many."""
        while len(self._events()) < count:
            self._came.clear()
            self._mock.run(asyncio.wait_for(self._came.wait(), 8))
        return self._events()

    def _events(self) -> list[dict[str, Any]]:
        """What came so far, without the comments."""
        blocks = b"".join(self.chunks).decode().strip("\n").split("\n\n")
        return [json.loads(block.partition("\ndata: ")[2]) for block in blocks if block.startswith("event: ")]

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b""}
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, sent: Any) -> None:
        if sent["type"] == "http.response.start":
            self.status = sent["status"]
            self.headers = dict(sent["headers"])
        elif sent.get("body"):
            self.chunks.append(sent["body"])
            self._came.set()
