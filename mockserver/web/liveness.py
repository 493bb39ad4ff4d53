"""Whether the server lives: anybody may ask, without a token."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/healthz"


async def _alive(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    return Response(b'{"status":"ok"}', media_type="application/json")


def liveness_route() -> Route:
    return Route(PATH, _alive, methods=["GET"])
