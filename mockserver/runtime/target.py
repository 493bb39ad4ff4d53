"""Where callbacks may go. Judged at submission by the URL alone, and at every attempt by what its name resolves to.

Facts, section 5: HTTPS only, at most 2048 characters, no internal address ("127.0.0.1, 10.x, ..., etc."). What
"etc." holds is assumed: every address that is not public.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> addresses as text; raises OSError where the name leads nowhere."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INWARD_NAMES = ("localhost", "local", "internal")
_PORTS = {"http": 80, "https": 443}
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
"""Names are expected as they go on the wire; anything else (percent signs, full-width dots) could be read
differently by whoever resolves it."""


class TargetRefusedError(Exception):
    """The target is not one that callbacks may go to."""


class TargetUnresolvedError(Exception):
    """The target's name leads nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect: the judged address, and the name that TLS and the Host header go by."""

    scheme: str
    host: str
    port: int
    address: str


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system resolves it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPolicy:
    """What is forbidden. `allow_local` opens loopback, and plain http to loopback, for development."""

    allow_local: bool = False
    resolve: Resolve = resolve

    def objection(self, url: str) -> str | None:
        """What speaks against a URL by itself, without asking anybody; None where nothing does."""
        try:
            scheme, host, _ = _parts(url)
        except ValueError as error:
            return str(error)
        literal = _literal(host)
        if literal is not None:
            return self._against(scheme, literal)
        if _is_inward_name(host):
            return self._against_loopback_name(host)
        return None if scheme == "https" else f"{scheme} is not https"

    async def target(self, url: str) -> Target:
        """Where to connect for this URL, now. Every address of the name is judged, one of them returned.

        Raises TargetRefusedError or TargetUnresolvedError. The caller connects to the address given here and
        resolves nothing again: a name that changes its mind in between gains nothing.
        """
        reason = self.objection(url)
        if reason is not None:
            raise TargetRefusedError(reason)
        scheme, host, port = _parts(url)
        literal = _literal(host)
        addresses = [str(literal)] if literal is not None else await self._resolved(host, port)
        for address in addresses:
            reason = self._against(scheme, ipaddress.ip_address(address.partition("%")[0]))
            if reason is not None:
                raise TargetRefusedError(reason if literal is not None else f"{host} resolves inward: {reason}")
        return Target(scheme=scheme, host=host, port=port, address=addresses[0])

    async def _resolved(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise TargetUnresolvedError(f"name not resolved: {host}") from error
        if not addresses:
            raise TargetUnresolvedError(f"name not resolved: {host}")
        return addresses

    def _against(self, scheme: str, address: IpAddress) -> str | None:
        inner = _innermost(address)
        if self.allow_local and inner.is_loopback:
            return None
        if scheme != "https":
            return f"{scheme} is not https"
        kind = _kind(inner)
        return None if kind is None else f"{address} is {kind}"

    def _against_loopback_name(self, host: str) -> str | None:
        local = host.rstrip(".").lower()
        if self.allow_local and (local == "localhost" or local.endswith(".localhost")):
            return None
        return f"{host} is a name of this machine or its network"


def _parts(url: str) -> tuple[str, str, int]:
    """(scheme, host, port). Raises ValueError with a reason a person understands."""
    if _UNFIT.search(url):
        raise ValueError("it has white space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL: {error}") from error
    if parts.scheme not in _PORTS:
        raise ValueError(f"{parts.scheme or 'no scheme'} is not https")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has a user name before the host")
    if not _HOST.fullmatch(host):
        raise ValueError("its host is no plain name or address")
    if port == 0:
        raise ValueError("port 0 is no port")
    return parts.scheme, host, port or _PORTS[parts.scheme]


def _literal(host: str) -> IpAddress | None:
    """The address that a host spells out, in any form that C libraries take: 127.1, 0x7f000001, 2130706433."""
    bare = host.rstrip(".")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    except OSError:
        return None


def _is_inward_name(host: str) -> bool:
    return host.rstrip(".").lower().rpartition(".")[2] in _INWARD_NAMES


def _innermost(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _kind(address: IpAddress) -> str | None:
    """Why an address is not public, in words; None where it is."""
    kinds = (
        (address.is_unspecified, "the unspecified address"),
        (address.is_loopback, "a loopback address"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (address.is_private, "a private address"),
        (address.is_reserved, "a reserved address"),
        (not address.is_global, "not a public address"),
        (isinstance(address, ipaddress.IPv6Address) and address.is_site_local, "a site-local address"),
    )
    return next((words for applies, words in kinds if applies), None)
