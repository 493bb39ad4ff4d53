"""Who may use the control API: local programs, or whoever has the token; never a web page from elsewhere."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from mockserver.web.api.identity import Headers, api_key


def objection(headers: Headers, *, token: str | None, loopback: bool) -> tuple[int, str] | None:
    """(status, reason) why a control request is turned away; None where it is welcome."""
    if token is not None:
        given = api_key(headers) or ""
        right = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
        return None if right else (401, "The control API asks for its token as a bearer token")
    host = headers.get(b"host", b"").decode("latin-1")
    if loopback and host and not is_loopback(_name(host)):
        return 403, f"The control API is for this machine; the request names the host {host[:100]}"
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and not _same(origin, host):
        return 403, f"The control API is not for web pages from {origin[:100]}"
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """The name or address in a Host header; the empty string where it has none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower()
