"""Bytes into requests: one parser for every path, with bounds on what it takes."""

from collections.abc import Callable

import httptools

from mockserver.web.http.exchange import RawHeaders
from mockserver.web.http.heads import Heads
from mockserver.web.http.request import (
    Request,
    WrongRequestError,
    check_coding,
    check_host,
    take_authority,
    taken_apart,
)

HEAD_BYTES = 64 * 1024
_VERSIONS = frozenset({"1.0", "1.1"})


class Reader:
    """Takes the bytes of one connection, and calls `complete` with each request that they make.

    `expected` is called when a head is complete whose sender waits for leave to send the body. `limit_of` says how
    many bytes a body at a path may have; `heads` are those that came before, over any connection.
    """

    def __init__(
        self,
        expected: Callable[[Request], None],
        complete: Callable[[Request], None],
        limit_of: Callable[[str], int],
        heads: Heads,
    ) -> None:
        self._expected, self._complete, self._limit_of, self._heads = expected, complete, limit_of, heads
        self._fed = b""
        self._target = b""
        self._headers: RawHeaders = []
        self._request: Request | None = None
        self._pieces: list[bytes] = []
        self._offered: Request | None = None
        self._had_last = self.stays = False
        self._renew()

    @property
    def is_inside(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self._head_bytes > 0 or self._has_begun

    @property
    def has_head(self) -> bool:
        return self._request is not None

    @property
    def path(self) -> str:
        """Of the request that is being read, as far as it is known."""
        return self._request.path if self._request else taken_apart(self._target)[1]

    @property
    def method(self) -> str:
        """The same; empty where it is not known yet."""
        if self._request is not None:
            return self._request.method
        return self._parser.get_method().decode("ascii") if self._target else ""

    def feed(self, data: bytes) -> None:
        """Raises WrongRequestError where this is no request, or a part of it is too long. What follows a request that
        was said to be the last is none (RFC 9112, 9.6)."""
        if self._had_last:
            return
        if not self.is_inside:
            known = self._heads.request(data)
            if known is not None and (not known.body or len(known.body) <= self._limit_of(known.path)):
                self._complete(known)
                return
            self._fed = data
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
            self._take(rest)

    # --- of the parser

    def on_message_begin(self) -> None:
        self._target, self._headers, self._has_begun = b"", [], True

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
        raw_path, path, query = taken_apart(self._target)
        version, method, fields = parser.get_http_version(), parser.get_method().decode("ascii"), dict(headers)
        if version not in _VERSIONS:
            raise WrongRequestError("malformed_request", path, reason=f"version {version}")
        request = Request(method, path, raw_path, query, headers, fields, version)
        request.keep_alive = parser.should_keep_alive()
        self.stays = request.keep_alive and version == "1.0"
        check_host(request)
        take_authority(request, self._target)
        if b"transfer-encoding" in fields:
            check_coding(request)
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
        self._request, self._target, self._has_begun = None, b"", False
        if self._pieces:
            request.body = b"".join((request.body, *self._pieces))
            self._pieces = []
        self._had_last = not request.keep_alive
        self._heads.learn(self._fed, request)
        self._fed = b""
        self._complete(request)

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._headers, self._request, self._pieces = b"", [], None, []
        self._offered, self._has_begun = None, False
        self._head_bytes = self._limit = self._size = 0


def _words(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
