"""The control API of a mock in this process, asked without a socket.

So what a test does to sockets and HTTP clients (respx, responses, pytest-socket) does not come between it and
its mock.
"""

import json
from typing import Any, Protocol

import httpx

from mockserver.testing.background import Background
from mockserver.web.app import CONTROL_PREFIX, Application

_HERE = "http://127.0.0.1"


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
        self._background = background
        self._transport = httpx.ASGITransport(application)
        token = application.options.control_token
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        """What the call answers: JSON decoded, else text. Raises ControlError, UnknownError."""
        url = f"{_HERE}{CONTROL_PREFIX}{path}"
        content = {} if body is None else {"json": body}
        request = httpx.Request(method, url, params=parameters, headers=self._headers, **content)
        response = self._background.run(self.send(request))
        return result_of(response.status_code, response.headers.get("content-type", ""), response.content)

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Any request to the application, read to its end. To be awaited on the application's loop."""
        response = await self._transport.handle_async_request(request)
        await response.aread()
        return response


def result_of(status: int, content_type: str, content: bytes) -> Any:
    """What an answer of the control API says. Raises ControlError, UnknownError."""
    told = json.loads(content) if content_type == "application/json" else content.decode("utf-8", "replace")
    if status < httpx.codes.BAD_REQUEST:
        return told
    if not isinstance(told, dict):
        raise ControlError(status, "unknown", f"this is no control API of a mock: {status} {told[:200]}")
    wrong = told["error"]
    kind = UnknownError if status == httpx.codes.NOT_FOUND else ControlError
    raise kind(status, wrong["code"], wrong["message"])
