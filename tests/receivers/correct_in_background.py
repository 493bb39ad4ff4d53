"""Right: Starlette; answers 202 at once and works afterwards, each task once."""

import asyncio
import json
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LIMIT = 1024 * 1024


def application() -> Starlette:
    done: dict[str, Any] = {}

    async def work(task: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        done.setdefault(task["id"], {"status": task["status"], "files": task.get("results", [])})

    async def callback(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LIMIT:
                return Response(status_code=413)
        try:
            task = json.loads(body)
        except ValueError:
            return Response(status_code=400)
        if not isinstance(task, dict) or not isinstance(task.get("id"), str) or "status" not in task:
            return Response(status_code=422)
        ended = task["status"] in ("completed", "failed", "cancelled")
        return Response(status_code=202, background=BackgroundTask(work, task) if ended else None)

    async def state(request: Request) -> Response:
        return JSONResponse(done)

    return Starlette(routes=[Route("/state", state), Route("/hook", callback, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(application(), port=int(sys.argv[1]), log_level="warning")
