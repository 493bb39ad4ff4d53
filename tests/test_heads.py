"""Heads that came before: only what is plain is known again, and no more of it than a bound."""

import pytest

from mockserver.web.http.heads import Heads
from mockserver.web.http.reader import Reader
from mockserver.web.http.request import Request, WrongRequestError

PLAIN = b"POST /v1/a?b=c HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}"


def read(heads: Heads, *pieces: bytes) -> list[Request]:
    whole: list[Request] = []
    reader = Reader(lambda _: None, whole.append, lambda _: 1_000, heads)
    for piece in pieces:
        reader.feed(piece)
    return whole


def test_a_head_is_known_again_with_any_body_of_its_length() -> None:
    heads = Heads()
    (first,) = read(heads, PLAIN)
    again = heads.request(PLAIN.replace(b"{}", b"[]"))
    assert again is not None
    assert (again.method, again.path, again.query, again.body) == ("POST", "/v1/a", b"b=c", b"[]")
    assert again.fields == first.fields == dict(first.headers)


def test_a_line_and_headers_that_came_apart_are_known_together() -> None:
    heads = Heads()
    read(heads, PLAIN)
    read(heads, b"GET /v1/b HTTP/1.1\r\nHost: a\r\n\r\n")
    known = heads.request(PLAIN.replace(b"POST /v1/a?b=c", b"GET /v1/b"))
    assert known is not None
    assert (known.method, known.path, known.body) == ("GET", "/v1/b", b"{}")


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN[:-1],
        PLAIN + b"x",
        PLAIN + PLAIN,
        PLAIN[:-6],
        b"\r\n" + PLAIN,
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"Host", b"host"),
    ],
    ids=["less body", "more body", "two requests", "no end of the head", "a line before", "1.0", "another case"],
)
def test_what_is_not_byte_for_byte_one_known_request_is_for_the_parser(raw: bytes) -> None:
    heads = Heads()
    read(heads, PLAIN)
    assert heads.request(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.replace(b"Keep-Alive", b"close"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"/v1/a", b"http://b/v1/a"),
        PLAIN.replace(b"Host: a", b"Host: a\r\nAccept: a\r\nAccept: b"),
        PLAIN.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue"),
        PLAIN.replace(b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        PLAIN.replace(b"Keep-Alive", b"Upgrade\r\nUpgrade: h2c"),
    ],
    ids=["the last", "1.0", "absolute target", "a name twice", "waits for leave", "chunked", "another protocol"],
)
def test_a_head_that_asks_for_more_is_not_learned(raw: bytes) -> None:
    heads = Heads()
    assert len(read(heads, raw)) == 1
    assert heads.request(raw) is None


def test_what_follows_the_beginning_of_another_request_belongs_to_that() -> None:
    heads = Heads()
    read(heads, PLAIN)
    with pytest.raises(WrongRequestError, match="malformed_request"):
        read(heads, PLAIN + b"GE", PLAIN)


def test_a_body_over_the_limit_of_its_path_is_refused_though_its_head_is_known() -> None:
    heads, whole, limit = Heads(), list[Request](), 2
    reader = Reader(lambda _: None, whole.append, lambda _: limit, heads)
    reader.feed(PLAIN)
    limit = 1
    with pytest.raises(WrongRequestError, match="body_too_large"):
        reader.feed(PLAIN)
    assert len(whole) == 1


def test_what_is_known_has_a_bound() -> None:
    heads, raws = Heads(), [b"GET /%d HTTP/1.1\r\nHost: %b%d\r\n\r\n" % (n, b"x" * 1_900, n) for n in range(3_000)]
    for raw in raws:
        read(heads, raw)
    assert 0 < sum(heads.request(raw) is not None for raw in raws) <= 1_100
    long = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 10_000)
    read(heads, long)
    assert heads.request(long) is None
