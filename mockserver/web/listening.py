"""Where a server listens: one address or both stacks; and who holds a port that is taken."""

import contextlib
import http.client
import os
import re
import socket
from pathlib import Path

_LOOPBACKS = ("127.0.0.1", "::1")
_ANY_IPV6 = "::"
_TRIES = 5
"""A free port of one stack may be taken in the other."""
_PATIENCE_S = 0.5


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError where it is taken or not allowed.

    `::` takes what comes by IPv4, too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != _ANY_IPV6)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def listeners(host: str, port: int) -> list[socket.socket]:
    """The sockets of a host: `localhost` is both loopback addresses, as far as the machine has them.

    Raises OSError as `bind` does.
    """
    if host.lower() != "localhost":
        return [bind(host, port)]
    for _ in range(_TRIES):
        first = bind(_LOOPBACKS[0], port)
        with contextlib.suppress(OSError):
            return [first, bind(_LOOPBACKS[1], first.getsockname()[1])]
        if port != 0 or not _has_ipv6():
            return [first]
        first.close()
    return [bind(_LOOPBACKS[0], port)]


def url_of(listener: socket.socket, host: str) -> str:
    """Where clients on this machine reach the socket."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def holder(host: str, port: int) -> str:
    """Who holds a port of this machine, as far as can be told, and what to do about it."""
    if _is_mock(host, port):
        return f"a mock listens there already (see /_mock/health); --port {port + 1} starts another, 0 on a free port"
    process = _process(port)
    found = f"process {process} has it" if process else f"`ss -ltnp` or `lsof -i :{port}` names who has it"
    return f"{found}; --port 0 takes a free one"


def _has_ipv6() -> bool:
    try:
        bind(_LOOPBACKS[1], 0).close()
    except OSError:
        return False
    return True


def _is_mock(host: str, port: int) -> bool:
    asked = {"0.0.0.0": _LOOPBACKS[0], _ANY_IPV6: _LOOPBACKS[1]}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(asked, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read(100) == b'{"status":"ok"}'
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _process(port: int) -> str | None:
    """Number and name of the process that listens on a port, where Linux lets itself be asked."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with contextlib.suppress(OSError):
            if os.readlink(link) in inodes:
                process = link.parent.parent
                return f"{process.name} ({(process / 'comm').read_text('utf-8', 'replace').strip()})"
    return None


def _inodes(port: int) -> set[str]:
    """The sockets that listen on a port: state 0A in the kernel's tables."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            text = Path("/proc/net", table).read_text("ascii")
            found |= set(re.findall(rf"^ *\d+: [0-9A-F]+:{port:04X} \S+ 0A (?:\S+ +){{5}}(\d+)", text, re.M))
    return found
