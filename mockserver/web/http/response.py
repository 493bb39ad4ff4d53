"""The head of an answer as it goes over the wire."""

from functools import lru_cache
from http import HTTPStatus

from mockserver.web.http.exchange import RawHeaders

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def head(status: int, common: RawHeaders, headers: RawHeaders, *, closes: bool, stays: bool) -> bytes:
    """`common` are the headers that every answer of the server has; `stays`: HTTP/1.0 asked for it, and is told."""
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, _written(*common)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"connection: close\r\n\r\n" if closes else b"connection: keep-alive\r\n\r\n" if stays else b"\r\n")
    return b"".join(lines)


@lru_cache(maxsize=8)
def _written(*headers: tuple[bytes, bytes]) -> bytes:
    """They change once a second, with the date."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
