"""Where callbacks may go. Judged at submission by the URL alone, and at every attempt by what its name resolves to.

Facts, section 5: HTTPS only, no internal address ("127.0.0.1, 10.x, ..., etc."). What "etc." holds is assumed:
every address that is not publicly routable, in every form that a C library reads as an address.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from functools import cache, lru_cache

from msgspec import Struct

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> addresses as text; raises OSError where the name leads nowhere."""

_PORTS = {"http": 80, "https": 443}
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^#]*)")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)(:(?P<port>[0-9]*))?")
"""Hosts are expected as they go on the wire: percent signs, full-width dots and zone ids could be read differently
by whoever resolves them. Names in other scripts come as xn--."""
_NUMBER_AT_END = re.compile(r"(.*\.)?([0-9]+|0[Xx][0-9A-Fa-f]*)")
_INWARD_NAMES = ("localhost", "local", "internal")

_PUBLIC_IPV6 = "2000::/3"
_NAT64 = "64:ff9b::/96"
_BLOCKS = {
    "0.0.0.0/32": "the unspecified address",
    "0.0.0.0/8": "an address of this network",
    "10.0.0.0/8": "a private address",
    "100.64.0.0/10": "a carrier's internal address",
    "127.0.0.0/8": "a loopback address",
    "169.254.0.0/16": "a link-local address",
    "172.16.0.0/12": "a private address",
    "192.0.0.0/24": "an address reserved for protocols",
    "192.0.2.0/24": "a documentation address",
    "192.88.99.0/24": "a 6to4 relay address",
    "192.168.0.0/16": "a private address",
    "198.18.0.0/15": "a benchmarking address",
    "198.51.100.0/24": "a documentation address",
    "203.0.113.0/24": "a documentation address",
    "224.0.0.0/4": "a multicast address",
    "255.255.255.255/32": "the broadcast address",
    "240.0.0.0/4": "a reserved address",
    "::/128": "the unspecified address",
    "::1/128": "a loopback address",
    "fc00::/7": "a private address",
    "fe80::/10": "a link-local address",
    "fec0::/10": "a site-local address",
    "ff00::/8": "a multicast address",
    "2001::/32": "a Teredo tunnel address",
    "2001::/23": "an address reserved for protocols",
    "2001:db8::/32": "a documentation address",
    "3fff::/20": "a documentation address",
}
"""Address blocks that are not public, the narrower first: the special-purpose registries of IANA (RFC 6890), written
out because what `ipaddress` holds for global changes with the Python version, and holds multicast for global."""


class TargetRefusedError(Exception):
    """The target is not one that callbacks may go to."""


class TargetUnresolvedError(Exception):
    """The target's name leads nowhere."""


class Location(Struct, frozen=True, kw_only=True):
    """What a URL says of where to connect. `host` is a name in lower case or, whatever its form was, an address."""

    scheme: str
    host: str
    port: int
    path: str
    """Path and query exactly as they were written."""
    literal: IpAddress | None

    @property
    def host_header(self) -> str:
        """The host, and the port unless it is the scheme's own."""
        return _bracketed(self.host) + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


