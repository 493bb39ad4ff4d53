"""A whole mock in process: real requests through ASGI, a clock that the test moves, no socket and no thread."""

import asyncio
from typing import Any

import httpx

from mockserver.simulation import snapshot
from mockserver.simulation.world import World
from mockserver.web.api.identity import tenant_of
from mockserver.web.app import Application
from mockserver.web.options import Options

KEY = "sk-test-0123456789"
OTHER_KEY = "sk-other-9876543210"
START_MS = 1_757_169_743_000
"""Where a manual clock starts: `created` of the documented example."""
MODEL = "kling-o1-video-edit-fast"
CREATE = "/v1/videos/generations"
MINIMAL: dict[str, Any] = {
    "model": MODEL,
    "prompt": "Make it snow",
    "video_urls": ["https://example.com/street.mp4"],
}


class Mock:
    """An application and a client of it, both on one event loop that runs only while a test asks something."""

    def __init__(self, options: Options) -> None:
        self.app = Application(options)
        self.loop = asyncio.new_event_loop()
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True),  # type: ignore[arg-type]
            base_url="http://127.0.0.1:8787",
        )
        self.run(self.app.start())

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def close(self) -> None:
        self.run(self.http.aclose())
        self.run(self.app.stop())
        self.loop.close()

    def request(self, method: str, path: str, *, key: str | None = KEY, **arguments: Any) -> httpx.Response:
        headers = dict(arguments.pop("headers", {}))
        if key is not None:
            headers.setdefault("authorization", f"Bearer {key}")
        return self.run(self.http.request(method, path, headers=headers, **arguments))

    def later(self, method: str, path: str, *, key: str = KEY, **arguments: Any) -> Any:
        """A request that goes on while the test asks other things; `run` waits for its answer."""
        headers = {"authorization": f"Bearer {key}"}
        return self.loop.create_task(self.http.request(method, path, headers=headers, **arguments))

    def world(self, key: str = KEY) -> World:
        """A key's world, as it stands."""
        return self.app.node.worlds.here(tenant_of(key)).world

    def state(self) -> list[bytes]:
        """All worlds, to the byte."""
        return [line for one in self.app.node.worlds.residents for line in snapshot.dump(one.world)]

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, json: Any = None, **arguments: Any) -> httpx.Response:
        if json is not None:
            arguments["json"] = json
        return self.request("POST", path, **arguments)

    def put(self, path: str, json: Any, **arguments: Any) -> httpx.Response:
        return self.request("PUT", path, json=json, **arguments)

    def submit(self, *, key: str = KEY, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """POST the minimal request with these fields over it; None leaves a field out."""
        body = {name: value for name, value in {**MINIMAL, **fields}.items() if value is not None}
        return self.post(CREATE, body, key=key, headers=headers or {})

    def task_id(self, **fields: Any) -> str:
        """Submit, and the id of the task."""
        response = self.submit(**fields)
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    def task(self, task_id: str, *, key: str = KEY) -> dict[str, Any]:
        response = self.get(f"/v1/tasks/{task_id}", key=key)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def advance(self, seconds: float) -> dict[str, Any]:
        response = self.post("/_mock/clock/advance", {"ms": round(seconds * 1000)})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def account(self, key: str = KEY, **changes: Any) -> dict[str, Any]:
        response = self.put(f"/_mock/accounts/{key}", changes)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def book(self, key: str = KEY) -> dict[str, Any]:
        return dict(self.get("/_mock/ledger", params={"key": key}).json()["accounts"][0])

    def scenario(self, *rules: dict[str, Any], key: str | None = KEY, name: str = "test", **more: Any) -> None:
        params = {} if key is None else {"key": key}
        response = self.post("/_mock/scenarios", {"name": name, "rules": list(rules), **more}, params=params)
        assert response.status_code == 201, response.text
