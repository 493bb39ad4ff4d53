"""HTTP/1.1 by the book (RFC 9110, 9112): raw bytes and what must come of them, for every part of the server."""

import contextlib
import json
import socket
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

import httpx
import pytest

from mockserver.testing import MockServer
from mockserver.web.http import protocol

KEY = "sk-raw-0123456789"
AUTH = f"authorization: Bearer {KEY}\r\n"
BODY = json.dumps(
    {
        "model": "kling-o1-video-edit-fast",
        "prompt": "Let it snow",
        "video_urls": ["https://example.com/street.mp4"],
    }
)
TARGETS = {
    "generation": "/v1/credits",
    "files": "/api/v1/files/quota",
    "control": "/_mock/health",
    "media": "/media/task-unified-1-nothing1/0.mp4",
    "unknown": "/nowhere",
}
PATIENCE_S = 5


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as running:
        yield running


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """One connection on which every byte is the test's own."""

    def __init__(self, mock: MockServer, buffer_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.connect(("127.0.0.1", httpx.URL(mock.url).port or 0))
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, *parts: str | bytes) -> None:
        self.socket.sendall(b"".join(part.encode("latin-1") if isinstance(part, str) else part for part in parts))

    def answer(self, *, head: bool = False) -> Answer | None:
        """The next answer, its body as long as its head says; None where the connection has ended."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (field := self.file.readline().strip()) != b"":
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if head else int(headers.get("content-length", 0))
        return Answer(int(line.split()[1]), headers, self.file.read(length))

    def ask(self, *parts: str | bytes, head: bool = False) -> Answer:
        self.send(*parts)
        answer = self.answer(head=head)
        assert answer is not None, "the connection ended without an answer"
        return answer

    @property
    def has_ended(self) -> bool:
        return self.file.read(1) == b""


@pytest.fixture
def raw(mock: MockServer) -> Iterator[Raw]:
    with Raw(mock) as connection:
        yield connection


def get(target: str, *fields: str, version: str = "1.1", method: str = "GET") -> str:
    return (
        f"{method} {target} HTTP/{version}\r\n"
        + "".join(f"{one}\r\n" for one in ("host: 127.0.0.1", *fields))
        + AUTH
        + "\r\n"
    )


def post(body: str = BODY, *fields: str, target: str = "/v1/videos/generations") -> str:
    length = () if any("transfer-encoding" in one for one in fields) else (f"content-length: {len(body)}",)
    head = get(target, "content-type: application/json", *length, *fields, method="POST")
    return head + body


def error_of(answer: Answer) -> str:
    """The message of an error in the API's own shape."""
    told = json.loads(answer.body)
    return str(told["error"]["message"] if "error" in told else told["msg"])


# --- HEAD


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_answer_to_head_has_no_body_and_the_connection_goes_on(raw: Raw, target: str) -> None:
    told = raw.ask(get(target, method="HEAD"), head=True)
    assert raw.ask(get("/v1/credits")).status == 200
    assert "content-length" in told.headers


def test_one_client_may_ask_head_and_get(mock: MockServer) -> None:
    with httpx.Client(base_url=mock.url, headers=mock.headers) as client:
        statuses = [client.request(method, "/v1/credits").status_code for method in ("HEAD", "GET", "HEAD", "GET")]
    assert statuses == [405, 200, 405, 200]


# --- pipelines


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_pipelined_requests_are_answered_in_their_order(raw: Raw, target: str) -> None:
    raw.send(get("/v1/credits"), get(target), post(), get("/_mock/health"), get("/v1/models"))
    answers = [raw.answer() for _ in range(5)]
    assert [one.status for one in answers if one][0::2] == [200, 200, answers[4].status if answers[4] else 0]
    assert b'"pending"' in (answers[2].body if answers[2] else b"")