class Target(Struct, frozen=True, kw_only=True):
    """Where to connect: the judged addresses, in the order to try; name and path stay those of the URL."""

    location: Location
    addresses: tuple[str, ...]

    def origins(self) -> tuple[str, ...]:
        """Scheme, address and port as a URL, for every address."""
        scheme, port = self.location.scheme, self.location.port
        return tuple(f"{scheme}://{_bracketed(address)}:{port}/" for address in self.addresses)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system resolves it; nobody is asked for one that never has any (RFC 6761)."""
    if host.rstrip(".").lower().endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class TargetPolicy(Struct, frozen=True, kw_only=True):
    """What is forbidden. `allow_local` opens loopback, and plain http to loopback, for development."""

    allow_local: bool = False
    schemes: frozenset[str] = frozenset({"https"})
    resolve: Resolve = resolve

    def objection(self, url: str) -> str | None:
        """What speaks against a URL by itself, without asking anybody; None where nothing does."""
        try:
            return self._against(locate(url))
        except ValueError as error:
            return str(error)

    async def address(self, url: str) -> Target:
        """Where to connect for this URL, now; every address of its name is judged.

        Raises TargetRefusedError or TargetUnresolvedError. The caller connects to an address given here and
        resolves nothing again: a name that changes its mind in between gains nothing.
        """
        reason = self.objection(url)
        if reason is not None:
            raise TargetRefusedError(reason)
        location = locate(url)
        found = [location.literal] if location.literal is not None else await self._resolved(location)
        for address in found:
            reason = self._against_address(location.scheme, address)
            if reason is not None:
                raise TargetRefusedError(f"{location.host}: {reason}")
        return Target(location=location, addresses=tuple(map(str, found)))

    async def _resolved(self, location: Location) -> list[IpAddress]:
        try:
            found = await self.resolve(location.host, location.port)
        except (OSError, UnicodeError) as error:
            raise TargetUnresolvedError(f"name not resolved: {location.host}") from error
        if not found:
            raise TargetUnresolvedError(f"name not resolved: {location.host}")
        return [ipaddress.ip_address(address.partition("%")[0]) for address in found]

    def _against(self, location: Location) -> str | None:
        if location.literal is not None:
            return self._against_address(location.scheme, location.literal)
        last_label = location.host.rpartition(".")[2]
        if self.allow_local and last_label == "localhost":
            return None
        if last_label in _INWARD_NAMES:
            return f"{location.host} is a name of this machine or its network"
        return self._against_scheme(location.scheme)

    def _against_address(self, scheme: str, address: IpAddress) -> str | None:
        if self.allow_local and _unmapped(address).is_loopback:
            return None
        kind = _kind(address)
        return self._against_scheme(scheme) if kind is None else f"{address} is {kind}"

    def _against_scheme(self, scheme: str) -> str | None:
        return None if scheme in self.schemes else f"{scheme} is not {' or '.join(sorted(self.schemes))}"


def locate(url: str) -> Location:
    """Take an http or https URL apart. Raises ValueError with a reason a person understands.

    `urllib.parse` is not used: it drops and tolerates what an attacker would write (tabs, text around brackets),
    more or less of it from one Python version to the next.
    """
    if _UNFIT.search(url):
        raise ValueError("it has white space, a control character or a backslash")
    parts = _URL.match(url)
    if parts is None or parts["scheme"].lower() not in _PORTS:
        raise ValueError("it does not begin with https://")
    scheme = parts["scheme"].lower()
    host, port, literal = _place(parts["authority"], _PORTS[scheme])
    return Location(
        scheme=scheme,
        host=host,
        port=port,
        path=parts["path"] if parts["path"].startswith("/") else f"/{parts['path']}",
        literal=literal,
    )


@lru_cache(maxsize=1_000)
def _place(authority: str, default_port: int) -> tuple[str, int, IpAddress | None]:
    """Host, port, and the address where the host is one. The same authority comes with many paths."""
    host, port = _host_and_port(authority, default_port)
    literal = _literal(host)
    return (host if literal is None else str(literal)), port, literal


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("it has a user name before the host")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("its host is no plain name or address")
    port = int(parts["port"] or default_port)
    if not 0 < port <= 65_535:
        raise ValueError(f"{port} is no port")
    return parts["host"].lower().removesuffix("."), port


def _literal(host: str) -> IpAddress | None:
    """The address that a host spells out, in any form that C libraries read: 127.1, 0x7f000001, 2130706433."""
    try:
        if host.startswith("["):
            return ipaddress.IPv6Address(host[1:-1])
        return ipaddress.IPv4Address(socket.inet_aton(host)) if _NUMBER_AT_END.fullmatch(host) else None
    except (OSError, ValueError) as error:
        raise ValueError(f"{host} reads like an address but is none") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unmapped(address: IpAddress) -> IpAddress:
    """An IPv4 address written as an IPv6 one (::ffff:127.0.0.1) is that IPv4 address to every socket."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@cache
def _network(block: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Made when it is first needed: a start has no time for them."""
    return ipaddress.ip_network(block)


def _innermost(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one leads to (mapped, 6to4, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _network(_NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


@lru_cache(maxsize=1_000)
def _kind(address: IpAddress) -> str | None:
    """Why an address is not public, in words; None where it is."""
    inner = _innermost(address)
    words = next((words for block, words in _BLOCKS.items() if inner in _network(block)), None)
    if words is not None:
        return words
    unrouted = not inner.is_global or (inner.version == 6 and inner not in _network(_PUBLIC_IPV6))
    return "not a public address" if unrouted else None
