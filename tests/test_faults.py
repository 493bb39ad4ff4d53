"""What breaks on the wire on purpose, seen from a raw client on a real socket; and the server stays calm."""

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from mockserver.web.listening import bind, url_of
from mockserver.web.server import Server
from tests.conftest import MakeMock
from tests.house import CREATE, KEY, MINIMAL, Mock

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scenarios"
OPERATIONS = ["createVideoGeneration", "getTask", "getCredits"]
PATIENCE_S = 8


class Answer(NamedTuple):
    """All that came over a connection until it ended."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def length(self) -> int:
        """The length that the header promises."""
        return int(self.headers["content-length"])


class Wire:
    """A mock on a socket, and a client of it that sees every byte. Both live on the mock's loop."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self._listener = bind("127.0.0.1", 0)
        self.url = url_of(self._listener, "127.0.0.1")
        self._ready = asyncio.Event()
        self._server = Server(mock.app, self._ready.set)
        self._serving = mock.loop.create_task(self._server.serve(sockets=[self._listener]))
        mock.run(asyncio.wait_for(self._ready.wait(), PATIENCE_S))

    def close(self) -> None:
        self._server.should_exit = True
        self.mock.run(self._serving)

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> "asyncio.Task[bytes]":
        """Everything that the server sends on a connection of its own, to be awaited."""
        return self.mock.loop.create_task(self._exchange(_request(method, path, body, *headers)))

    def wait(self, exchange: "asyncio.Task[bytes]") -> bytes:
        received: bytes = self.mock.run(asyncio.wait_for(exchange, PATIENCE_S))
        return received

    def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> Answer | None:
        """The answer; None where the connection ended without a byte."""
        received = self.wait(self.send(method, path, body, *headers))
        return _parsed(received) if received else None

    def submit(self, *headers: str) -> Answer | None:
        return self.ask("POST", CREATE, json.dumps(MINIMAL).encode(), *headers)

    def operate(self, operation: str) -> Answer | None:
        """A request of this operation that would be answered 200."""
        if operation == "createVideoGeneration":
            return self.submit()
        path = "/v1/credits" if operation == "getCredits" else f"/v1/tasks/{self.mock.task_id()}"
        return self.ask("GET", path)

    async def _exchange(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        received = b""
        try:
            writer.write(request)
            while chunk := await reader.read(65_536):
                received += chunk
        except ConnectionResetError:
            """A cut connection: what came before counts."""
        finally:
            writer.close()
        return received


def _request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: Bearer {KEY}",
        "content-type: application/json",
        "connection: close",
        *headers,
        *(
            []
            if any(one.startswith(("content-length", "transfer-")) for one in headers)
            else [f"content-length: {len(body)}"]
        ),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
    return Answer(int(line.split()[1]), headers, body)


@pytest.fixture
def wire(make_mock: MakeMock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Iterator[Wire]:
    """A mock on a socket. Nothing that a test does to it may make it complain."""
    wire = Wire(make_mock())
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    yield wire
    wire.close()
    logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capsys.readouterr().err == ""


def script(wire: Wire, operation: str, **then: Any) -> None:
    wire.mock.scenario({"when": {"operation": operation}, "times": 1, "then": then})


def answered(answer: Answer | None) -> Answer:
    assert answer is not None, "the connection ended without an answer"
    return answer


# --- each fault


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_a_fault_the_answer_is_whole(wire: Wire, operation: str) -> None:
    answer = answered(wire.operate(operation))
    assert (answer.status, answer.length) == (200, len(answer.body))
    assert "server" not in answer.headers


def test_closed_before_answer_leaves_nothing_behind(wire: Wire) -> None:
    before = wire.mock.book()
    script(wire, "createVideoGeneration", fault="closed_before_answer")
    assert wire.submit() is None
    assert wire.mock.get("/_mock/tasks").json()["total"] == 0
    assert wire.mock.book() == before
    assert answered(wire.submit()).status == 200


def test_closed_after_accept_leaves_a_paid_task_behind(wire: Wire) -> None:
    script(wire, "createVideoGeneration", fault="closed_after_accept")
    key = "idempotency-key: invoice-2025-09-06.0001"
    assert wire.submit(key) is None
    [task] = wire.mock.get("/_mock/tasks").json()["tasks"]
    assert wire.mock.book()["user"]["reserved"] == 70_000
    again = answered(wire.submit(key))
    assert (again.headers["idempotency-replayed"], json.loads(again.body)["id"]) == ("true", task["id"])
    wire.mock.advance(5)
    assert wire.mock.book()["user"]["charged"] == 70_000


@pytest.mark.parametrize("operation", ["getTask", "getCredits"])
@pytest.mark.parametrize("fault", ["closed_before_answer", "closed_after_accept"])
def test_a_query_can_be_cut_off_too(wire: Wire, operation: str, fault: str) -> None:
    script(wire, operation, fault=fault)
    assert wire.operate(operation) is None
    assert answered(wire.operate(operation)).status == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_truncated_body_sends_less_than_it_promises(wire: Wire, operation: str) -> None:
    script(wire, operation, fault="truncated_body")
    answer = answered(wire.operate(operation))
    assert (answer.status, len(answer.body)) == (200, answer.length // 2)
    assert answer.body.startswith(b'{"')
    assert answered(wire.operate(operation)).length > 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_malformed_json_has_the_right_length_and_makes_no_sense(wire: Wire, operation: str) -> None:
    script(wire, operation, fault="malformed_json")
    answer = answered(wire.operate(operation))
    assert (answer.status, answer.length) == (200, len(answer.body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unknown_fields_come_on_top_of_what_is_documented(wire: Wire, operation: str) -> None:
    script(wire, operation, fault="unknown_fields")
    answer = answered(wire.operate(operation))
    assert (answer.status, answer.length) == (200, len(answer.body))
    body = json.loads(answer.body)
    unknown = {name for name in body if name.startswith("x_unknown")}
    assert len(unknown) == 2
    assert body.keys() - unknown == json.loads(answered(wire.operate(operation)).body).keys() - unknown


def test_stalled_holds_the_answer_until_the_clock_has_moved(wire: Wire) -> None:
    script(wire, "createVideoGeneration", fault="stalled", stall_seconds=30)
    exchange = wire.send("POST", CREATE, json.dumps(MINIMAL).encode())
    while not wire.mock.get("/_mock/tasks").json()["total"]:
        """It is on its way."""
    for seconds in (0, 10, 19.999):
        wire.mock.advance(seconds)
        assert not exchange.done()
    wire.mock.advance(0.001)
    answer = _parsed(wire.wait(exchange))
    assert (answer.status, answer.length) == (200, len(answer.body))
    assert json.loads(answer.body)["status"] == "pending"


OTHER_TIMES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a jump of its clock": ("PUT", f"/_mock/clock?key={KEY}", {"now_ms": (1757169743 + 30) * 1000}),
    "a clock that runs": ("PUT", f"/_mock/clock?key={KEY}", {"mode": "real", "speed": 1_000_000}),
    "the server's clock": ("PUT", f"/_mock/clock?key={KEY}", {"mode": "server"}),
    "its first advance": ("POST", f"/_mock/clock/advance?key={KEY}", {"ms": 30_000}),
    "its world forgotten": ("POST", "/_mock/reset", {"key": KEY}),
    "all forgotten": ("POST", "/_mock/reset", {}),
}
"""How a key's time goes on, or ends, but for an advance of the clock that it had."""


@pytest.mark.parametrize("how", OTHER_TIMES)
def test_stalled_holds_the_answer_by_whatever_clock_the_key_goes(wire: Wire, how: str) -> None:
    method, path, told = OTHER_TIMES[how]
    if how != "its first advance":
        assert wire.mock.put(f"/_mock/clock?key={KEY}", {"mode": "manual"}).status_code == 200
    wire.mock.advance(3_600)  # the server's clock is ahead of the key's, whichever that is then
    script(wire, "createVideoGeneration", fault="stalled", stall_seconds=30)
    exchange = wire.send("POST", CREATE, json.dumps(MINIMAL).encode())
    while not wire.mock.get("/_mock/tasks").json()["total"]:
        """It is on its way."""
    assert wire.mock.request(method, path, json=told).status_code == 200
    assert _parsed(wire.wait(exchange)).status == 200


def test_a_client_may_leave_while_its_answer_is_held(wire: Wire) -> None:
    script(wire, "createVideoGeneration", fault="stalled")
    exchange = wire.send("POST", CREATE, json.dumps(MINIMAL).encode())
    while not wire.mock.get("/_mock/tasks").json()["total"]:
        """It is on its way."""
    exchange.cancel()
    with pytest.raises(asyncio.CancelledError):
        wire.wait(exchange)
    assert answered(wire.submit()).status == 200
    assert wire.mock.get("/_mock/tasks").json()["total"] == 2


def test_an_error_can_be_broken_on_its_way_too(wire: Wire) -> None:
    script(wire, "createVideoGeneration", answer={"status": 500}, fault="truncated_body")
    answer = answered(wire.submit())
    assert (answer.status, len(answer.body)) == (500, answer.length // 2)
    assert wire.mock.book()["user"]["reserved"] == 0


def test_a_trigger_word_breaks_the_wire_without_a_scenario(wire: Wire) -> None:
    body = json.dumps({**MINIMAL, "prompt": "mock:fault=closed_after_accept"}).encode()
    assert wire.ask("POST", CREATE, body) is None
    assert wire.mock.get("/_mock/tasks").json()["total"] == 1


def test_the_broken_wire_of_the_fixtures_breaks_in_turn_and_then_works(wire: Wire) -> None:
    written = yaml.safe_load((FIXTURES / "broken-wire.yaml").read_bytes())
    assert wire.mock.post("/_mock/scenarios", written).status_code == 201
    truncated, malformed, cut, whole = (wire.operate("getTask") for _ in range(4))
    assert len(answered(truncated).body) < answered(truncated).length
    assert answered(malformed).body.endswith(b",")
    assert cut is None
    assert json.loads(answered(whole).body)["status"] == "pending"


def test_the_journal_tells_what_was_broken(wire: Wire) -> None:
    for fault in ("closed_before_answer", "truncated_body"):
        script(wire, "getCredits", fault=fault)
        wire.operate("getCredits")
    wire.operate("getCredits")
    assert [one["fault"] for one in wire.mock.get("/_mock/requests").json()["requests"]] == [
        "closed_before_answer",
        "truncated_body",
        None,
    ]


# --- other trouble on the wire


@pytest.mark.parametrize("promised", [1_048_577, 10**12])
def test_a_body_over_the_bound_is_answered_before_its_end(wire: Wire, promised: int) -> None:
    answer = answered(wire.ask("POST", CREATE, b"x" * 1_048_577, f"content-length: {promised}"))
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert json.loads(answer.body)["error"]["code"] == "body_too_large"


def test_a_chunked_body_over_the_bound_is_answered_before_its_end(wire: Wire) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = answered(wire.ask("POST", CREATE, chunk * 17, "transfer-encoding: chunked"))
    assert answer.status == 413


def test_a_client_may_leave_in_the_middle_of_its_request(wire: Wire) -> None:
    exchange = wire.send("POST", CREATE, b'{"model":', "content-length: 500")
    while not wire.mock.run(asyncio.wait_for(_connected(wire), PATIENCE_S)):
        """It is on its way."""
    exchange.cancel()
    with pytest.raises(asyncio.CancelledError):
        wire.wait(exchange)
    assert answered(wire.submit()).status == 200
    assert wire.mock.get("/_mock/tasks").json()["total"] == 1


async def _connected(wire: Wire) -> bool:
    await asyncio.sleep(0)
    return bool(wire._server.server_state.connections)


def test_one_connection_carries_many_requests(wire: Wire) -> None:
    async def talk() -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(wire.url.rpartition(":")[2]))
        statuses = []
        for _ in range(3):
            writer.write(_request("GET", "/v1/credits", b"").replace(b"connection: close\r\n", b""))
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            answer = _parsed(head.encode())
            await reader.readexactly(answer.length)
            statuses.append(answer.status)
        writer.close()
        await writer.wait_closed()
        return statuses

    assert wire.mock.run(asyncio.wait_for(talk(), PATIENCE_S)) == [200, 200, 200]


def test_a_query_string_is_no_part_of_the_path(wire: Wire) -> None:
    assert answered(wire.ask("GET", "/v1/credits?x=1")).status == 200


def test_a_path_is_decoded_once(wire: Wire) -> None:
    assert answered(wire.ask("GET", "/v1/tasks/%74ask-unified-1-a")).status == 404
    answer = answered(wire.ask("GET", "/v1/tasks/%2574ask-unified-1-a"))
    assert json.loads(answer.body)["error"]["code"] == "invalid_task_id"


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])


# --- many at once on one connection


def _pipelined(task_path: str, count: int) -> bytes:
    head = f"GET {task_path} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer {KEY}\r\n\r\n"
    return head.encode() * count


def test_requests_sent_without_waiting_are_answered_in_their_order(wire: Wire) -> None:
    paths = [f"/v1/tasks/{wire.mock.task_id()}" for _ in range(3)]
    answers = wire.mock.run(
        _answers(int(wire.url.rpartition(":")[2]), b"".join(_pipelined(path, 40) for path in paths), 120)
    )
    wanted = [path.rpartition("/")[2] for path in paths for _ in range(40)]
    assert [json.loads(body)["id"] for body in answers] == wanted


async def _answers(port: int, requests: bytes, count: int) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(requests)
    bodies = []
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return bodies
