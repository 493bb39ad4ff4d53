"""What a cold start is measured against: uvicorn and Starlette with one route, and nothing else imported."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


async def hello(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


def serve(application: ASGIApp) -> None:
    """Serve on any free port, as the mock is served, and say where."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Starlette(routes=[Route("/_mock/health", hello)]))
