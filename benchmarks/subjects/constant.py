"""The limit of the stack: an ASGI application under uvicorn that answers the same bytes to everything."""

from typing import Any

from benchmarks.subjects.empty import serve

_BODY = b'{"id":"task-unified-1757169743-7cvnl5zw","status":"pending"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


async def constant(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve(constant)
