"""The proxy and the TLS listener, over sockets: what is served, what is refused, and that every connection ends."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver.environment import Environment, environment
from mockserver.interception import interceptor as intercepting
from mockserver.interception import tunnel
from mockserver.interception.authority import Authority, InterceptionError
from mockserver.interception.interceptor import HOSTS, Bounds, Interceptor
from mockserver.interception.proxying import NotProxyingError, answer, ask_of
from mockserver.testing import MockServer

CREDITS = (
    b"GET /v1/credits HTTP/1.1\r\nHost: api.evolink.ai\r\nAuthorization: Bearer sk-a\r\nConnection: close\r\n\r\n"
)
PLAIN = CREDITS.replace(b"GET /", b"GET http://api.evolink.ai/").replace(b"Connection: close\r\n", b"")
SMALL = Bounds(head_bytes=1024, head_s=0.05, idle_s=0.05, connections=2)


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture(scope="module")
def interceptor(mock: MockServer) -> Iterator[Interceptor]:
    with Interceptor(int(mock.url.rpartition(":")[2])) as one:
        yield one


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], Any]], int]]:
    """Serves one connection at a time by a function, in a thread; returns the port."""
    with contextlib.ExitStack() as stack:

        def start(handle: Callable[[socket.socket], Any]) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection:
                            handle(connection)

            threading.Thread(target=run, daemon=True).start()
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return int(listener.getsockname()[1])

        yield start


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def said(port: int, *parts: bytes, half_close: bool = False) -> bytes:
    """Everything that comes back on a connection until its other side ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


@contextlib.contextmanager
def tunnelled(interceptor: Interceptor, host: str = "api.evolink.ai") -> Iterator[ssl.SSLSocket]:
    """A TLS connection by way of the proxy, the certificate checked."""
    context = ssl.create_default_context(cafile=interceptor.authority.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", interceptor.proxy_port), timeout=5) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(connection, server_hostname=host) as secure:
            yield secure


@pytest.mark.parametrize("host", HOSTS)
def test_a_tunnel_leads_to_the_mock_with_a_certificate_for_the_host(interceptor: Interceptor, host: str) -> None:
    with tunnelled(interceptor, host) as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"
        secure.sendall(CREDITS)
        assert read_all(secure).startswith(b"HTTP/1.1 200 ")


def test_the_certificate_is_for_no_other_host(interceptor: Interceptor) -> None:
    context = ssl.create_default_context(cafile=interceptor.authority.ca)
    with (
        socket.create_connection(("127.0.0.1", interceptor.tls_port), timeout=5) as connection,
        pytest.raises(ssl.SSLCertVerificationError, match=r"example\.com"),
    ):
        context.wrap_socket(connection, server_hostname="example.com")


@pytest.mark.parametrize(
    "url",
    [
        b"http://api.evolink.ai/",
        b"http://API.evolink.ai.:80/",
        b"https://api.evolink.ai/",
        b"https://api.evolink.ai:443/",
    ],
)
def test_a_plain_request_leads_to_the_mock_and_ends_its_connection(interceptor: Interceptor, url: bytes) -> None:
    received = said(interceptor.proxy_port, PLAIN.replace(b"http://api.evolink.ai/", url))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"remaining_credits" in received


def test_a_tunnel_to_port_80_is_plain(interceptor: Interceptor) -> None:
    received = said(interceptor.proxy_port, b"CONNECT api.evolink.ai:80 HTTP/1.1\r\n\r\n", CREDITS)
    assert received.count(b"HTTP/1.1 200 ") == 2


def test_what_a_program_told_the_proxy_stays_there(serve: Any) -> None:
    heads: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        heads.append(connection.recv(4096))

    head = (
        b"GET http://api.evolink.ai?a=b HTTP/1.1\r\nHost: elsewhere\r\nProxy-Authorization: Basic c2VjcmV0\r\n"
        b"Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\nX-Kept: yes\r\n\r\n"
    )
    with Interceptor(serve(handle)) as interceptor:
        said(interceptor.proxy_port, head)
    assert heads == [b"GET /?a=b HTTP/1.1\r\nHost: api.evolink.ai\r\nConnection: close\r\nX-Kept: yes\r\n\r\n"]


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT example.com:443 HTTP/1.1",
        "CONNECT api.evolink.ai.example.com:443 HTTP/1.1",
        "CONNECT xapi.evolink.ai:443 HTTP/1.1",
        "CONNECT evolink.ai:443 HTTP/1.1",
        "CONNECT api.evolink.ai:22 HTTP/1.1",
        "CONNECT 127.0.0.1:443 HTTP/1.1",
        "CONNECT [2606:4700::1]:443 HTTP/1.0",
        "GET http://example.com/api.evolink.ai HTTP/1.1",
        "POST https://example.com/ HTTP/1.1",
        "GET http://api.evolink.ai:8080/ HTTP/1.1",
    ],
)
def test_everything_else_is_refused(interceptor: Interceptor, line: str) -> None:
    before = interceptor.refused.total()
    received = said(interceptor.proxy_port, line.encode() + b"\r\nHost: api.evolink.ai\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 403 ")
    assert received.endswith(b": only api.evolink.ai and files-api.evolink.ai are served here\n")
    assert interceptor.refused.total() == before + 1


