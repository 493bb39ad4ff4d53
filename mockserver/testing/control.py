"""The control API of a mock in this process, asked without a socket.

So what a test does to sockets and HTTP clients (respx, responses, pytest-socket) does not come between it and
its mock.
"""

import json
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

from mockserver.testing.asgi import ask
from mockserver.testing.background import Background
from mockserver.web.app import CONTROL_PREFIX, Application

_HERE = (b"host", b"127.0.0.1")
_JSON = (b"content-type", b"application/json")


class ControlError(Exception):
    """The control API turned a call away. `status` and `code` are those of its answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class UnknownError(ControlError, LookupError):
    """There is no such task, callback or scenario."""


class Calls(Protocol):
    """Whoever can call the control API of a mock. `url` is where clients reach its generation API."""

    @property
    def url(self) -> str: ...
    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any: ...


class Control:
    """Calls to the control API of one application. `url` is where clients reach its generation API."""

    def __init__(self, application: Application, background: Background, url: str) -> None:
        self.url = url
        self._application, self._background = application, background
        token = application.options.control_token
        self._headers = [_HERE, _JSON, *([(b"authorization", f"Bearer {token}".encode())] if token else [])]

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        """What the call answers: JSON decoded, else text. Raises ControlError, UnknownError."""
        content = b"" if body is None else json.dumps(body).encode()
        query, whole = urlencode(parameters).encode(), unquote(f"{CONTROL_PREFIX}{path}")
        asking = ask(self._application, method, whole, query, self._headers, content)
        reply = self._background.run(asking)
        return result_of(reply.status, reply.header(b"content-type"), reply.content)


def result_of(status: int, content_type: str, content: bytes) -> Any:
    """What an answer of the control API says. Raises ControlError, UnknownError."""
    told = json.loads(content) if content_type == "application/json" else content.decode("utf-8", "replace")
    if status < HTTPStatus.BAD_REQUEST:
        return told
    if not isinstance(told, dict):
        raise ControlError(status, "unknown", f"this is no control API of a mock: {status} {told[:200]}")
    wrong = told["error"]
    kind = UnknownError if status == HTTPStatus.NOT_FOUND else ControlError
    raise kind(status, wrong["code"], wrong["message"])
