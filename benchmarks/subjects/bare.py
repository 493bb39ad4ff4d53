"""What throughput is measured against: Starlette, orjson and jsonschema-rs. It checks the token, validates and
echoes, no more."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.processes import KEY
from benchmarks.subjects.empty import serve

DOCUMENT = Path(__file__).parent.parent.parent / "openapi" / "evolink.yaml"
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

UNAUTHORIZED = {"error": {"code": "unauthorized", "message": "unknown key", "type": "authentication_error"}}


class OrjsonResponse(JSONResponse):
    """Starlette's JSON response, rendered by orjson."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def application() -> Starlette:
    document = yaml.load(DOCUMENT.read_bytes(), yaml.CSafeLoader)
    schema = {"$ref": "#/components/schemas/VideoRequest", "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    def is_known(request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and key == KEY

    async def create(request: Request) -> OrjsonResponse:
        if not is_known(request):
            return OrjsonResponse(UNAUTHORIZED, 401)
        body = orjson.loads(await request.body())
        return OrjsonResponse(body, 200 if validator.is_valid(body) else 400)

    async def task(request: Request) -> OrjsonResponse:
        if not is_known(request):
            return OrjsonResponse(UNAUTHORIZED, 401)
        return OrjsonResponse({**TASK, "id": request.path_params["task_id"]})

    return Starlette(
        routes=[Route("/v1/videos/generations", create, methods=["POST"]), Route("/v1/tasks/{task_id}", task)]
    )


if __name__ == "__main__":
    serve(application())
