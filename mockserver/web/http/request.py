"""A request, and what its target and its headers must be like (RFC 9112, RFC 9110)."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
from msgspec import Struct

from mockserver.web.http.exchange import RawHeaders

_ODD = re.compile(rb"[%?#\x80-\xff]")
"""What makes a target more than a plain path."""
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\w:.~%-]+\])(?::[0-9]*)?")


class Request(Struct, gc=False):
    """A request whose head has come, and by and by its body. `path` is decoded, `query` and `headers` are raw;
    `fields` has the last header of each name. `slot` is the one that it concerns, where nodes share them; `is_of_key`
    says that what looks like a name there is a key."""

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
    is_of_key: bool = False
    tries: int = 0


class WrongRequestError(Exception):
    """Nothing more can be understood on this connection. `refusal` names the answer, `values` fill it."""

    def __init__(self, refusal: str, path: str = "", **values: Any) -> None:
        super().__init__(refusal)
        self.refusal, self.path, self.values = refusal, path, values


@lru_cache(maxsize=1_000)
def taken_apart(target: bytes) -> tuple[bytes, str, bytes]:
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


def check_host(request: Request) -> None:
    """Exactly one Host where the version asks for it, and one that can be a host (RFC 9112, 3.2)."""
    hosts = [value for name, value in request.headers if name == b"host"]
    if _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else not hosts and request.http_version == "1.0":
        return
    reason = f"{len(hosts) or 'no'} Host header{'s' * (len(hosts) > 1)}"
    if len(hosts) == 1:
        reason = f"the Host header {hosts[0][:100].decode('latin-1')}"
    raise WrongRequestError("malformed_request", request.path, reason=reason)


def check_coding(request: Request) -> None:
    """Only what the parser undoes can be understood (RFC 9112, 6.1); several lines are one list (RFC 9110, 5.3)."""
    codings = [value for name, value in request.headers if name == b"transfer-encoding"]
    coding = b", ".join(codings).decode("latin-1")
    if coding.strip().lower() != "chunked":
        reason = f"Transfer-Encoding {coding[:100]}, where only chunked is understood"
        raise WrongRequestError("malformed_request", request.path, reason=reason)


def take_authority(request: Request, target: bytes) -> None:
    """A target in absolute form names the host, whatever the Host header says (RFC 9112, 3.2.2)."""
    if target.startswith(b"/"):
        return
    _, found, rest = target.partition(b"://")
    if not found:
        return
    host = re.split(rb"[/?#]", rest, maxsplit=1)[0].rpartition(b"@")[2]
    request.headers = [(name, value) for name, value in request.headers if name != b"host"] + [(b"host", host)]
    request.fields[b"host"] = host
