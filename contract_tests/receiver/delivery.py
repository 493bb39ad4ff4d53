"""One delivery to a receiver and what it answered, within one time limit and never more than one answer's worth."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import httpx

from contract_tests.exchange import BODY_LIMIT, Exchange

TIME_LIMIT_S = 10.0
"""Documented: how long a sender waits for the answer."""
NO_ANSWER, UNREACHABLE, BROKEN_OFF = "no answer within", "no connection", "connection broken off"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_URL_LIMIT = 2_048
_LONG, _VERY_LONG = 8, 20
_PIECE_PAUSE_S = 0.05


class UnfitUrlError(ValueError):
    """Not an address that callbacks could go to."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent. `announced` is the Content-Length where more is promised than comes; `pieces` how many the body
    comes in; `leaves` where the sender hangs up once it has sent all."""

    body: bytes
    content_type: str = "application/json"
    announced: int | None = None
    pieces: int = 1
    leaves: bool = False

    def headers(self) -> dict[str, str]:
        length = len(self.body) if self.announced is None else self.announced
        return {"content-type": self.content_type, "content-length": str(length)}


@dataclass(slots=True)
class Trickle:
    """A body that comes byte by byte, `pause_s` apart, until `release` is set; then the rest at once."""

    body: bytes
    pause_s: float
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def pieces(self) -> AsyncIterator[bytes]:
        rest = self.body
        while rest and not self.release.is_set():
            yield rest[:1]
            rest = rest[1:]
            self.begun.set()
            await asyncio.sleep(self.pause_s)
        yield rest


def fit(url: str) -> str:
    """The URL itself if callbacks may go there: https, or http on this machine. Raises UnfitUrlError."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > _URL_LIMIT:
        raise UnfitUrlError(f"received a URL that is not printable ASCII of at most {_URL_LIMIT} characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UnfitUrlError(f"received a URL that cannot be read: {error}") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise UnfitUrlError(
            f"received {shown(url)}; allowed: https://..., or http:// on localhost, 127.0.0.1 or [::1]"
        )
    return url


def shown(url: str) -> str:
    """A receiver's URL without its secrets: every value of the query, every part of the path that looks like one."""
    origin, path = _split(url)
    path, mark, query = path.partition("?")
    path = "/".join("..." if _is_secret(part) else part for part in path.split("/"))
    values = "&".join(_without_value(part) for part in query.split("&"))
    return f"{origin}{path}{mark}{values}"


def _without_value(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}=..." if equals else "..." if name else ""


def _split(url: str) -> tuple[str, str]:
    """Origin without user and password, and what a request asks for there, byte for byte. What has no scheme has no
    origin either."""
    if "://" not in url:
        return "", url
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    target = url.partition("://")[2].partition("#")[0][len(parts.netloc) :]
    return origin, target if target.startswith("/") else f"/{target}"


def _is_secret(part: str) -> bool:
    return len(part) >= _VERY_LONG or (len(part) >= _LONG and any(letter.isdigit() for letter in part))


@cache
def trust(ca_file: str | None = None) -> ssl.SSLContext:
    """The authorities that this machine trusts, or the ones in this file. Reading them takes its time."""
    return ssl.create_default_context(cafile=ca_file)


class Sender:
    """Sends as the provider does: POST, one connection each, no redirects followed, no proxy."""

    def __init__(self, url: str, *, timeout_s: float = TIME_LIMIT_S, ca_file: str | None = None) -> None:
        self.timeout_s = timeout_s
        self._url, self._shown = url, shown(url)
        self._target = _split(url)[1].encode("ascii")
        self._started = time.monotonic()
        self._http = httpx.AsyncClient(
            verify=trust(ca_file),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=None,  # noqa: S113 - one limit for the whole delivery instead
            trust_env=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, delivery: Delivery, trickle: Trickle | None = None) -> Exchange:
        """What came back; where nothing did, why. A trickle has twice the time."""
        started = time.monotonic()
        limit_s = self.timeout_s * (2 if trickle else 1)
        status: int | None = None
        headers: dict[str, str] = {}
        body, failure = "", ""
        try:
            async with asyncio.timeout(limit_s):
                status, headers, body = await self._exchange(delivery, trickle)
        except TimeoutError:
            failure = f"{NO_ANSWER} {limit_s:g} s"
        except httpx.ConnectError as error:
            failure = f"{UNREACHABLE}: {error}"
        except httpx.HTTPError as error:
            failure = f"{BROKEN_OFF}: {error or type(error).__name__}"
        return Exchange(
            method="POST",
            url=self._shown,
            request_headers=delivery.headers(),
            request_body=delivery.body[: 2 * BODY_LIMIT].decode("utf-8", "replace"),
            status=status,
            headers=headers,
            body=body,
            started_s=started - self._started,
            elapsed_s=time.monotonic() - started,
            failure=failure,
        )

    async def _exchange(self, delivery: Delivery, trickle: Trickle | None) -> tuple[int, dict[str, str], str]:
        request = self._http.build_request(
            "POST",
            self._url,
            headers=delivery.headers() | {"user-agent": "evolink-mock contract-tests"},
            content=trickle.pieces() if trickle else _pieces(delivery),
            extensions={"target": self._target},
        )
        answer = await self._http.send(request, stream=True)
        try:
            return answer.status_code, dict(answer.headers), await _beginning(answer)
        finally:
            await answer.aclose()


async def _pieces(delivery: Delivery) -> AsyncIterator[bytes]:
    size = max(1, -(-len(delivery.body) // delivery.pieces))
    yield delivery.body[:size]
    for start in range(size, len(delivery.body), size):
        await asyncio.sleep(_PIECE_PAUSE_S)
        yield delivery.body[start : start + size]
    if delivery.announced is not None:
        raise httpx.WriteError("the sender left in the middle of the body")
    if delivery.leaves:
        raise httpx.WriteError("the sender left before the answer")


async def _beginning(answer: httpx.Response) -> str:
    """As much of the answer as a report shows. The status counts, so a body that breaks off is no failure."""
    kept = bytearray()
    try:
        async for piece in answer.aiter_raw():
            kept += piece
            if len(kept) > BODY_LIMIT:
                break
    except httpx.HTTPError:
        """The head has come."""
    return kept.decode("utf-8", "replace")


def is_2xx(exchange: Exchange) -> bool:
    return exchange.status is not None and 200 <= exchange.status < 300


def is_4xx(exchange: Exchange) -> bool:
    return exchange.status is not None and 400 <= exchange.status < 500


def is_late(exchange: Exchange) -> bool:
    return exchange.failure.startswith(NO_ANSWER)


def is_unreachable(exchange: Exchange) -> bool:
    return exchange.failure.startswith(UNREACHABLE)


def failed_inside(exchange: Exchange) -> bool:
    """An error of the receiver's own, or no answer at all though there was time."""
    return (exchange.status is None and not is_late(exchange)) or (exchange.status or 0) >= 500
