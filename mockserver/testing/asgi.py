"""An application asked without a socket, and without a client that a test might have patched."""

from typing import Any, NamedTuple

from mockserver.web.app import Application
from mockserver.web.http.exchange import RawHeaders


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    headers: RawHeaders
    content: bytes

    def header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for own, value in self.headers if own == name), "")


async def ask(
    application: Application, method: str, path: str, query: bytes, headers: RawHeaders, content: bytes
) -> Reply:
    """The application's answer, read to its end. To be awaited on the application's loop.

    `path` is decoded, header names are in lower case.
    """
    status, told, pieces = 500, [], []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, told
        if message["type"] == "http.response.start":
            status, told = message["status"], list(message["headers"])
        elif method != "HEAD":
            pieces.append(message.get("body", b""))

    await application(_scope(method, path, query, headers), receive, send)
    return Reply(status, told, b"".join(pieces))


def _scope(method: str, path: str, query: bytes, headers: RawHeaders) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "server": None,
        "client": None,
        "state": {},
    }
