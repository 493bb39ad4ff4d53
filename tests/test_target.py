"""Where callbacks may go: every way to write an inward address, and every way to reach one through a name."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mockserver.runtime.delivery.target import (
    Resolve,
    Target,
    TargetPolicy,
    TargetRefusedError,
    TargetUnresolvedError,
    locate,
)

DEFAULT = TargetPolicy()
LOCAL = TargetPolicy(allow_local=True)

INWARD_HOSTS = {
    "127.0.0.1": "a loopback address",
    "127.255.255.254": "a loopback address",
    "10.0.0.1": "a private address",
    "172.16.0.1": "a private address",
    "172.31.255.255": "a private address",
    "192.168.1.1": "a private address",
    "169.254.169.254": "a link-local address",
    "100.64.0.1": "a carrier's internal address",
    "0.0.0.0": "the unspecified address",
    "0.1.2.3": "an address of this network",
    "224.0.0.1": "a multicast address",
    "239.255.255.250": "a multicast address",
    "240.0.0.1": "a reserved address",
    "255.255.255.255": "the broadcast address",
    "192.0.0.1": "an address reserved for protocols",
    "192.0.2.1": "a documentation address",
    "198.51.100.1": "a documentation address",
    "203.0.113.1": "a documentation address",
    "198.18.0.1": "a benchmarking address",
    "192.88.99.1": "a 6to4 relay address",
    # forms that C libraries read
    "2130706433": "a loopback address",
    "0x7f000001": "a loopback address",
    "0X7F.1": "a loopback address",
    "0177.0.0.1": "a loopback address",
    "017700000001": "a loopback address",
    "127.1": "a loopback address",
    "127.0.1": "a loopback address",
    "0": "the unspecified address",
    "10.1": "a private address",
    "0xa9fea9fe": "a link-local address",
    "127.0.0.1.": "a loopback address",
    "2130706433.": "a loopback address",
    # IPv6
    "[::1]": "a loopback address",
    "[0:0:0:0:0:0:0:1]": "a loopback address",
    "[::]": "the unspecified address",
    "[fc00::1]": "a private address",
    "[fd12:3456::1]": "a private address",
    "[fe80::1]": "a link-local address",
    "[fec0::1]": "a site-local address",
    "[ff02::1]": "a multicast address",
    "[ff0e::1]": "a multicast address",
    "[2001:db8::1]": "a documentation address",
    "[3fff::1]": "a documentation address",
    "[2001:10::1]": "an address reserved for protocols",
    "[100::1]": "not a public address",
    "[4000::1]": "not a public address",
    "[5f00::1]": "not a public address",
    # IPv4 within IPv6
    "[::ffff:127.0.0.1]": "a loopback address",
    "[::ffff:a00:1]": "a private address",
    "[::ffff:0:0]": "the unspecified address",
    "[::127.0.0.1]": "not a public address",
    "[::ffff:0:127.0.0.1]": "not a public address",
    "[2002:7f00:1::]": "a loopback address",
    "[2002:c0a8:101::1]": "a private address",
    "[64:ff9b::10.0.0.1]": "a private address",
    "[64:ff9b::a9fe:a9fe]": "a link-local address",
    "[64:ff9b:1::10.0.0.1]": "not a public address",
    "[2001:0:53aa:64c::1]": "a Teredo tunnel address",
}

MALFORMED_URLS = {
    "": "it does not begin with https://",
    "hook": "it does not begin with https://",
    "//example.com/hook": "it does not begin with https://",
    "https:/example.com": "it does not begin with https://",
    "https:example.com": "it does not begin with https://",
    "ftp://example.com/": "it does not begin with https://",
    "file:///etc/passwd": "it does not begin with https://",
    "https://": "its host is no plain name or address",
    "https:///hook": "its host is no plain name or address",
    "https://.": "its host is no plain name or address",
    "https://a..example.com/": "its host is no plain name or address",
    "https://127.0.0.1../": "its host is no plain name or address",
    "https://127.0.0.1%2e/": "its host is no plain name or address",
    "https://127%2e0%2e0%2e1/": "its host is no plain name or address",
    "https://%31%32%37.0.0.1/": "its host is no plain name or address",
    "https://127\u30020\u30020\u30021/": "its host is no plain name or address",
    "https://\uff11\uff12\uff17.0.0.1/": "its host is no plain name or address",
    "https://\u2460\u2461\u2466.0.0.1/": "its host is no plain name or address",
    "https://loc\u00adalhost/": "its host is no plain name or address",
    "https://\u24dbocalhost/": "its host is no plain name or address",
    "https://127.0.0.1\u200b/": "its host is no plain name or address",
    "https://[fe80::1%25eth0]/": "its host is no plain name or address",
    "https://[::1%lo]/": "its host is no plain name or address",
    "https://[::1]example.com/": "its host is no plain name or address",
    "https://example.com[::1]/": "its host is no plain name or address",
    "https://[::1/": "its host is no plain name or address",
    "https://[example.com]/": "its host is no plain name or address",
    "https://::1/": "its host is no plain name or address",
    "https://[:::1]/": "[:::1] reads like an address but is none",
    "https://[127.0.0.1]/": "[127.0.0.1] reads like an address but is none",
    "https://256.256.256.256/": "256.256.256.256 reads like an address but is none",
    "https://1.2.3.4.5/": "1.2.3.4.5 reads like an address but is none",
    "https://4294967296/": "4294967296 reads like an address but is none",
    "https://127.0.0.08/": "127.0.0.08 reads like an address but is none",
    "https://public@127.0.0.1/": "it has a user name before the host",
    "https://example.com@127.0.0.1/": "it has a user name before the host",
    "https://user:secret@example.com/": "it has a user name before the host",
    "https://@example.com/": "it has a user name before the host",
    "https://example.com:0/": "0 is no port",
    "https://example.com:65536/": "65536 is no port",
    "https://example.com:-1/": "its host is no plain name or address",
    "https://example.com:+443/": "its host is no plain name or address",
    "https://example.com:\uff14\uff14\uff13/": "its host is no plain name or address",
    "https://example.com:80:443/": "its host is no plain name or address",
    "https://example.com\\@127.0.0.1/": "it has white space, a control character or a backslash",
    "https:\\\\example.com/": "it has white space, a control character or a backslash",
    " https://example.com/": "it has white space, a control character or a backslash",
    "https://example.com/a b": "it has white space, a control character or a backslash",
    "https://exa\tmple.com/": "it has white space, a control character or a backslash",
    "https://example.com/\r\nHost: x": "it has white space, a control character or a backslash",
    "https://example.com/\x00": "it has white space, a control character or a backslash",
    "https://example.com/\x85": "it has white space, a control character or a backslash",
    "https://example.com/\u3000": "it has white space, a control character or a backslash",
    "https://example.com/\ud800": "it has white space, a control character or a backslash",
}

PUBLIC_URLS = [
    "https://example.com",
    "https://hooks.example.com/evolink/task-ended?secret=s3cr3t",
    "https://EXAMPLE.com:8443/hook#part",
    "HTTPS://example.com/",
    "https://example.com.",
    "https://example.com:/",
    "https://xn--bcher-kva.example/",
    "https://under_score.example.com/",
    "https://localhost.example.com/",
    "https://internal.example.com/",
    "https://0xcafe.example.com/",
    "https://8.8.8.8/",
    "https://100.128.0.1/",
    "https://172.32.0.1/",
    "https://192.169.0.1/",
    "https://[2606:4700::1111]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[2002:808:808::1]/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://example.com/?url=https://user@127.0.0.1/",
    "https://example.com?@127.0.0.1",
    "https://example.com#@127.0.0.1",
]


def resolving(*addresses: str) -> Resolve:
    """A resolver that gives every name these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def failing(error: Exception) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        raise error

    return resolve


