"""The journal shows what came and what went, but no secret; and says whether a request like this was there."""

import time
from typing import Any

import pytest

from mockserver.web import journal
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import check
from tests.house import CREATE, KEY, MINIMAL, OTHER_KEY, Mock
from tests.listener import Listener
from tests.receiver import Receiver

# --- journal


def test_the_journal_shows_requests_and_answers(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.get(f"/v1/tasks/{task_id}")
    mock.get("/v1/credits", key=None)
    first, second, third = mock.get("/_mock/requests").json()["requests"]
    assert (first["method"], first["path"], first["body"], first["task_id"]) == ("POST", CREATE, MINIMAL, task_id)
    assert (second["status"], second["answer"]["id"], second["body"]) == (200, task_id, None)
    assert (third["status"], third["tenant"]) == (401, None)
    assert [one["sequence"] for one in (first, second, third)] == [1, 2, 3]
    assert first["headers"]["authorization"] == f"Bearer …{KEY[-4:]}"
    own = mock.get("/_mock/requests", params={"key": KEY, "limit": 1}).json()["requests"]
    assert own == [second]


def test_the_journal_shows_headers_of_answers_and_when_it_really_was(mock: Mock) -> None:
    before = time.time_ns() // 1_000_000
    mock.scenario({"then": {"answer": {"status": 429, "retry_after": 7}}})
    mock.submit()
    [entry] = mock.get("/_mock/requests").json()["requests"]
    assert entry["answer_headers"]["retry-after"] == "7"
    assert before <= entry["real_ms"] <= time.time_ns() // 1_000_000


def test_the_journal_shows_who_fetched_a_result_and_what_they_sent(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.advance(5)
    [url] = mock.task(task_id)["results"]
    mock.get(url, headers={"range": "bytes=0-9"})
    mock.get("/media/nobody/0.mp4", key=None)
    *_, fetched = mock.get("/_mock/requests", params={"key": KEY}).json()["requests"]
    assert (fetched["status"], fetched["task_id"], fetched["answer"]) == (206, task_id, None)
    assert fetched["headers"]["authorization"] == f"Bearer …{KEY[-4:]}"
    [*_, unknown] = mock.get("/_mock/requests").json()["requests"]
    assert (unknown["status"], unknown["tenant"]) == (404, None)
    check(mock.get("/_mock/requests"), "listRequests", "control")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[" * 5000, '"\u2603"'.encode(), b""])
def test_the_journal_shows_any_body(mock: Mock, body: bytes) -> None:
    mock.post(CREATE, content=body, headers={"content-type": "application/json"})
    [entry] = mock.get("/_mock/requests").json()["requests"]
    assert entry["status"] == 400
    check(mock.get("/_mock/requests"), "listRequests", "control")


def test_the_journal_is_bounded(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(journal_entries=3, journal_body_bytes=150))
    for number in range(5):
        mock.submit(prompt=str(number) + "x" * (number * 50))
    entries = mock.get("/_mock/requests").json()["requests"]
    assert [(one["sequence"], one["body_truncated"]) for one in entries] == [(3, True), (4, True), (5, True)]
    assert all(len(one["body"]) == 150 for one in entries)


def test_what_the_journal_has_forgotten_of_a_key_is_told(make_mock: MakeMock) -> None:
    """A key that asks on and on pushes out what another one sent: that it "never came" would be untrue."""
    mock = make_mock(bounds=Bounds(journal_entries=3))
    expected = {"key": KEY, "path": CREATE}
    mock.submit()
    assert "forgotten" not in mock.post("/_mock/requests/verify", expected).json()
    for _ in range(4):
        mock.get("/v1/credits", key=OTHER_KEY)
    told = check(mock.post("/_mock/requests/verify", expected), "verifyRequests", "control")
    assert told == {"verified": False, "matched": 0, "forgotten": 1}
    listed = [{}, {"key": KEY}, {"key": OTHER_KEY}, {"key": "sk-of-nobody"}]
    records = [check(mock.get("/_mock/requests", params=one), "listRequests", "control") for one in listed]
    assert [one.get("forgotten") for one in records] == [2, 1, 1, None]
    mock.post("/_mock/reset", {"key": KEY})
    assert "forgotten" not in mock.post("/_mock/requests/verify", expected).json()


def test_what_is_known_of_forgotten_requests_is_bounded(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COUNTED", 2)
    mock = make_mock(bounds=Bounds(journal_entries=1))
    keys = [f"sk-one-of-many-{number}" for number in range(5)]
    for key in (*keys[:2], keys[0], *keys[2:]):
        mock.get("/v1/credits", key=key)
    counts = [mock.get("/_mock/requests", params={"key": key}).json().get("forgotten") for key in keys]
    assert counts == [None, None, 1, 1, None]
    assert mock.get("/_mock/requests").json()["forgotten"] == 5


SECRETS = {
    "authorization": f"Bearer {KEY}",
    "cookie": f"session={KEY}; theme=dark",
    "x-api-key": KEY,
    "proxy-authorization": f"Basic {KEY}",
}


@pytest.mark.parametrize("odd", [None, KEY, f"{KEY} trailing", f"Token {KEY}", f"Bearer\t{KEY}", f"Bearer  {KEY} "])
def test_no_secret_is_ever_written(
    local: Mock, odd: str | None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[bytes] = []
    with Receiver(local) as receiver, Listener(local, f"/_mock/events?key={KEY}") as listener:
        local.scenario({"when": {"task_id": "x"}, "then": {"answer": {"status": 500}}})
        local.account(credits=100)
        local.submit(callback_url=receiver.url, headers=SECRETS)
        local.request("POST", CREATE, key=None, json=MINIMAL, headers={**SECRETS, "authorization": odd or ""})
        local.get("/v1/credits", key=None, headers={"authorization": odd or f"Bearer {KEY}"})
        local.advance(5)
        listener.events(7)
        heard = listener.chunks
    params, of_all = {"key": KEY}, {"health"}
    for path in ("tasks", "ledger", "callbacks", "requests", "scenarios", "clock", "log", *of_all):
        plain, of_key = local.get(f"/_mock/{path}"), local.get(f"/_mock/{path}", params=params)
        assert (plain.status_code, of_key.status_code) == (200, 400 if path in of_all else 200)
        assert KEY not in plain.text + of_key.text
    assert heard
    assert KEY.encode() not in b"".join(heard)
    assert KEY not in repr(receiver.requests) + caplog.text + "".join(capsys.readouterr())


# --- verify


@pytest.mark.parametrize(
    ("expected", "verified", "matched"),
    [
        ({}, True, 4),
        ({"method": "POST"}, True, 3),
        ({"method": "POST", "status": 200}, True, 2),
        ({"path": "/v1/credits"}, True, 1),
        ({"body": {"prompt": "Make it rain"}}, True, 1),
        ({"body": {"prompt": "Make it hail"}}, False, 0),
        ({"body": MINIMAL, "count": 2}, True, 2),
        ({"body": MINIMAL, "count": 1}, False, 2),
        ({"headers": {"Content-Type": "application/json"}}, True, 3),
        ({"key": OTHER_KEY}, True, 1),
        ({"key": OTHER_KEY, "at_most": 0}, False, 1),
        ({"method": "DELETE", "at_most": 0}, True, 0),
        ({"method": "DELETE", "count": 0}, True, 0),
        ({"method": "POST", "at_least": 4}, False, 3),
        ({"method": "POST", "at_least": 1, "at_most": 3}, True, 3),
    ],
)
def test_verify_counts_the_requests_that_are_alike(
    mock: Mock, expected: dict[str, Any], verified: bool, matched: int
) -> None:
    mock.submit()
    mock.submit(key=OTHER_KEY)
    mock.submit(prompt="Make it rain", video_urls=[])
    mock.get("/v1/credits")
    answer = check(mock.post("/_mock/requests/verify", expected), "verifyRequests", "control")
    assert (answer["verified"], answer["matched"]) == (verified, matched)
    assert ("nearest" in answer) == (matched == 0)


def test_verify_shows_the_nearest_miss(mock: Mock) -> None:
    mock.get("/v1/credits")
    mock.submit(prompt="Make it rain")
    expected = {
        "method": "POST",
        "path": CREATE,
        "body": {"prompt": "Make it snow", "callback_url": "https://x.example"},
    }
    nearest = mock.post("/_mock/requests/verify", expected).json()["nearest"]
    assert nearest["request"]["body"]["prompt"] == "Make it rain"
    assert nearest["differences"] == [
        {"place": "body.prompt", "expected": "Make it snow", "received": "Make it rain"},
        {"place": "body.callback_url", "expected": "https://x.example", "received": None},
    ]


@pytest.mark.parametrize(
    ("expected", "looked_into"),
    [
        ({"method": "POST", "path": CREATE, "count": 20}, 0),
        ({"path": "/v1/nowhere", "at_most": 0}, 1),  # the nearest, to be shown
    ],
)
def test_verify_looks_into_no_more_than_it_must(
    mock: Mock, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any], looked_into: int
) -> None:
    for _ in range(20):
        mock.submit()
    mock.get("/v1/credits")
    unpacked: list[bytes] = []
    unpack = journal._unpack

    def counting(packed: bytes) -> Any:
        unpacked.append(packed)
        return unpack(packed)

    monkeypatch.setattr(journal, "_unpack", counting)
    assert mock.post("/_mock/requests/verify", expected).json()["verified"]
    assert len(unpacked) == looked_into


def test_verify_survives_bodies_nested_as_deep_as_they_get(mock: Mock) -> None:
    for depth in range(50, 1000, 150):
        nested = b'{"x":' * depth + b"1" + b"}" * depth
        mock.post(CREATE, content=nested, headers={"content-type": "application/json"})
        response = mock.post("/_mock/requests/verify", content=b'{"body":' + nested + b"}")
        assert response.status_code in {200, 400}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("page=2&key=sk-of-somebody-1234", "page=2&key=…1234"),
        ("API_KEY=sk-of-somebody-1234&page=2", "API_KEY=…1234&page=2"),
        ("k=sk-of-somebody%2D1234", "k=…1234"),
        ("token=", "token="),
        ("monkey=see&page=%00", "monkey=see&page=%00"),
    ],
)
def test_a_key_in_the_query_is_never_kept_in_sight(make_mock: MakeMock, query: str, shown: str) -> None:
    mock = make_mock()
    mock.get(f"/v1/credits?{query}")
    assert mock.get("/_mock/requests").json()["requests"][-1]["query"] == shown
