"""Everything that happens, as server-sent events."""

import asyncio

import msgspec
import pytest

from mockserver.simulation.event import Fired, Happening
from tests.conftest import MakeMock
from tests.documents import check_schema, schema
from tests.house import CREATE, KEY, MINIMAL, OTHER_KEY, START_MS, Mock
from tests.listener import Listener

FIELDS = {b"authorization": f"Bearer {KEY}".encode(), b"content-type": b"application/json"}


def test_events_stream_as_they_happen(mock: Mock) -> None:
    with Listener(mock, "/_mock/events") as listener:
        assert (listener.status, listener.headers[b"content-type"]) == (200, b"text/event-stream; charset=utf-8")
        assert listener.events(0) == []
        task_id = mock.task_id()
        assert [one["type"] for one in listener.events(2)] == ["task.submitted", "credits.reserved"]
        fired = mock.advance(5)["fired"]
        assert listener.events(2 + len(fired))[2:] == fired
        assert {one["task_id"] for one in listener.events(0)} == {task_id}
        check_schema(listener.events(0), {"type": "array", "items": schema("control", "Event")}, "control")
        assert b"event: task.completed\ndata: {" in b"".join(listener.chunks)


def test_events_stream_of_one_key_only(mock: Mock) -> None:
    with Listener(mock, f"/_mock/events?key={OTHER_KEY}") as listener:
        mock.task_id()
        theirs = mock.task_id(key=OTHER_KEY)
        mock.advance(5)
        assert {one["task_id"] for one in listener.events(5)} == {theirs}


def test_a_listener_that_falls_behind_is_let_go(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.web.control.stream.BACKLOG_LIMIT", 10)
    with Listener(mock, "/_mock/events"):
        event = Fired(at_ms=START_MS, type=Happening.ACCOUNT_CHANGED)
        for _ in range(10):
            mock.app.stream("", event)
        assert len(mock.app.stream._queues) == 1
        mock.app.stream("", event)
        assert len(mock.app.stream._queues) == 0


def test_a_stopping_server_ends_its_streams(make_mock: MakeMock) -> None:
    mock = make_mock()
    with Listener(mock, "/_mock/events") as listener:
        mock.app.stream.close()
        mock.run(asyncio.wait_for(listener._task, 8))


def test_a_prompt_reader_gets_every_event_of_a_burst(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many times more events than may wait for a reader: who reads is waited for."""
    monkeypatch.setattr("mockserver.web.control.stream.BACKLOG_LIMIT", 13_000)
    mock = make_mock(task_seconds=1)
    for _ in range(6_000):
        mock.app.api_app.answer("POST", CREATE, b"", FIELDS, msgspec.json.encode(MINIMAL))
    with Listener(mock, "/_mock/events") as listener:
        advanced = mock.advance(2)
        assert advanced["fired_count"] == 18_000
        assert len(listener.events(18_000)) == 18_000


def test_an_advance_counts_all_whoever_is_let_go_meanwhile(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that does not read falls behind, and takes nothing of the list with it."""
    monkeypatch.setattr("mockserver.web.control.stream.BACKLOG_LIMIT", 10)
    monkeypatch.setattr("mockserver.runtime.timekeeper._PATIENCE", 0)
    monkeypatch.setattr("mockserver.web.control.stream._waiting", lambda _: iter(()))
    for _ in range(100):
        mock.task_id()
    with Listener(mock, "/_mock/events"):
        advanced = mock.advance(5)
    assert (len(advanced["fired"]), advanced["fired_count"]) == (300, 300)
