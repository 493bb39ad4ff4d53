"""Bytes into requests: one parser for every path, with bounds on what it takes."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
from msgspec import Struct

from mockserver.web.http.exchange import RawHeaders

HEAD_BYTES = 64 * 1024
_VERSIONS = frozenset({"1.0", "1.1"})
_ODD = re.compile(rb"[%?#\x80-\xff]")
"""What makes a target more than a plain path."""


class Request(Struct, gc=False):
    """A request whose head has come, and by and by its body. `path` is decoded, `query` and `headers` are raw;
    `fields` has the last header of each name. `slot` is the one that it concerns, where nodes share them."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: RawHeaders
    fields: dict[bytes, bytes]
    http_version: str
    body: bytes = b""
    keep_alive: bool = True
    slot: int | None = None
    tries: int = 0


class WrongRequestError(Exception):
    """Nothing more can be understood on this connection. `refusal` names the answer, `values` fill it."""

    def __init__(self, refusal: str, path: str = "", **values: Any) -> None:
        super().__init__(refusal)
        self.refusal, self.path, self.values = refusal, path, values


class Reader:
    """Takes the bytes of one connection, and calls `complete` with each request that they make.

    `expected` is called when a head is complete whose sender waits for leave to send the body. `limit_of` says how
    many bytes a body at a path may have.
    """

    def __init__(
        self, expected: Callable[[Request], None], complete: Callable[[Request], None], limit_of: Callable[[str], int]
    ) -> None:
        self._expected, self._complete, self._limit_of = expected, complete, limit_of
        self._target = b""
        self._headers: RawHeaders = []
        self._request: Request | None = None
        self._pieces: list[bytes] = []
        self._offered: Request | None = None
        self._had_last = False
        self._renew()

    @property
    def is_inside(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self._head_bytes > 0 or self._request is not None

    @property
    def has_head(self) -> bool:
        return self._request is not None

    @property
    def path(self) -> str:
        """Of the request that is being read, as far as it is known."""
        return self._request.path if self._request else _taken_apart(self._target)[1]

    @property
    def method(self) -> str:
        """The same; empty where it is not known yet."""
        if self._request is not None:
            return self._request.method
        return self._parser.get_method().decode("ascii") if self._target else ""

    def feed(self, data: bytes) -> None:
        """Raises WrongRequestError where this is no request, or a part of it is too long. What follows a request that
        was said to be the last is none (RFC 9112, 9.6)."""
        if not self._had_last:
            self._take(data)

    def _take(self, data: bytes) -> None:
        if self._request is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, WrongRequestError):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            if self._had_last:
                return
            raise WrongRequestError("malformed_request", self.path, reason=_words(error)) from error
        if self._request is None and self._head_bytes > HEAD_BYTES:
            raise WrongRequestError("head_too_large", self.path, limit=HEAD_BYTES)

    def _decline(self, rest: bytes) -> None:
        """Go on as if another protocol had not been offered (RFC 9110, 7.8). The parser takes the body for that
        protocol's: a head of the same length makes a new one read it."""
        offered = self._offered
        self._renew()
        if offered is not None:
            self._offered = offered
            length, coding = offered.fields.get(b"content-length"), offered.fields.get(b"transfer-encoding")
            field = b"transfer-encoding: " + coding if coding else b"content-length: " + (length or b"0")
            rest = b"POST / HTTP/1.1\r\n" + field + b"\r\n\r\n" + rest
        if rest:
            self.feed(rest)

    # --- of the parser

    def on_message_begin(self) -> None:
        self._target, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is None:  # what follows a chunked body is no header
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, headers, self._head_bytes = self._parser, self._headers, 0
        if self._offered is not None:
            self._request, self._offered = self._offered, None
            self._limit = self._limit_of(self._request.path)
            return
        raw_path, path, query = _taken_apart(self._target)
        version, method, fields = parser.get_http_version(), parser.get_method().decode("ascii"), dict(headers)
        if version not in _VERSIONS:
            raise WrongRequestError("malformed_request", path, reason=f"version {version}")
        request = Request(method, path, raw_path, query, headers, fields, version)
        request.keep_alive = parser.should_keep_alive()
        if b"host" not in fields or len(fields) != len(headers):
            _check_host(request)
        _take_authority(request, self._target)
        if b"transfer-encoding" in fields:
            _check_coding(request)
        self._request, self._limit, self._size = request, self._limit_of(path), 0
        length = fields.get(b"content-length")
        if length and int(length) > self._limit:
            raise WrongRequestError("body_too_large", path, limit=self._limit)
        if b"expect" in fields:
            self._expected(request)
        if parser.should_upgrade() and (length or b"transfer-encoding" in fields):
            self._offered, self._request = request, None

    def on_body(self, body: bytes) -> None:
        request = self._request
        if request is None:
            return
        self._size += len(body)
        if self._size > self._limit:
            raise WrongRequestError("body_too_large", request.path, limit=self._limit)
        if not request.body:
            request.body = body
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        request = self._request
        if request is None:
            return
        self._request, self._target = None, b""
        if self._pieces:
            request.body = b"".join((request.body, *self._pieces))
            self._pieces = []
        self._had_last = not request.keep_alive
        self._complete(request)

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._headers, self._request, self._pieces = b"", [], None, []
        self._offered = None
        self._head_bytes = self._limit = self._size = 0


@lru_cache(maxsize=1_000)
def _taken_apart(target: bytes) -> tuple[bytes, str, bytes]:
    """(raw path, path, query) of a request target, in origin form or in absolute form (RFC 9112, 3.2)."""
    if target[:1] == b"/" and not _ODD.search(target):
        return target, target.decode("ascii"), b""
    if target[:1] not in (b"/", b""):
        try:
            url = httptools.parse_url(target)
        except httptools.HttpParserInvalidURLError:
            return target, target.decode("latin-1"), b""
        raw_path, query = url.path or (b"*" if target == b"*" else b"/"), url.query or b""
    else:
        raw_path, _, query = target.partition(b"#")[0].partition(b"?")
    decoded = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    return raw_path, decoded.decode("utf-8", "replace"), query


def _check_host(request: Request) -> None:
    """Exactly one Host where the version asks for it (RFC 9112, 3.2)."""
    hosts = sum(name == b"host" for name, _ in request.headers)
    if hosts > 1 or (hosts == 0 and request.http_version == "1.1"):
        reason = "no Host header" if hosts == 0 else f"{hosts} Host headers"
        raise WrongRequestError("malformed_request", request.path, reason=reason)


def _check_coding(request: Request) -> None:
    """Only what the parser undoes can be understood (RFC 9112, 6.1); several lines are one list (RFC 9110, 5.3)."""
    codings = [value for name, value in request.headers if name == b"transfer-encoding"]
    coding = b", ".join(codings).decode("latin-1")
    if coding.strip().lower() != "chunked":
        reason = f"Transfer-Encoding {coding[:100]}, where only chunked is understood"
        raise WrongRequestError("malformed_request", request.path, reason=reason)


def _take_authority(request: Request, target: bytes) -> None:
    """A target in absolute form names the host, whatever the Host header says (RFC 9112, 3.2.2)."""
    if target.startswith(b"/"):
        return
    _, found, rest = target.partition(b"://")
    if not found:
        return
    host = re.split(rb"[/?#]", rest, maxsplit=1)[0].rpartition(b"@")[2]
    request.headers = [(name, value) for name, value in request.headers if name != b"host"] + [(b"host", host)]
    request.fields[b"host"] = host


def _words(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