@pytest.mark.parametrize("first", [get("/_mock/health"), get("/v1/credits"), post()], ids=["control", "get", "post"])
def test_what_was_asked_before_the_garbage_is_answered_first(raw: Raw, first: str) -> None:
    answer = raw.ask(first, "garbage that is no request\r\n\r\n")
    assert answer.status == 200
    wrong = raw.answer()
    assert wrong is not None
    assert (wrong.status, wrong.headers["connection"]) == (400, "close")
    assert error_of(wrong).startswith("This is no HTTP request")
    assert raw.has_ended


def test_a_paid_task_before_the_garbage_is_not_lost(mock: MockServer, raw: Raw) -> None:
    before = len(mock.as_key(KEY).tasks)
    raw.ask(post(), "\x00\x01")
    assert len(mock.as_key(KEY).tasks) == before + 1


def test_a_client_that_pipelines_and_never_reads_is_stopped(mock: MockServer) -> None:
    """The server stops reading: soon nothing more can be sent to it."""
    pipeline = get("/v1/credits").encode() * 1_000
    with Raw(mock, buffer_bytes=4096) as connection:
        connection.socket.settimeout(0.5)
        assert taken(connection.socket, pipeline, times=200) < 16 * 1024 * 1024
    assert httpx.get(f"{mock.url}/v1/credits", headers=mock.headers).status_code == 200


def taken(client: socket.socket, content: bytes, *, times: int) -> int:
    """How many bytes of this could be sent before nothing was taken any more."""
    sent = 0
    with contextlib.suppress(TimeoutError):
        for _ in range(times):
            sent += client.send(content)
    return sent


# --- heads


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (f"GET /v1/credits HTTP/1.1\r\n{AUTH}\r\n", "no Host header"),
        (f"GET /v1/credits HTTP/1.1\r\nhost: a\r\nhost: b\r\n{AUTH}\r\n", "2 Host headers"),
        (f"GET /v1/credits HTTP/1.1\r\nhost: a b\r\n{AUTH}\r\n", "the Host header a b"),
        (f"GET /v1/credits HTTP/1.0\r\nhost: a/b\r\n{AUTH}\r\n", "the Host header a/b"),
        ("\x16\x03\x01\x02\x00\x01\x00", ""),
        ("GET /v1/credits HTTP/9.9\r\nhost: m\r\n\r\n", ""),
        ("GET /v1/credits\r\n\r\n", "version 0.9"),
        ("GET /v1/credits HTTP/1.1\r\nhost m\r\n\r\n", ""),
        ("GET /v1/credits HTTP/1.1\r\nhost: m\r\nx: a\x00b\r\n\r\n", ""),
        ("POST /v1/videos/generations HTTP/1.1\r\nhost: m\r\ncontent-length: -1\r\n\r\n", ""),
        ("POST /v1/videos/generations HTTP/1.1\r\nhost: m\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\nhost: m\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n", ""),
    ],
)
def test_what_is_no_request_is_told_in_the_apis_own_shape(raw: Raw, head: str, reason: str) -> None:
    answer = raw.ask(head)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert error_of(answer).startswith(f"This is no HTTP request: {reason}")
    assert raw.has_ended


def test_a_request_of_http_1_0_needs_no_host_and_ends_the_connection(raw: Raw) -> None:
    assert raw.ask(f"GET /v1/credits HTTP/1.0\r\n{AUTH}\r\n").status == 200
    assert raw.has_ended


@pytest.mark.parametrize("target", [TARGETS["generation"], TARGETS["control"]])
def test_http_1_0_may_ask_to_stay(raw: Raw, target: str) -> None:
    for _ in range(2):
        answer = raw.ask(get(target, "connection: keep-alive", version="1.0"))
        assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")


