"""The control API of a mock in this process, asked without a socket.

So what a test does to sockets and HTTP clients (respx, responses, pytest-socket) does not come between it and
its mock.
"""

from typing import Any

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
        if response.is_error:
            wrong = response.json()["error"]
            kind = UnknownError if response.status_code == httpx.codes.NOT_FOUND else ControlError
            raise kind(response.status_code, wrong["code"], wrong["message"])
        is_json = response.headers.get("content-type") == "application/json"
        return response.json() if is_json else response.text

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Any request to the application, read to its end. To be awaited on the application's loop."""
        response = await self._transport.handle_async_request(request)
        await response.aread()
        return response