def address(policy: TargetPolicy, url: str) -> Target:
    return asyncio.run(policy.address(url))


# --- judged by the URL alone


@pytest.mark.parametrize(("host", "kind"), INWARD_HOSTS.items())
def test_an_inward_address_is_refused_in_every_form(host: str, kind: str) -> None:
    reason = DEFAULT.objection(f"https://{host}:8443/hook")
    assert reason is not None
    assert reason.endswith(f" is {kind}")


@pytest.mark.parametrize(("url", "reason"), MALFORMED_URLS.items(), ids=ascii)
def test_what_could_be_read_in_two_ways_is_refused(url: str, reason: str) -> None:
    assert DEFAULT.objection(url) == reason
    assert LOCAL.objection(url) == reason


@pytest.mark.parametrize("url", PUBLIC_URLS)
def test_a_public_target_passes(url: str) -> None:
    assert DEFAULT.objection(url) is None
    assert LOCAL.objection(url) is None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "nas.local", "db.internal"])
def test_names_of_this_machine_and_its_network_are_refused(host: str) -> None:
    reason = DEFAULT.objection(f"https://{host}/hook")
    assert reason == f"{host.lower().rstrip('.')} is a name of this machine or its network"


def test_http_is_refused() -> None:
    assert DEFAULT.objection("http://example.com/") == "http is not https"
    assert DEFAULT.objection("http://8.8.8.8/") == "http is not https"
    both = TargetPolicy(schemes=frozenset({"http", "https"}))
    assert both.objection("http://example.com/") is None
    assert both.objection("http://127.0.0.1/") == "127.0.0.1 is a loopback address"