@pytest.mark.parametrize("host", ["", "a_b.example:8787", "[::1]:80", "a%20b", "localhost:"])
def test_what_can_be_a_host_is_one(raw: Raw, host: str) -> None:
    assert raw.ask(f"GET /v1/credits HTTP/1.1\r\nhost: {host}\r\n{AUTH}\r\n").status == 200


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_connection_ends_where_the_client_asks_for_it(raw: Raw, target: str) -> None:
    assert raw.ask(get(target, "connection: close")).headers["connection"] == "close"
    assert raw.has_ended


def test_a_head_without_end_is_bounded(raw: Raw) -> None:
    answer = raw.ask("GET /v1/credits HTTP/1.1\r\nhost: m\r\nx: ", "y" * 200_000)
    assert answer.status == 431
    assert "longer than 65536 bytes" in error_of(answer)


def test_many_fields_are_bounded(raw: Raw) -> None:
    fields = "".join(f"x-{number}: {'y' * 90}\r\n" for number in range(2_000))
    assert raw.ask(f"GET /v1/credits HTTP/1.1\r\nhost: m\r\n{fields}\r\n").status == 431


@pytest.mark.parametrize(
    "target", ["http://anywhere.example/v1/credits", "/v1/cr%65dits", "/v1/credits?", "/v1/credits?a=%zz"]
)
def test_a_target_in_another_form_is_the_same(raw: Raw, target: str) -> None:
    assert raw.ask(get(target)).status == 200


@pytest.mark.parametrize(
    "target", ["*", "//v1/credits", "/v1/credits/", "/v1%2Fcredits%00", "/%ff", "/" + "a" * 60_000]
)
def test_a_target_that_nothing_answers(raw: Raw, target: str) -> None:
    answer = raw.ask(get(target))
    assert answer.status in (200, 404)
    assert json.loads(answer.body)


def test_an_offer_of_another_protocol_is_left_alone(raw: Raw) -> None:
    upgrade = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__")
    assert raw.ask(get("/v1/credits", *upgrade)).status == 200
    assert raw.ask(post(BODY, *upgrade), get("/v1/credits")).status == 200
    answer = raw.answer()
    assert answer is not None
    assert answer.status == 200


# --- bodies


def test_a_body_in_chunks_with_trailers(raw: Raw) -> None:
    half = len(BODY) // 2
    chunks = "".join(f"{len(one):x};name=value\r\n{one}\r\n" for one in (BODY[:half], BODY[half:]))
    answer = raw.ask(
        post(chunks + "0\r\nx-trailer: 1\r\nauthorization: Bearer other\r\n\r\n", "transfer-encoding: chunked")
    )
    assert answer.status == 200
    assert raw.ask(get("/v1/credits")).status == 200


def test_leave_to_send_the_body_is_given(raw: Raw) -> None:
    head, body = post(BODY, "expect: 100-continue").split("\r\n\r\n", 1)
    assert raw.ask(head, "\r\n\r\n").status == 100
    assert raw.ask(body).status == 200


