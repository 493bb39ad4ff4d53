"""The courier: what arrives at a receiver, what is reported of every end of an attempt, and who waits for whom."""

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from msgspec import structs

from mockserver.runtime.delivery import sending
from mockserver.runtime.delivery.courier import Courier, Receipt
from mockserver.runtime.delivery.lanes import Dispatch
from mockserver.runtime.delivery.target import TargetPolicy

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOCAL = TargetPolicy(allow_local=True)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test's body; one that hangs fails."""
    asyncio.run(asyncio.wait_for(coroutine, 10))


# --- receivers


class Arrived(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A raw server on loopback that keeps the requests it got."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[Arrived] = []
        self.serving: set[asyncio.Task[None] | None] = set()
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, EOFError):  # a sender may leave before it said anything
            self.requests.append(await arrived(reader))
            await self._answer(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


async def arrived(reader: asyncio.StreamReader) -> Arrived:
    line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    headers = {name.lower(): value for name, value in headers.items()}
    return Arrived(line, headers, await reader.readexactly(int(headers["content-length"])))


@contextlib.asynccontextmanager
async def receiver(answer: Answer | bytes = OK, context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    made = Receiver(says(answer) if isinstance(answer, bytes) else answer)
    server = await asyncio.start_server(made, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await asyncio.gather(*filter(None, made.serving))


def says(answer: bytes) -> Answer:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return write


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nothing, until the other side gives up."""
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A header that never ends, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()


async def stalled_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nhalf")
    await reader.read()


# --- sending


def dispatch(url: str, *, delivery_id: str = "d1", timeout_ms: int = 5000, body: bytes = b"{}") -> Dispatch:
    return Dispatch(
        delivery_id=delivery_id, attempt=1, url=url, render=lambda: body, now_ms=lambda: 0, timeout_ms=timeout_ms
    )


@contextlib.asynccontextmanager
async def courier(
    policy: TargetPolicy = LOCAL, report: Callable[[Receipt], None] = lambda receipt: None, **bounds: Any
) -> AsyncIterator[Courier]:
    made = Courier(policy, report, **bounds)
    try:
        yield made
    finally:
        await made.close()


async def deliver(*dispatches: Dispatch, policy: TargetPolicy = LOCAL, ca_file: str | None = None) -> list[Receipt]:
    """Send these one after the other; what was reported, but for the moment."""
    receipts: list[Receipt] = []
    async with courier(policy, receipts.append, ca_file=ca_file) as sender:
        for one in dispatches:
            sender.send(one)
            await sender.settled()
    return [structs.replace(receipt, sent_ms=None) for receipt in receipts]


def resolving(*addresses: str) -> TargetPolicy:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return TargetPolicy(allow_local=True, resolve=resolve)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- what arrives


def test_a_callback_arrives_as_it_was_sent() -> None:
    async def body() -> None:
        async with receiver() as hook:
            sent = b'{"id":"task-1","note":"\xc3\xa9"}\n'
            receipts = await deliver(dispatch(hook.url, body=sent))
        assert receipts == [Receipt(delivery_id="d1", attempt=1, status=200, error=None, timed_out=False)]
        expected = {
            "host": f"127.0.0.1:{hook.port}",
            "content-type": "application/json",
            "user-agent": "evolink-mock",
            "connection": "close",
            "content-length": str(len(sent)),
        }
        assert hook.requests == [Arrived("POST /hook HTTP/1.1", expected, sent)]

    run(body())


@pytest.mark.parametrize(
    ("written", "on_the_wire"),
    [
        ("", "/"),
        ("?token=a", "/?token=a"),
        ("/?", "/?"),
        ("/hook/%2Fa?token=a%20b&x=[1]&k=%C3%A9", "/hook/%2Fa?token=a%20b&x=[1]&k=%C3%A9"),
        ("/a/../b/./c//d/", "/a/../b/./c//d/"),
        ("/%7euser/%zz/%", "/%7euser/%zz/%"),
        ("/a;b=c/d,e?f=g+h&i={j}|^`\"'<>", "/a;b=c/d,e?f=g+h&i={j}|^`\"'<>"),
        ("/s?secret=p@ss:w/rd?&again=%26", "/s?secret=p@ss:w/rd?&again=%26"),
        ("/hook#part?no", "/hook"),
        ("/k=é", "/k=%C3%A9"),
    ],
)
def test_path_and_query_arrive_untouched(written: str, on_the_wire: str) -> None:
    async def body() -> None:
        async with receiver() as hook:
            (receipt,) = await deliver(dispatch(f"http://127.0.0.1:{hook.port}{written}"))
        assert receipt.status == 200
        assert hook.requests[0].line == f"POST {on_the_wire} HTTP/1.1"

    run(body())


def test_the_name_stays_in_the_host_header_while_the_address_takes_the_connection() -> None:
    async def body() -> None:
        async with receiver() as hook:
            (receipt,) = await deliver(
                dispatch(f"http://App.localhost:{hook.port}/hook"), policy=resolving("127.0.0.1")
            )
        assert receipt.status == 200
        assert hook.requests[0].headers["host"] == f"app.localhost:{hook.port}"

    run(body())


def test_an_address_that_takes_no_connection_leads_to_the_next() -> None:
    async def body() -> None:
        async with receiver() as hook:
            url = f"http://localhost:{hook.port}/hook"
            (receipt,) = await deliver(dispatch(url), policy=resolving("::1", "127.0.0.1"))
        assert receipt.status == 200
        assert len(hook.requests) == 1

    run(body())


def test_no_cookie_is_kept_and_no_proxy_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")

    async def body() -> None:
        async with receiver(b"HTTP/1.1 204 No Content\r\nset-cookie: a=b; path=/\r\n\r\n") as hook:
            receipts = await deliver(dispatch(hook.url), dispatch(hook.url))
        assert [receipt.status for receipt in receipts] == [204, 204]
        assert ["cookie" in request.headers for request in hook.requests] == [False, False]

    run(body())


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def server_context(authority: trustme.CA, *names: str, asked: list[str | None] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    if asked is not None:
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
    return context


def test_tls_goes_by_the_name_and_shares_no_connection(authority: trustme.CA, ca_file: str) -> None:
    async def body() -> None:
        asked: list[str | None] = []
        names = ("one.example", "two.example")
        async with receiver(OK, server_context(authority, *names, asked=asked)) as hook:
            dispatches = [dispatch(f"https://{name}:{hook.port}/hook") for name in (*names, "ONE.example.")]
            receipts = await deliver(*dispatches, policy=resolving("127.0.0.1"), ca_file=ca_file)
        assert [receipt.status for receipt in receipts] == [200, 200, 200]
        assert asked == ["one.example", "two.example", "one.example"]
        assert [request.headers["host"].partition(":")[0] for request in hook.requests] == asked

    run(body())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1"])
def test_tls_to_an_address_goes_by_the_address(authority: trustme.CA, ca_file: str, host: str) -> None:
    async def body() -> None:
        async with receiver(OK, server_context(authority, "127.0.0.1")) as hook:
            (receipt,) = await deliver(dispatch(f"https://{host}:{hook.port}/"), ca_file=ca_file)
        assert receipt.status == 200

    run(body())


def test_a_certificate_for_another_name_fails(authority: trustme.CA, ca_file: str) -> None:
    async def body() -> None:
        async with receiver(OK, server_context(authority, "other.example", "127.0.0.1")) as hook:
            url = f"https://one.example:{hook.port}/"
            (receipt,) = await deliver(dispatch(url), policy=resolving("127.0.0.1"), ca_file=ca_file)
        assert receipt.status is None
        assert receipt.error is not None
        assert receipt.error.startswith("TLS: certificate verify failed: Hostname mismatch")
        assert hook.requests == []

    run(body())


def test_a_certificate_of_an_unknown_authority_fails(authority: trustme.CA) -> None:
    async def body() -> None:
        async with receiver(OK, server_context(authority, "127.0.0.1")) as hook:
            (receipt,) = await deliver(dispatch(f"https://127.0.0.1:{hook.port}/"))
        assert receipt.error == "TLS: certificate verify failed: unable to get local issuer certificate"

    run(body())


def test_a_receiver_without_tls_fails() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def body() -> None:
        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            (receipt,) = await deliver(dispatch(f"https://127.0.0.1:{port}/"))
        assert receipt.error is not None
        assert receipt.error.startswith("TLS: ")

    run(body())


# --- how an attempt ends


@pytest.mark.parametrize("status", [200, 202, 204, 301, 307, 404, 410, 429, 500, 503])
def test_the_status_is_the_outcome_and_no_redirect_is_followed(status: int) -> None:
    async def body() -> None:
        async with receiver() as elsewhere:
            answer = f"HTTP/1.1 {status} X\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
            async with receiver(answer.encode()) as hook:
                (receipt,) = await deliver(dispatch(hook.url))
        assert receipt == Receipt(delivery_id="d1", attempt=1, status=status)
        assert (len(hook.requests), len(elsewhere.requests)) == (1, 0)

    run(body())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "no HTTP answer: Server disconnected without sending a response."),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "no HTTP answer: "),
        (b"garbage" * 100 + b"\r\n\r\n", "no HTTP answer: illegal status line"),
        (b"\x00" * 300_000, "no HTTP answer: "),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000, "no HTTP answer: "),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "no HTTP answer: "),
        (reset, "connection reset by peer"),
    ],
    ids=["nothing", "truncated", "garbage", "zeros", "endless header", "another protocol", "reset"],
)
def test_what_is_no_answer_is_an_error(answer: bytes | Answer, error: str) -> None:
    async def body() -> None:
        async with receiver(answer) as hook:
            (receipt,) = await deliver(dispatch(hook.url))
        assert (receipt.status, receipt.timed_out) == (None, False)
        assert receipt.error is not None
        assert receipt.error.startswith(error)
        assert len(receipt.error) <= 300

    run(body())


def test_a_refused_connection() -> None:
    async def body() -> None:
        (receipt,) = await deliver(dispatch(f"http://127.0.0.1:{free_port()}/"))
        assert receipt == Receipt(delivery_id="d1", attempt=1, error="connection refused")

    run(body())


@pytest.mark.parametrize("answer", [silence, drip])
def test_an_answer_that_takes_too_long(answer: Answer) -> None:
    async def body() -> None:
        async with receiver(answer) as hook:
            (receipt,) = await deliver(dispatch(hook.url, timeout_ms=50))
        assert receipt == Receipt(delivery_id="d1", attempt=1, error="no answer within 0.05 s", timed_out=True)

    run(body())


def test_a_handshake_that_takes_too_long_leaves_no_connection_open() -> None:
    async def body() -> None:
        ended = asyncio.Event()

        async def no_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            ended.set()
            writer.close()

        async with await asyncio.start_server(no_handshake, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            (receipt,) = await deliver(dispatch(f"https://127.0.0.1:{port}/", timeout_ms=100))
            await ended.wait()
        assert receipt.timed_out

    gc.disable()  # or the collector might close it in the courier's place
    try:
        run(body())
    finally:
        gc.enable()


def test_a_name_that_takes_too_long() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def body() -> None:
        policy = TargetPolicy(resolve=never)
        (receipt,) = await deliver(dispatch("https://slow.example/", timeout_ms=50), policy=policy)
        assert receipt.timed_out

    run(body())


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://127.0.0.1/", "target refused: 127.0.0.1 is a loopback address"),
        ("http://example.com/", "target refused: http is not https"),
        ("nonsense", "target refused: it does not begin with https://"),
        ("https://example.invalid/", "name not resolved: example.invalid"),
        ("https://inward.example/", "target refused: inward.example: 10.0.0.1 is a private address"),
        ("https://broken.example/", "no HTTP answer: a broken resolver"),
    ],
)
def test_a_target_that_is_not_to_be_had(url: str, error: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if host == "inward.example":
            return ["93.184.215.14", "10.0.0.1"]
        raise socket.gaierror if host == "example.invalid" else ValueError("a broken resolver")

    async def body() -> None:
        (receipt,) = await deliver(dispatch(url), policy=TargetPolicy(resolve=resolve))
        assert receipt == Receipt(delivery_id="d1", attempt=1, error=error)

    run(body())


@pytest.mark.parametrize(("answer", "status", "leave_s"), [(flood, 200, 60), (stalled_body, 202, 0.05)])
def test_a_body_without_end_changes_nothing(
    answer: Answer, status: int, leave_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LEAVE_S", leave_s)

    async def body() -> None:
        async with receiver(answer) as hook:
            (receipt,) = await deliver(dispatch(hook.url))
        assert receipt == Receipt(delivery_id="d1", attempt=1, status=status)

    run(body())


def test_a_short_body_is_read_to_its_end() -> None:
    async def body() -> None:
        left_early: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def in_two_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            leaving = asyncio.create_task(reader.read())
            writer.write(OK[:-2])
            await asyncio.wait({leaving}, timeout=0.05)
            left_early.set_result(leaving.done())
            writer.write(OK[-2:])
            await leaving

        async with receiver(in_two_parts) as hook:
            (receipt,) = await deliver(dispatch(hook.url))
        assert receipt.status == 200
        assert not await left_early

    run(body())


def test_every_dispatch_has_exactly_one_receipt() -> None:
    async def body() -> None:
        receipts: list[Receipt] = []
        answers: list[Answer | bytes] = [OK, b"", b"garbage\r\n\r\n", reset, silence]
        async with contextlib.AsyncExitStack() as stack:
            hooks = [await stack.enter_async_context(receiver(answer)) for answer in answers]
            urls = [*(hook.url for hook in hooks), f"http://127.0.0.1:{free_port()}/", "https://10.0.0.1/", "?"]
            sender = await stack.enter_async_context(
                courier(LOCAL, receipts.append, parallel=8, parallel_per_receiver=4, queue_limit=70)
            )
            for number in range(100):
                url = urls[number % len(urls)]
                sender.send(dispatch(url, delivery_id=str(number), timeout_ms=50))
            await sender.settled()
            assert (sender.waiting, sender.sending) == (0, 0)
        assert Counter(receipt.delivery_id for receipt in receipts) == Counter(map(str, range(100)))
        assert all((receipt.status is None) != (receipt.error is None) for receipt in receipts)

    run(body())


# --- who waits for whom


class Gate:
    """A resolver that holds every attempt at its name's gate, then lets it fail: attempts without any network."""

    def __init__(self, *closed: str) -> None:
        self.started: list[str] = []
        self.gates = {host: asyncio.Semaphore(0) for host in closed}
        self.policy = TargetPolicy(resolve=self._resolve)

    def open(self, host: str, times: int = 1) -> None:
        for _ in range(times):
            self.gates[host].release()

    async def _resolve(self, host: str, port: int) -> list[str]:
        self.started.append(host)
        if host in self.gates:
            await self.gates[host].acquire()
        raise OSError


class Reports:
    """Receipts as they come; `reach` waits for a number of them."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self._came = asyncio.Event()

    def __call__(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self._came.set()

    @property
    def ids(self) -> list[str]:
        return [receipt.delivery_id for receipt in self.receipts]

    async def reach(self, count: int) -> None:
        while len(self.receipts) < count:
            self._came.clear()
            await self._came.wait()


def to(host: str, number: int = 0) -> Dispatch:
    return dispatch(f"https://{host}/hook", delivery_id=f"{host}-{number}", timeout_ms=60_000)


def test_a_dead_receiver_makes_nobody_else_wait() -> None:
    async def body() -> None:
        gate, reports = Gate("dead.example"), Reports()
        async with courier(gate.policy, reports, parallel=3, parallel_per_receiver=2) as sender:
            for number in range(50):
                sender.send(to("dead.example", number))
            for number in range(50):
                sender.send(to("alive.example", number))
            await reports.reach(50)
            assert reports.ids == [f"alive.example-{number}" for number in range(50)]
            assert gate.started.count("dead.example") == 2
            assert (sender.sending, sender.waiting) == (2, 48)
            gate.open("dead.example", 50)
            await sender.settled()
        assert len(reports.receipts) == 100

    run(body())


def test_who_comes_last_waits_for_a_turn_and_not_for_a_backlog() -> None:
    async def body() -> None:
        gate, reports = Gate("a.example", "b.example"), Reports()
        async with courier(gate.policy, reports, parallel=2, parallel_per_receiver=2) as sender:
            for number in range(20):
                sender.send(to("a.example", number))
                sender.send(to("b.example", number))
            sender.send(to("c.example"))
            gate.open("a.example", 2)
            gate.open("b.example", 2)
            await reports.reach(5)
            assert "c.example-0" in reports.ids

    run(body())


def test_one_receiver_gets_its_callbacks_in_the_order_of_sending() -> None:
    async def body() -> None:
        gate, reports = Gate(), Reports()
        async with courier(gate.policy, reports, parallel_per_receiver=1) as sender:
            for number in range(20):
                sender.send(to("a.example", number))
            await sender.settled()
        assert reports.ids == [f"a.example-{number}" for number in range(20)]

    run(body())


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("https://a.example/x", "https://A.EXAMPLE:443/y?z", True),
        ("https://a.example/x", "https://a.example:8443/x", False),
        ("https://a.example/x", "https://b.example/x", False),
    ],
)
def test_a_receiver_is_a_scheme_host_and_port(one: str, other: str, shared: bool) -> None:
    async def body() -> None:
        gate = Gate("a.example", "b.example")
        async with courier(gate.policy, parallel_per_receiver=1) as sender:
            sender.send(dispatch(one))
            sender.send(dispatch(other))
            assert sender.waiting == shared

    run(body())


def test_what_waits_costs_no_task() -> None:
    async def body() -> None:
        gate = Gate("a.example")
        async with courier(gate.policy, parallel_per_receiver=2) as sender:
            before = len(asyncio.all_tasks())
            for number in range(1000):
                sender.send(to("a.example", number))
            assert len(asyncio.all_tasks()) == before + 2
            assert (sender.sending, sender.waiting) == (2, 998)

    run(body())


def test_past_the_limit_the_answer_is_an_error_and_comes_after_send_returned() -> None:
    async def body() -> None:
        gate, reports = Gate("a.example"), Reports()
        async with courier(gate.policy, reports, parallel_per_receiver=1, queue_limit=2) as sender:
            for number in range(5):
                sender.send(to("a.example", number))
            assert reports.receipts == []
            await reports.reach(2)
            assert reports.ids == ["a.example-3", "a.example-4"]
            assert {receipt.error for receipt in reports.receipts} == {"delivery queue is full (2)"}
            gate.open("a.example", 3)
            await sender.settled()
        assert sorted(reports.ids) == [f"a.example-{number}" for number in range(5)]

    run(body())


# --- settling


def test_settled_returns_at_once_where_nothing_is_to_do() -> None:
    async def body() -> None:
        async with courier() as sender:
            await sender.settled()

    run(body())


@pytest.mark.parametrize("queue_limit", [0, 10], ids=["queue full", "sent"])
def test_settled_waits_for_what_a_report_sends(queue_limit: int) -> None:
    async def body() -> None:
        seen: list[str] = []

        def retry(receipt: Receipt) -> None:
            seen.append(receipt.delivery_id)
            if len(seen) < 5:
                sender.send(to("a.example", len(seen)))

        async with courier(Gate().policy, retry, queue_limit=queue_limit) as sender:
            sender.send(to("a.example"))
            await asyncio.gather(sender.settled(), sender.settled())
        assert seen == [f"a.example-{number}" for number in range(5)]

    run(body())


@pytest.mark.parametrize("queue_limit", [0, 10], ids=["queue full", "sent"])
def test_a_report_that_fails_is_loud_and_stops_nothing(queue_limit: int) -> None:
    async def body() -> None:
        heard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.append(context["exception"]))

        def fail(receipt: Receipt) -> None:
            raise RuntimeError(receipt.delivery_id)

        async with courier(Gate().policy, fail, parallel=1, queue_limit=queue_limit) as sender:
            for number in range(3):
                sender.send(to("a.example", number))
            await sender.settled()
        assert [str(error) for error in heard] == [f"a.example-{number}" for number in range(3)]

    run(body())


# --- closing


def test_close_ends_what_is_under_way_without_a_receipt() -> None:
    async def body() -> None:
        reports, came = Reports(), asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            await reader.read()

        async with receiver(hold) as hook:
            sender = Courier(LOCAL, reports, parallel_per_receiver=1, queue_limit=1)
            for _ in range(3):
                sender.send(dispatch(hook.url))
            settling = asyncio.create_task(sender.settled())
            await came.wait()
            await asyncio.gather(sender.close(), sender.close())
            await sender.close()
            await settling
            assert (sender.sending, sender.waiting) == (0, 0)
        assert len(reports.receipts) == 1  # of the one that found the queue full

    run(body())


def test_close_before_the_first_step() -> None:
    async def body() -> None:
        reports = Reports()
        sender = Courier(Gate().policy, reports, queue_limit=1, parallel=1)
        for number in range(3):
            sender.send(to("a.example", number))
        await sender.close()
        sender.send(to("a.example", 4))
        await sender.settled()
        assert (sender.sending, sender.waiting, reports.receipts) == (0, 0, [])

    run(body())


def test_close_starts_nothing_when_an_attempt_ends_in_spite_of_it() -> None:
    async def body() -> None:
        started, before = list[str](), asyncio.all_tasks()

        async def stubborn(host: str, port: int) -> list[str]:
            started.append(host)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return []

        reports = Reports()
        sender = Courier(TargetPolicy(resolve=stubborn), reports, parallel=1)
        sender.send(to("a.example", 1))
        sender.send(to("a.example", 2))
        while not started:
            await asyncio.sleep(0)
        await sender.close()
        assert (started, sender.sending, reports.receipts) == (["a.example"], 0, [])
        assert asyncio.all_tasks() == before

    run(body())


# --- starting


def test_a_server_that_calls_nobody_starts_without_httpx() -> None:
    code = "import sys, mockserver.runtime.delivery.courier; print('httpx' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