# --- local targets


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.8.8.8", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost", "a.localhost"],
)
def test_loopback_is_open_where_local_targets_are(scheme: str, host: str) -> None:
    assert LOCAL.objection(f"{scheme}://{host}:9000/hook") is None


@pytest.mark.parametrize("host", [host for host, kind in INWARD_HOSTS.items() if kind != "a loopback address"])
def test_only_loopback_is_open_where_local_targets_are(host: str) -> None:
    assert LOCAL.objection(f"https://{host}/") is not None
    assert LOCAL.objection(f"http://{host}/") is not None


@pytest.mark.parametrize("host", ["[2002:7f00:1::]", "[64:ff9b::127.0.0.1]"])
def test_a_gateway_to_loopback_is_not_loopback(host: str) -> None:
    assert LOCAL.objection(f"http://{host}/") is not None


def test_http_stays_for_loopback_only() -> None:
    assert LOCAL.objection("http://example.com/") == "http is not https"
    assert LOCAL.objection("http://8.8.8.8/") == "http is not https"
    assert LOCAL.objection("http://nas.local/") == "nas.local is a name of this machine or its network"


# --- every IPv4 address, in every form


def octal(number: int) -> str:
    return f"0{number:o}"


FORMS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "hexadecimal": hex,
    "octal": octal,
    "dotted": lambda number: str(ipaddress.IPv4Address(number)),
    "dotted octal": lambda number: ".".join(map(octal, number.to_bytes(4))),
    "dotted hexadecimal": lambda number: ".".join(map(hex, number.to_bytes(4))),
    "two parts": lambda number: f"{number >> 24}.{number & 0xFFFFFF}",
    "three parts": lambda number: f"{number >> 24}.{number >> 16 & 0xFF}.{number & 0xFFFF}",
    "mapped": lambda number: f"[::ffff:{ipaddress.IPv4Address(number)}]",
    "NAT64": lambda number: f"[64:ff9b::{ipaddress.IPv4Address(number)}]",
    "6to4": lambda number: f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
}

INWARD_NETWORKS = [
    *map(ipaddress.IPv4Network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
    *map(ipaddress.IPv4Network, ("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24")),
    *map(ipaddress.IPv4Network, ("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")),
    ipaddress.IPv4Network("224.0.0.0/3"),
]


def is_inward(number: int) -> bool:
    """Said independently of the policy's own table."""
    address = ipaddress.IPv4Address(number)
    return address.is_multicast or not address.is_global or any(address in network for network in INWARD_NETWORKS)


inward_numbers = st.sampled_from(INWARD_NETWORKS).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address))
)


@pytest.mark.parametrize("form", FORMS)
@given(number=inward_numbers)
def test_every_inward_ipv4_address_is_refused(form: str, number: int) -> None:
    assert DEFAULT.objection(f"https://{FORMS[form](number)}/") is not None


@pytest.mark.parametrize("form", FORMS)
@given(number=st.integers(0, 2**32 - 1))
@example(number=0x08080808)
def test_every_other_ipv4_address_passes(form: str, number: int) -> None:
    assert (DEFAULT.objection(f"https://{FORMS[form](number)}/") is not None) == is_inward(number)


@given(address=st.ip_addresses(v=6))
def test_no_ipv6_address_passes_that_the_library_holds_for_inward(address: ipaddress.IPv6Address) -> None:
    """Those that lead to an IPv4 address have their tests above."""
    assume(not (address.ipv4_mapped or address.sixtofour or address in ipaddress.ip_network("64:ff9b::/96")))
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_site_local:
        assert DEFAULT.objection(f"https://[{address}]/") is not None


