"""What a program asks of a proxy (RFC 9110, sections 7.6 and 9.3.6; RFC 9112, section 3.2), and plain answers."""

import re
from http import HTTPStatus
from typing import NamedTuple

_TUNNEL = re.compile(rb"CONNECT (?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5}) HTTP/1\.[01]")
_PLAIN = re.compile(
    rb"(?P<method>[A-Z]{1,20}) (?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
    rb"(?P<path>[/?][^ ]*)? HTTP/1\.[01]",
)
_PORTS = {b"http": 80, b"https": 443}
_HOP_BY_HOP = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"host")


class NotProxyingError(ValueError):
    """A head that asks a proxy for nothing; says what came and what is allowed."""


class Ask(NamedTuple):
    """The target is "host:port". `head` is what the target is to be sent first; a tunnel sends for itself."""

    target: str
    is_tunnel: bool
    head: bytes


def ask_of(head: bytes) -> Ask:
    """Read a request's head, its empty line included. Raises NotProxyingError."""
    line, _, fields = head.partition(b"\r\n")
    if tunnel := _TUNNEL.fullmatch(line):
        return Ask(_target(tunnel["host"], int(tunnel["port"])), True, b"")
    if plain := _PLAIN.fullmatch(line):
        port = int(plain["port"]) if plain["port"] else _PORTS[plain["scheme"]]
        return Ask(_target(plain["host"], port), False, _direct(plain, fields))
    shown = line[:60].decode("ascii", "backslashreplace")
    raise NotProxyingError(f"received {shown!r}; allowed: CONNECT host:port, METHOD http://host/path")


def answer(status: int, told: str) -> bytes:
    """A whole answer in plain words, in the reason phrase too: of a proxy's answer many clients show nothing else."""
    body = f"mockserver exec: {told}\n".encode()
    reason = f"{HTTPStatus(status).phrase} (mockserver exec: {told})".encode("ascii", "replace")
    head = b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n" % (status, reason)
    return head + b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)


def _target(host: bytes, port: int) -> str:
    return f"{host.decode().lower().rstrip('.')}:{port}"


def _direct(plain: re.Match[bytes], fields: bytes) -> bytes:
    """The head as the target itself expects it; one request a connection, so that the next is judged anew."""
    path = plain["path"] or b"/"
    path = path if path.startswith(b"/") else b"/" + path
    host = plain["host"] + (b":" + plain["port"] if plain["port"] else b"")
    kept = [one for one in fields.split(b"\r\n") if one and one.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
    lines = [plain["method"] + b" " + path + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *kept]
    return b"\r\n".join(lines) + b"\r\n\r\n"