@pytest.mark.parametrize("target", ["/v1/videos/generations", "/api/v1/files/upload/base64", "/_mock/reset"])
def test_a_body_over_the_bound_is_refused_while_it_is_still_sent(raw: Raw, target: str) -> None:
    """The sender gets to read the answer, though it goes on to send all that it has."""
    size = 30_000_000
    raw.send(get(target, "content-type: application/json", f"content-length: {size}", method="POST"))
    for _ in range(size // 1_000_000):
        raw.send(b"x" * 1_000_000)
    answer = raw.answer()
    assert answer is not None
    assert answer.status == 413


@pytest.mark.parametrize(
    "target", ["/v1/videos/generations", "/api/v1/files/upload/base64", "/_mock/requests/verify"]
)
@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", "nonsense"])
def test_a_body_in_an_encoding_that_is_not_known(raw: Raw, target: str, encoding: str) -> None:
    answer = raw.ask(post(BODY, f"content-encoding: {encoding}", target=target))
    assert answer.status == 415
    assert f'Content-Encoding: received "{encoding}"' in error_of(answer)


def test_a_client_may_say_its_last_and_still_read(raw: Raw) -> None:
    raw.send(post())
    raw.socket.shutdown(socket.SHUT_WR)
    answer = raw.answer()
    assert answer is not None
    assert answer.status == 200
    assert raw.has_ended


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_request_may_come_in_pieces(raw: Raw, piece: int) -> None:
    whole = (post() + get("/_mock/health") + get("/v1/credits")).encode()
    for start in range(0, len(whole), piece):
        raw.send(whole[start : start + piece])
    answers = [raw.answer() for _ in range(3)]
    assert [one.status for one in answers if one] == [200, 200, 200]


def test_a_streamed_answer_comes_in_chunks_and_the_connection_goes_on(mock: MockServer) -> None:
    with httpx.Client(base_url=mock.url, headers=mock.headers) as client:
        client.post("/v1/videos/generations", content=BODY, headers={"content-type": "application/json"})
        log = client.get("/_mock/log")
        assert log.headers["transfer-encoding"] == "chunked"
        assert log.text.count("\n") >= 2
        assert client.get("/v1/credits").status_code == 200


def test_a_streamed_answer_to_http_1_0_ends_with_the_connection(mock: MockServer, raw: Raw) -> None:
    mock.as_key(KEY).account(credits=5)
    raw.send("GET /_mock/log HTTP/1.0\r\n\r\n")
    received = raw.file.read()
    assert b"transfer-encoding" not in received.lower()
    assert b'{"replay":2' in received


@pytest.mark.parametrize("target", ["/v1/credits", "/healthz"])
@pytest.mark.parametrize("more", ["rubbish" * 100, get("/v1/credits"), "\r\n"])
def test_what_follows_the_last_request_is_none(raw: Raw, target: str, more: str) -> None:
    assert raw.ask(get(target, "connection: close"), more).status == 200
    assert raw.has_ended


@pytest.mark.parametrize("target", ["/v1/credits", "/healthz", "/_mock/log"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_still_sends_behind_the_last_request_reads_its_answer(raw: Raw, target: str, version: str) -> None:
    assert raw.ask(get(target, "connection: close", version=version), b"x" * 8 * 1024**2).status == 200


def test_who_goes_on_sending_behind_the_last_request_is_let_go(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LINGER_MOST_S", 0)
    assert raw.ask(get("/v1/credits", "connection: close")).status == 200
    with pytest.raises(ConnectionError):
        deque(map(raw.send, repeat("x")), maxlen=0)


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity, chunked", "chunked, chunked"])
def test_a_transfer_coding_that_is_not_known(raw: Raw, coding: str) -> None:
    answer = raw.ask(post(f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n", f"transfer-encoding: {coding}"))
    assert answer.status == 400
    assert raw.has_ended


@pytest.mark.parametrize("first", ["gzip", "identity", "chunked", ""])
def test_two_lines_of_transfer_codings_are_one_list(raw: Raw, first: str) -> None:
    fields = (f"transfer-encoding: {first}", "transfer-encoding: chunked")
    assert raw.ask(post(f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n", *fields)).status == 400
    assert raw.has_ended


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://evil.example/_mock/health", 403),
        ("http://127.0.0.1@evil.example/_mock/health", 403),
        ("http://somebody@localhost:1/_mock/health", 200),
    ],
)
def test_the_host_of_a_whole_target_is_the_one_that_counts(raw: Raw, target: str, status: int) -> None:
    assert raw.ask(get(target)).status == status


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS"])
def test_whether_the_server_lives_is_only_asked(raw: Raw, method: str) -> None:
    answer = raw.ask(get("/healthz", method=method))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("query", ["", "?pulse=true"])
def test_the_head_of_a_stream_is_all_of_it(raw: Raw, query: str) -> None:
    told = raw.ask(get(f"/_mock/events{query}", method="HEAD"), head=True)
    assert (told.status, told.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert raw.ask(get("/v1/credits")).status == 200
