"""A mock that runs elsewhere, as a test sees it: `RunningMock("http://127.0.0.1:8787").as_key("sk-of-this-test")`."""

import json
from copy import copy
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from mockserver.testing.control import result_of
from mockserver.testing.server import DEFAULT_KEY
from mockserver.testing.tenant import MockTenant
from mockserver.web.api.identity import names_of
from mockserver.web.app import CONTROL_PREFIX

_LONGEST_S = 60


class RunningMock(MockTenant):
    """A key's view of a mock that somebody else has started; `as_key` gives that of another key.

    `control_token` is asked for where the server listens on more than this machine. Raises ConnectionError, with what
    to do, where nothing answers.
    """

    def __init__(self, url: str, *, key: str = DEFAULT_KEY, control_token: str | None = None) -> None:
        connection = _Connection(url, control_token)
        super().__init__(lambda: connection, key)
        self._keys = {key}

    def as_key(self, key: str) -> Self:
        """The same mock as another key has it."""
        other = copy(self)
        MockTenant.__init__(other, self._connect, key)
        self._keys.add(key)
        self._others.append(other)
        return other

    @property
    def tenants(self) -> frozenset[str]:
        """What answers call the keys that were asked for here: others may use the mock meanwhile."""
        return names_of(self._keys)


class _Connection:
    """Calls to the control API over a socket, by the standard library alone: a test may have patched the rest."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"the URL of a mock: received {url!r}; allowed: http://HOST:PORT")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        """What the call answers: JSON decoded, else text. Raises ControlError, UnknownError, ConnectionError."""
        target = f"{self._parts.path}{CONTROL_PREFIX}{path}" + (f"?{urlencode(parameters)}" if parameters else "")
        content = None if body is None else json.dumps(body).encode()
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=_LONGEST_S)
        try:
            connection.request(method, target, content, self._headers)
            response = connection.getresponse()
            return result_of(response.status, response.getheader("content-type", ""), response.read())
        except (OSError, HTTPException) as error:
            hint = "start one: mockserver serve --allow-local-callbacks"
            raise ConnectionError(f"no mock answers at {self.url} ({error}); {hint}") from error
        finally:
            connection.close()
