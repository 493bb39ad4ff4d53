"""Whatever a parser is given: a result or the one refusal that its place has, and nothing else is raised."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract.document.document import load
from mockserver.contract.operation import Request as RequestContract
from mockserver.contract.request.objection import Objection
from mockserver.contract.request.query import Query
from mockserver.data import data
from mockserver.interception.proxying import NotProxyingError, ask_of
from mockserver.runtime.delivery.target import TargetPolicy
from mockserver.web.control import guard
from mockserver.web.files import content
from mockserver.web.http.heads import Heads
from mockserver.web.http.parsing import NESTED_LIMIT, UnreadableError, json_of, parsed
from mockserver.web.http.reader import Reader
from mockserver.web.http.request import Request, WrongRequestError
from mockserver.web.journal import Journal

OFTEN = settings(max_examples=60, deadline=None)
CONTROL = load(data("openapi", "control.yaml"))
LIST = next(raw for _, path, raw in CONTROL.operations() if path == "/_mock/tasks")
SCENARIO = RequestContract(CONTROL, CONTROL.raw["components"]["schemas"]["Scenario"], required=True)
JUNK = st.binary(max_size=300)


def near(*words: bytes) -> st.SearchStrategy[bytes]:
    """Bytes made of the words that a parser looks for, and others."""
    return st.lists(st.sampled_from(words) | st.binary(max_size=4), max_size=25).map(b"".join)


def bytes_as_text(raw: bytes) -> str:
    return raw.decode("latin-1")


# --- JSON, in one place


def nested(depth: int, kind: str) -> bytes:
    return (b"[" * depth + b"]" * depth) if kind == "list" else b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", [1, NESTED_LIMIT, NESTED_LIMIT + 1, 254, 255, 256, 500, 980, 1025, 100_000])
def test_json_that_is_read_is_never_too_deep_for_what_follows(depth: int, kind: str) -> None:
    if depth > NESTED_LIMIT:
        with pytest.raises(UnreadableError, match="nested too deeply"):
            json_of(nested(depth, kind))
        return
    value = json_of(nested(depth, kind))
    assert isinstance(SCENARIO.objection({"name": value, "rules": value}), Objection)


def test_json_may_be_as_wide_as_it_likes() -> None:
    wide = json.dumps([[1], {"a": [2]}] * 5_000).encode()
    assert len(json_of(wide)) == 10_000


@OFTEN
@given(JUNK | near(b"{", b"}", b"[", b"]", b'"', b"\\u", b"\xff", b":", b",", b"1e999", b"NaN", b"\\ud800"))
def test_json(raw: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        json.dumps(json_of(raw))


@pytest.mark.parametrize(
    "raised", [KeyError("a"), RecursionError(), OverflowError(), AssertionError(), UnicodeError()]
)
def test_whatever_a_parser_raises_is_one_refusal(raised: Exception) -> None:
    def parse(_: bytes) -> None:
        raise raised

    with pytest.raises(UnreadableError) as told:
        parsed(parse, b"")
    assert str(told.value)


# --- requests


def outcome(pieces: list[bytes], heads: Heads) -> tuple[list[Any], str | None]:
    """The requests that bytes make, and what ends them."""
    whole: list[Request] = []
    reader = Reader(lambda _: None, whole.append, lambda _: 1_000, heads)
    wrong = None
    try:
        for piece in pieces:
            reader.feed(piece)
    except WrongRequestError as error:
        wrong = error.refusal
    assert isinstance(reader.method + reader.path, str)
    return [(one.method, one.path, one.query, one.headers, one.body, one.keep_alive) for one in whole], wrong


REQUESTS = near(
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST /a%62?c=%ff HTTP/1.1\r\nhost: a\r\n",
    b"HEAD http://b/ HTTP/1.0\r\n",
    b"content-length: 5\r\n\r\n12345",
    b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n",
    b"host: a\r\n",
    b"x",
)


@OFTEN
@given(REQUESTS, st.lists(st.integers(0, 400), max_size=4))
def test_requests_are_the_same_however_their_bytes_come(raw: bytes, cuts: list[int]) -> None:
    places = sorted(place % (len(raw) + 1) for place in cuts)
    pieces = [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
    assert outcome([piece for piece in pieces if piece], Heads()) == outcome([raw] if raw else [], Heads())


WHOLE = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
PIECES = REQUESTS | st.sampled_from([WHOLE, WHOLE + b"GE", WHOLE + b"\r\n", b"\r\n", b"GE", b"x"])


@OFTEN
@given(st.lists(PIECES.filter(bool), max_size=6))
def test_requests_are_the_same_when_their_heads_came_before(pieces: list[bytes]) -> None:
    heads = Heads()
    for piece in pieces:
        outcome([piece], heads)
    assert outcome(pieces, heads) == outcome([b"".join(pieces)] if pieces else [], Heads())


# --- forms and files


@OFTEN
@given(
    JUNK | near(b"multipart/form-data", b"; boundary=", b"line", b'"', b"\\", b"=" * 30, b"boundary*0=", b"x" * 300),
    near(b"--line", b"\r\n", b'content-disposition: form-data; name="file"; filename="', b'"', b"--", b"; ", b":"),
)
def test_forms(kind: bytes, body: bytes) -> None:
    assert isinstance(content.boundary_of(kind), bytes)
    for one in (kind, b"multipart/form-data; boundary=line"):
        with contextlib.suppress(UnreadableError):
            assert isinstance(content.form_of(one, body), content.Form)


@OFTEN
@given(st.text() | near(b"data:", b";base64,", b"AAAA", b"=", b"image/png").map(bytes_as_text))
def test_base64(text: str) -> None:
    assert isinstance(content.of_base64(text), bytes | Objection)


@OFTEN
@given(near(b"\x89PNG\r\n\x1a\n", b"RIFF", b"WEBP", b"\xff\xd8\xff", b"GIF89a", b"ftypmp42", b"PK\x03\x04", b"<?xml"))
def test_what_content_is(raw: bytes) -> None:
    assert isinstance(content.recognised(raw), str | None)


# --- queries, hosts, URLs, proxies


@OFTEN
@given(JUNK | near(b"limit=", b"&", b"%", b"%ff", b"9" * 400, b"key=", b";", b"+", b"="))
def test_queries(raw: bytes) -> None:
    query = Query(CONTROL, LIST)
    assert isinstance(query.objection(query.read(raw)), Objection | None)
    assert isinstance(query.unknown(raw), str | None)


@OFTEN
@given(near(b"[", b"]", b"::1", b"127.0.0.1", b":", b"99999", b"localhost", b"@", b"%", b"."), JUNK)
def test_hosts_and_origins(host: bytes, origin: bytes) -> None:
    told = guard.objection({b"host": host, b"origin": origin}, token=None, loopback=True)
    assert told is None or told[0] == 403
    guard.objection({b"authorization": b"Bearer " + origin}, token="s\u00e9cret", loopback=False)


@OFTEN
@given(
    st.text()
    | near(b"https://", b"[", b"]", b"::", b"0x7f", b".", b":", b"99999", b"@", b"%", b"/").map(bytes_as_text)
)
def test_callback_urls(url: str) -> None:
    assert isinstance(TargetPolicy().objection(url), str | None)


@OFTEN
@given(
    near(b"CONNECT ", b"GET ", b"http://", b"api.evolink.ai", b":443", b":99999", b" HTTP/1.1\r\n", b"\r\n", b"[::1]")
)
def test_what_a_proxy_is_asked(head: bytes) -> None:
    with contextlib.suppress(NotProxyingError):
        assert isinstance(ask_of(head).target, str)


@OFTEN
@given(JUNK, JUNK, JUNK)
def test_the_journal(query: bytes, value: bytes, body: bytes) -> None:
    from mockserver.web.http.exchange import Answer

    journal = Journal()
    journal.add(0, "GET", "/", [(b"authorization", value), (b"x", value)], body, Answer(200, [], body), query)
    [entry] = journal.entries()
    json.dumps(entry.record())