@given(
    url=st.text() | st.text().map(lambda text: f"https://{text}") | st.from_regex(r"https?://[0-9a-fx.:%@\[\]]+/?")
)
def test_a_judgement_is_a_reason_or_none_whatever_comes(url: str) -> None:
    reason = DEFAULT.objection(url)
    assert reason is None or reason


# --- judged by what the name resolves to


def test_a_name_leads_to_the_addresses_judged() -> None:
    policy = TargetPolicy(resolve=resolving("93.184.215.14", "2606:2800:21f::1"))
    target = address(policy, "https://Example.com.:8443/hook?a=b#c")
    assert target.addresses == ("93.184.215.14", "2606:2800:21f::1")
    assert target.origins() == ("https://93.184.215.14:8443/", "https://[2606:2800:21f::1]:8443/")
    assert target.location.host == "example.com"
    assert target.location.host_header == "example.com:8443"


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("93.184.215.14", "127.0.0.1"),
        ("127.0.0.1", "93.184.215.14"),
        ("93.184.215.14", "::ffff:10.0.0.1"),
        ("93.184.215.14", "fe80::1%eth0"),
        ("93.184.215.14", "64:ff9b::a00:1"),
    ],
)
def test_one_inward_address_refuses_the_name(addresses: tuple[str, ...]) -> None:
    with pytest.raises(TargetRefusedError, match=r"^evil\.example: \S+ is a "):
        address(TargetPolicy(resolve=resolving(*addresses)), "https://evil.example/")


def test_a_name_is_resolved_once_and_an_address_never() -> None:
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["93.184.215.14"]

    policy = TargetPolicy(resolve=resolve)
    address(policy, "https://example.com/")
    assert address(policy, "https://134744072/").addresses == ("8.8.8.8",)
    assert asked == [("example.com", 443)]


@pytest.mark.parametrize(
    "error", [socket.gaierror(-2, "Name or service not known"), OSError("no network"), UnicodeError("label too long")]
)
def test_a_name_that_leads_nowhere(error: Exception) -> None:
    with pytest.raises(TargetUnresolvedError, match=r"^name not resolved: example\.invalid$"):
        address(TargetPolicy(resolve=failing(error)), "https://example.invalid/")


def test_a_name_without_addresses_leads_nowhere() -> None:
    with pytest.raises(TargetUnresolvedError):
        address(TargetPolicy(resolve=resolving()), "https://example.invalid/")


def test_what_is_refused_by_its_url_is_never_resolved() -> None:
    policy = TargetPolicy(resolve=failing(AssertionError("resolved")))
    for url in ("https://localhost/", "http://example.com/", "https://127.1/", "https://a@b/"):
        with pytest.raises(TargetRefusedError):
            address(policy, url)


@pytest.mark.parametrize(
    ("addresses", "passes"),
    [
        (("::1", "127.0.0.1"), True),
        (("::ffff:127.0.0.1",), True),
        (("::1%lo",), True),
        (("127.0.0.1", "10.0.0.1"), False),
        (("127.0.0.1", "93.184.215.14"), False),
    ],
)
def test_http_to_localhost_must_lead_to_loopback_alone(addresses: tuple[str, ...], passes: bool) -> None:
    policy = TargetPolicy(allow_local=True, resolve=resolving(*addresses))
    if passes:
        found = address(policy, "http://localhost:9000/").addresses
        assert found == tuple(str(ipaddress.ip_address(one.removesuffix("%lo"))) for one in addresses)
    else:
        with pytest.raises(TargetRefusedError):
            address(policy, "http://localhost:9000/")


def test_the_system_resolves_localhost() -> None:
    assert address(LOCAL, "http://localhost/").addresses[0] in {"127.0.0.1", "::1"}


# --- taking a URL apart


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.com", "/"),
        ("https://example.com?a=b", "/?a=b"),
        ("https://example.com?", "/?"),
        ("https://example.com/#top", "/"),
        ("https://example.com/a/../%2Fb//?x=[1]&k=é&y=%zz#f?g", "/a/../%2Fb//?x=[1]&k=é&y=%zz"),
    ],
)
def test_path_and_query_stay_as_written(url: str, path: str) -> None:
    assert locate(url).path == path


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
        ("https://134744072/", "8.8.8.8"),
    ],
)
def test_the_host_header(url: str, header: str) -> None:
    assert locate(url).host_header == header