def test_a_refusal_arrives_although_a_body_is_on_its_way(interceptor: Interceptor) -> None:
    head = b"POST http://example.com/ HTTP/1.1\r\nContent-Length: 500000\r\n\r\n"
    assert said(interceptor.proxy_port, head, b"x" * 500_000).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"CONNECT api.evolink.ai HTTP/1.1",
        b"CONNECT api.evolink.ai:443 HTTP/2",
        b"CONNECT user@api.evolink.ai:443 HTTP/1.1",
        b"GET http://user:secret@api.evolink.ai/ HTTP/1.1",
        b"GET ftp://api.evolink.ai/ HTTP/1.1",
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
def test_what_asks_a_proxy_for_nothing_is_told_so(interceptor: Interceptor, line: bytes) -> None:
    received = said(interceptor.proxy_port, line + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"allowed: CONNECT host:port, METHOD http://host/path" in received


@given(
    st.binary(max_size=200) | st.from_regex(rb"(CONNECT [^ \r\n]*|GET https?://[^\r\n]*) HTTP/1\.1", fullmatch=True)
)
@example(b"CONNECT api.evolink.ai:443@example.com HTTP/1.1")
def test_any_head_is_read_as_one_target_or_refused(head: bytes) -> None:
    try:
        ask = ask_of(head + b"\r\nHost: x\r\n\r\n")
    except NotProxyingError:
        return
    host, _, port = ask.target.rpartition(":")
    assert port.isdigit()
    assert host.encode() in head.lower()
    assert ask.is_tunnel == head.startswith(b"CONNECT ") == (ask.head == b"")


@given(st.text(max_size=100))
def test_an_answer_has_one_status_line_whatever_it_tells(told: str) -> None:
    first, _, rest = answer(403, told.replace("\n", " ").replace("\r", " ")).partition(b"\r\n")
    assert first.startswith(b"HTTP/1.1 403 Forbidden")
    assert rest.startswith(b"content-type: ")


def test_a_head_too_long_is_refused(mock: MockServer) -> None:
    with Interceptor(1, bounds=Bounds(head_bytes=1024)) as interceptor:
        received = said(
            interceptor.proxy_port, b"CONNECT api.evolink.ai:443 HTTP/1.1\r\nx: " + b"y" * 2_000 + b"\r\n\r\n"
        )
    assert received.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("part", [b"", b"CONN", b"CONNECT api.evolink.ai:443 HTTP/1.1\r\n"])
def test_a_head_too_slow_is_refused(part: bytes) -> None:
    with Interceptor(1, bounds=SMALL) as interceptor:
        assert said(interceptor.proxy_port, part).startswith(b"HTTP/1.1 408 ")


def test_a_handshake_too_slow_ends(mock: MockServer) -> None:
    with Interceptor(1, bounds=SMALL) as interceptor:
        received = said(interceptor.proxy_port, b"CONNECT api.evolink.ai:443 HTTP/1.1\r\n\r\n", b"\x16\x03\x01")
    assert received == b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_a_connection_over_the_bound_is_refused() -> None:
    with (
        Interceptor(1, bounds=Bounds(connections=1)) as interceptor,
        socket.create_connection(("127.0.0.1", interceptor.proxy_port), timeout=5) as first,
    ):
        first.sendall(b"CONNECT ")
        assert said(interceptor.proxy_port, PLAIN).startswith(b"HTTP/1.1 503 ")
        first.sendall(b"example.com:443 HTTP/1.1\r\n\r\n")
        assert read_all(first).startswith(b"HTTP/1.1 403 ")


def test_a_mock_that_says_nothing_is_given_up(serve: Any) -> None:
    with Interceptor(serve(lambda connection: connection.recv(1 << 20) and connection.recv(1)), bounds=SMALL) as one:
        assert said(one.proxy_port, PLAIN) == b""


def test_a_mock_that_is_gone_is_told_of() -> None:
    with Interceptor(closed_port()) as interceptor:
        assert said(interceptor.proxy_port, PLAIN).startswith(b"HTTP/1.1 502 ")
        with tunnelled(interceptor) as secure:
            secure.sendall(CREDITS)
            received = secure.recv(4096)
    assert received.startswith(b"HTTP/1.1 502 ")
    assert received.endswith(b"mockserver exec: the mock does not answer\n")


def test_a_client_that_has_said_all_still_gets_its_answer(interceptor: Interceptor) -> None:
    assert b"remaining_credits" in said(interceptor.proxy_port, PLAIN, half_close=True)
    head = b"CONNECT api.evolink.ai:80 HTTP/1.1\r\n\r\n"
    assert b"remaining_credits" in said(interceptor.proxy_port, head, CREDITS, half_close=True)


def test_a_client_that_goes_at_once_leaves_nothing_behind(interceptor: Interceptor) -> None:
    for part in (b"", b"CONNECT api.evolink.ai:443 HTTP/1.1\r\n\r\n", PLAIN):
        with socket.create_connection(("127.0.0.1", interceptor.proxy_port)) as connection:
            connection.sendall(part)
    assert said(interceptor.proxy_port, PLAIN).startswith(b"HTTP/1.1 200 ")


def test_much_passes_both_ways_whole(serve: Any) -> None:
    sent = bytes(range(256)) * 8_192

    def echo(connection: socket.socket) -> None:
        received = b""
        while len(received) < len(sent) and (data := connection.recv(65_536)):
            received += data
        connection.sendall(received)

    with Interceptor(serve(echo)) as interceptor, tunnelled(interceptor) as secure:
        secure.sendall(sent)
        assert read_all(secure) == sent


def test_many_at_one_time(interceptor: Interceptor) -> None:
    context = ssl.create_default_context(cafile=interceptor.authority.ca)
    proxy = f"http://127.0.0.1:{interceptor.proxy_port}"
    with httpx.Client(proxy=proxy, verify=context, trust_env=False) as client, ThreadPoolExecutor(32) as pool:
        asked = [
            pool.submit(client.get, "https://api.evolink.ai/v1/credits", headers={"authorization": "Bearer sk-a"})
            for _ in range(200)
        ]
        assert [one.result().status_code for one in asked] == [200] * 200


def test_nothing_but_two_loopback_ports_is_ever_connected_to(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection that the event loop opens is written down, whoever opens it."""
    opened: list[Any] = []
    connect = asyncio.BaseEventLoop.create_connection

    async def noted(loop: Any, factory: Any, host: Any = None, port: Any = None, **named: Any) -> Any:
        opened.append((host, port))
        return await connect(loop, factory, host, port, **named)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", noted)
    with Interceptor(int(mock.url.rpartition(":")[2])) as interceptor:
        for target in ("example.com:443", "api.evolink.ai:25", "api.evolink.ai:80", "169.254.169.254:80"):
            said(interceptor.proxy_port, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode(), CREDITS, half_close=True)
            said(interceptor.proxy_port, f"GET http://{target}/ HTTP/1.1\r\nHost: api.evolink.ai\r\n\r\n".encode())
        with tunnelled(interceptor) as secure:
            secure.sendall(CREDITS.replace(b"api.evolink.ai", b"example.com"))
            read_all(secure)
        said(interceptor.proxy_port, PLAIN + PLAIN.replace(b"api.evolink.ai", b"example.com"))
    ports = {interceptor.tls_port, interceptor.mock_port}
    assert set(opened) == {(intercepting.LOOPBACK, port) for port in ports}


def test_its_end_waits_for_nobody_and_removes_the_certificates(serve: Any) -> None:
    came, gone = threading.Event(), threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.recv(4096)
        came.set()
        gone.wait(5)

    with Interceptor(serve(stall)) as interceptor:
        folder = interceptor.authority.folder
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(file.name for file in folder.iterdir()) == ["ca.p12", "ca.pem"]
        assert not [file for file in folder.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
        open_one = socket.create_connection(("127.0.0.1", interceptor.proxy_port), timeout=5)
        open_one.sendall(PLAIN)
        assert came.wait(5)
    gone.set()
    open_one.close()
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", interceptor.proxy_port))


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(InterceptionError, match=r"evolink-mock\[intercept\]"):
        Authority.of(HOSTS)


@pytest.mark.parametrize("set_before", [False, True])
def test_a_shell_file_sets_what_a_child_gets(interceptor: Interceptor, set_before: bool) -> None:
    made = environment(interceptor, "http://127.0.0.1:1")
    inherited = {"PATH": "/usr/bin:/bin"}
    if set_before:
        inherited |= {"NODE_OPTIONS": "--no-warnings", "PYTHONPATH": "/a b", "JAVA_TOOL_OPTIONS": "-Dx='y z'"}
        inherited |= {"https_proxy": "http://other:1", "NO_PROXY": "*", "EVOLINK_API_KEY": "sk-own key"}
    script = made.as_shell() + "env -0"
    done = subprocess.run(["sh", "-ec", script], env=inherited, capture_output=True, check=True)
    there = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
    expected = made.applied_to(inherited)
    assert {name: there.get(name) for name in expected} == expected


def test_what_is_set_is_replaced_kept_or_joined() -> None:
    made = Environment(replaced={"A": "1"}, defaults={"B": "2"}, before={"C": "3"}, after={"D": "4"})
    assert made.applied_to({}) == {"A": "1", "B": "2", "C": "3", "D": "4"}
    assert made.applied_to(dict.fromkeys("ABCD", "x")) == {"A": "1", "B": "x", "C": "3:x", "D": "x 4"}


def test_what_has_ended_already_is_cut_without_noise() -> None:
    """As the transport of TLS in Python 3.11.2 behaves, once it is closed."""

    class Transport:
        def abort(self) -> None:
            raise AttributeError("'NoneType' object has no attribute '_abort'")

    class Writer:
        transport = Transport()

    tunnel.cut(Writer())  # type: ignore[arg-type]
