"""Which web pages of other origins may ask (the Fetch standard's CORS protocol). Without an option, none."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from mockserver.web.http.exchange import Answer, RawHeaders, send_answer

Asgi = Callable[[Any, Any, Any], Awaitable[None]]

_METHODS = b"GET, HEAD, POST, PUT, DELETE"
_EXPOSED = b"retry-after, idempotency-replayed, x-request-id, x-mock-hint, content-range, accept-ranges"
_KNOWN_S = b"600"
_ANY = b"*"
_OWN_PORTS = {"http": ":80", "https": ":443"}
HOW = "a web page of another origin may ask where `mockserver serve` is told --cors ORIGIN"


def is_preflight(method: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks in advance what a page may send."""
    return method == "OPTIONS" and b"origin" in fields and b"access-control-request-method" in fields


class Cors:
    """`origins` are what browsers send as Origin, such as http://localhost:3000; "*" is any."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(_sent(origin).encode() for origin in origins)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def headers(self, origin: bytes | None) -> RawHeaders:
        """What lets a page of this origin read an answer; nothing where it may not."""
        if origin is None or not self._origins & {_ANY, origin.lower()}:
            return []
        told = _ANY if _ANY in self._origins else origin
        named = ((b"allow-origin", told), (b"expose-headers", _EXPOSED))
        return [*((b"access-control-" + name, value) for name, value in named), (b"vary", b"origin")]

    def preflight(self, fields: Mapping[bytes, bytes]) -> Answer | None:
        """The answer to a page that may ask; None to any other."""
        allowed = self.headers(fields.get(b"origin"))
        if not allowed:
            return None
        more = [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", _KNOWN_S)]
        asked = fields.get(b"access-control-request-headers")
        if asked:
            more.append((b"access-control-allow-headers", asked))
        if b"access-control-request-private-network" in fields:
            more.append((b"access-control-allow-private-network", b"true"))
        return Answer(204, [*allowed, *more], b"")


def _sent(origin: str) -> str:
    """As browsers send it: small letters, and no port that is the scheme's own."""
    scheme, colon, place = origin.rstrip("/").lower().partition(":")
    return scheme + colon + place.removesuffix(_OWN_PORTS.get(scheme, "\0"))


def allowing(cors: Cors, app: Asgi) -> Asgi:
    """An application whose answers the pages that may can read."""

    async def ask(scope: Any, receive: Any, send: Any) -> None:
        fields = dict(scope["headers"])
        answer = cors.preflight(fields) if is_preflight(scope["method"], fields) else None
        if answer is not None:
            await send_answer(send, answer)
            return

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *cors.headers(fields.get(b"origin"))]}
            await send(message)

        await app(scope, receive, told)

    return ask if cors else app
