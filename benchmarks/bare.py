"""What the mock is measured against: bare Starlette, orjson and jsonschema-rs. It validates and echoes, no more."""

import socket
import sys
from typing import Any

import jsonschema_rs
import orjson
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.processes import ROOT

TASK = {
    "created": 1757169743,
    "id": "task-unified-1757169743-7cvnl5zw",
    "model": "kling-o1-video-edit-fast",
    "object": "video.generation.task",
    "progress": 0,
    "status": "pending",
    "task_info": {"can_cancel": True},
    "type": "video",
}


class OrjsonResponse(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def application() -> Starlette:
    document = yaml.load((ROOT / "openapi" / "evolink.yaml").read_bytes(), yaml.CSafeLoader)
    validator = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/VideoRequest", "components": document["components"]}, validate_formats=True
    )

    async def create(request: Request) -> Response:
        body = orjson.loads(await request.body())
        return OrjsonResponse(body, 200 if validator.is_valid(body) else 400)

    async def task(request: Request) -> Response:
        return OrjsonResponse({**TASK, "id": request.path_params["task_id"]})

    return Starlette(
        routes=[Route("/v1/videos/generations", create, methods=["POST"]), Route("/v1/tasks/{task_id}", task)]
    )


def empty() -> Starlette:
    """For the cold start: nothing but a route."""

    async def hello(_: Request) -> Response:
        return Response(b"{}")

    return Starlette(routes=[Route("/_mock/health", hello)])


def main() -> None:
    made = empty() if "--empty" in sys.argv else application()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(made, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
