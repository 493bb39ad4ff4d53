"""Callbacks on their way over the wire: they tell of a task what its answers tell, with whatever is open in them."""

import json
from urllib.parse import urlsplit

from contract_tests.client.wire.http1 import Request

PREFIX = "/_callback/"
_LOOPBACK = ("127.0.0.1", "localhost")


class Callbacks:
    """The callback URLs of one case; `url` is the wire's own, `field` what a submission calls them. A receiver
    elsewhere than on loopback, or by https, is called without the wire."""

    def __init__(self, url: str, field: str | None) -> None:
        self._url, self._field = url, field or ""
        self._targets: list[str] = []

    def led_here(self, body: bytes) -> bytes:
        """A submission whose callback comes over the wire, the same for the same submission."""
        try:
            told = json.loads(body)
        except ValueError:
            return body
        target = told.get(self._field) if isinstance(told, dict) else None
        if not isinstance(target, str) or not _is_near(target):
            return body
        if target not in self._targets:
            self._targets.append(target)
        number = self._targets.index(target)
        return json.dumps({**told, self._field: f"{self._url}{PREFIX}{number}"}).encode()

    def target_of(self, path: str) -> str | None:
        """The URL that a callback with this path is for."""
        number = path.removeprefix(PREFIX)
        return self._targets[int(number)] if number.isdigit() and int(number) < len(self._targets) else None


def _is_near(target: str) -> bool:
    try:
        url = urlsplit(target)
        return url.scheme == "http" and url.hostname in _LOOPBACK and bool(url.port)
    except ValueError:
        return False


def for_receiver(request: Request, target: str) -> tuple[int, str, Request]:
    """The port and the target of a callback's receiver, and the request as it is to come there."""
    url = urlsplit(target)
    headers = [(name, url.netloc if name == "host" else value) for name, value in request.headers]
    path = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
    led = Request(request.method, path, headers, request.body, request.keeps_alive, request.rest)
    return url.port or 80, path, led
