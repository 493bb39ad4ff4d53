"""Worlds that come and go: unloaded when idle, loaded when asked for or due, kept by a log that may fail."""

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.log import LogError
from mockserver.log.sqlite import SqliteLog
from mockserver.simulation.clock import Mode
from mockserver.web.api.identity import tenant_of
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.house import KEY, OTHER_KEY, START_MS, Mock
from tests.receiver import Receiver

KEYS = [f"sk-one-of-several-{number:04}" for number in range(8)]


@pytest.fixture
def log(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'log.db'}"


@pytest.fixture
def few(make_mock: MakeMock, log: str) -> Mock:
    """A mock that keeps three worlds in memory."""
    return make_mock(log=log, allow_local_callbacks=True, bounds=Bounds(tenants_loaded=3))


def unload(mock: Mock) -> None:
    """As happens every few seconds."""
    mock.app.node.worlds.rest_some()


def again(mock: Mock, make_mock: MakeMock, log: str, **options: Any) -> Mock:
    """The same server after a stop."""
    mock.run(mock.app.stop())
    return make_mock(log=log, **options)


# --- coming and going


def test_idle_worlds_leave_the_memory_and_come_back_as_they_were(few: Mock) -> None:
    ids = {key: few.task_id(key=key) for key in KEYS}
    few.advance(5)
    before = {key: (few.get(f"/v1/tasks/{ids[key]}", key=key).content, few.book(key)) for key in KEYS}
    unload(few)
    assert few.app.node.worlds.loaded <= 3
    for key in KEYS:
        assert (few.get(f"/v1/tasks/{ids[key]}", key=key).content, few.book(key)) == before[key]
        unload(few)
    assert few.get("/_mock/tasks").json()["total"] == len(KEYS)


def test_what_is_due_in_a_world_at_rest_happens(few: Mock) -> None:
    with Receiver(few) as receiver:
        for key in KEYS:
            few.submit(key=key, callback_url=receiver.url)
        unload(few)
        fired = few.advance(5)
    assert len(receiver.requests) == len(KEYS)
    assert [one["type"] for one in fired["fired"]].count("callback.delivered") == len(KEYS)


def test_a_world_at_rest_is_woken_by_real_time(make_mock: MakeMock, log: str) -> None:
    options = {"clock": Mode.REAL, "task_seconds": 0.2, "allow_local_callbacks": True}
    mock = make_mock(log=log, bounds=Bounds(tenants_loaded=1), **options)
    with Receiver(mock) as receiver:
        for key in KEYS:
            mock.submit(key=key, callback_url=receiver.url)
        unload(mock)
        receiver.wait(len(KEYS))


def test_ids_lead_to_worlds_at_rest(few: Mock) -> None:
    """A foreign task, the link of a result, a task to steer, an uploaded file as an input: none names its key."""
    ids = [few.task_id(key=key) for key in KEYS]
    few.advance(5)
    unload(few)
    assert few.get(f"/v1/tasks/{ids[1]}", key=KEYS[7]).status_code == 403
    unload(few)
    assert few.get(f"/media/{ids[2]}/0.mp4", key=None).status_code == 200
    unload(few)
    assert few.post(f"/_mock/tasks/{ids[3]}/complete").status_code == 409


def test_scenarios_of_the_server_reach_worlds_at_rest(few: Mock) -> None:
    for key in KEYS:
        few.task_id(key=key)
    unload(few)
    few.scenario({"then": {"answer": {"status": 503}}}, name="all", key=None)
    assert {few.submit(key=key).status_code for key in KEYS} == {503}
    unload(few)
    few.request("DELETE", "/_mock/scenarios", params={"name": "all"})
    assert {few.submit(key=key).status_code for key in KEYS} == {200}


def test_worlds_are_bounded_and_those_at_rest_count(make_mock: MakeMock, log: str) -> None:
    mock = make_mock(log=log, bounds=Bounds(tenants=3, tenants_loaded=1))
    statuses = []
    for key in KEYS[:4]:
        statuses.append(mock.submit(key=key).status_code)
        unload(mock)
    assert statuses == [200, 200, 200, 503]


# --- the same server later


def test_a_server_goes_on_where_it_was(make_mock: MakeMock, log: str) -> None:
    first = make_mock(log=log, task_seconds=5)
    first.put("/_mock/clock", {"mode": "manual"}, params={"key": OTHER_KEY})
    ids = {key: first.task_id(key=key) for key in (KEY, OTHER_KEY)}
    first.advance(3)
    first.post("/_mock/clock/advance", {"ms": 1000}, params={"key": OTHER_KEY})
    told = first.get("/_mock/ledger").json()
    second = again(first, make_mock, log)
    assert sorted(second.get("/_mock/ledger").json()["accounts"], key=str) == sorted(told["accounts"], key=str)
    assert second.get("/_mock/clock").json()["now_ms"] == START_MS + 3000
    assert second.get("/_mock/clock", params={"key": OTHER_KEY}).json()["now_ms"] == START_MS + 1000
    second.advance(2)
    assert second.task(ids[KEY])["status"] == "completed"
    assert second.get(f"/v1/tasks/{ids[OTHER_KEY]}", key=OTHER_KEY).json()["status"] == "processing"


def test_a_servers_clock_never_falls_behind_the_worlds_that_follow_it(make_mock: MakeMock, log: str) -> None:
    """Its position was kept only where somebody moved it: a key that followed it stood still until it caught up."""
    first = make_mock(log=log, clock=Mode.REAL, speed=1e6)
    first.task_id()
    later_ms = first.get("/_mock/clock", params={"key": KEY}).json()["now_ms"] + 5_000_000
    while first.app.node.clock.now_ms() < later_ms:
        """At this speed, that is 5 ms."""
    task_id = first.task_id()
    second = again(first, make_mock, log)
    clocks = [second.get("/_mock/clock", params=params).json()["now_ms"] for params in ({}, {"key": KEY})]
    assert clocks[0] == clocks[1] >= later_ms
    second.advance(5)
    assert second.task(task_id)["status"] == "completed"


@pytest.mark.parametrize("key", [None, KEY])
def test_a_clock_that_ran_goes_on_from_what_it_showed(make_mock: MakeMock, log: str, key: str | None) -> None:
    """What nothing but looks came after was taken back: a task was less far than somebody had seen it."""
    params = {} if key is None else {"key": key}
    first = make_mock(log=log, clock=Mode.REAL)
    machine_ms = [first.app.node.clock.ticks()]
    first.app.node.clock.ticks = lambda: machine_ms[0]
    first.put("/_mock/clock", {"mode": "real", "speed": 2}, params=params)
    task_id = first.task_id(prompt="mock:queue_seconds=0 mock:seconds=1000")
    machine_ms[0] += 60_000
    seen = first.task(task_id)["progress"], first.get("/_mock/clock", params=params).json()["now_ms"]
    second = again(first, make_mock, log)
    now = second.task(task_id)["progress"], second.get("/_mock/clock", params=params).json()["now_ms"]
    assert 0 < seen[0] <= now[0] < 100
    assert seen[1] <= now[1]


def test_a_clock_of_ones_own_runs_on_while_its_world_is_at_rest(few: Mock) -> None:
    few.put("/_mock/clock", {"mode": "real", "speed": 1_000_000}, params={"key": KEY})
    few.account(KEY, credits=7)
    begun_ms = few.get("/_mock/clock", params={"key": KEY}).json()["now_ms"]
    for key in KEYS:
        few.task_id(key=key)
    unload(few)
    assert not few.app.node.worlds.among([tenant_of(KEY)])
    assert few.get("/_mock/clock", params={"key": KEY}).json()["now_ms"] > begun_ms + 1_000
    few.post("/_mock/reset", {"key": KEY})
    assert few.get("/_mock/clock", params={"key": KEY}).json()["own"]


def test_what_comes_next_is_known_of_worlds_that_only_the_log_has(make_mock: MakeMock, killed: Path) -> None:
    mock = make_mock(log=f"sqlite:{killed}")
    assert mock.get("/_mock/clock").json()["next_due_ms"] == START_MS
    fired = mock.post("/_mock/clock/advance", {"to_next": True}).json()
    assert [one["type"] for one in fired["fired"]] == ["task.started"]


def test_a_callback_without_an_answer_is_sent_again_by_the_next_server(make_mock: MakeMock, log: str) -> None:
    first = make_mock(log=log, allow_local_callbacks=True)
    with Receiver(first, "hang") as receiver:
        task_id = first.task_id(callback_url=receiver.url)
        first.later("POST", "/_mock/clock/advance", json={"ms": 5000})
        receiver.wait(1)
        first.run(first.app.stop())
    second = make_mock(log=log, allow_local_callbacks=True)
    with Receiver(second) as receiver:
        second.advance(60)
        (callback,) = second.get("/_mock/callbacks", params={"task_id": task_id}).json()["callbacks"]
    assert callback["state"] in ("delivered", "given_up")
    assert callback["attempts"][0]["number"] == 1


def test_an_old_part_of_a_log_gives_way_to_a_snapshot(make_mock: MakeMock, log: str) -> None:
    mock = make_mock(log=log, bounds=Bounds(tasks_per_tenant=20), task_seconds=0)
    for turn in range(40):
        for _ in range(60):
            mock.submit()
        mock.advance(turn)
    content = mock.get("/_mock/log", params={"key": KEY}).content
    assert content.count(b"\n") < 2_000
    assert b'{"snapshot":' in content
    before = mock.state()
    second = again(mock, make_mock, log, task_seconds=0)
    second.get("/v1/credits")
    assert second.state() == before


# --- a log that fails


class Broken:
    """A disk that is full while told so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        commit = SqliteLog.commit

        def failing(log: SqliteLog, clock_ms: int) -> None:
            if self.is_full and log._lines:
                log._connection.execute("PRAGMA max_page_count = 1")
                try:
                    log._lines = [(world, number, line + b" " * 100_000) for world, number, line in log._lines]
                    commit(log, clock_ms)
                finally:
                    log._connection.execute("PRAGMA max_page_count = 1073741823")
                raise AssertionError("the disk was not full")
            commit(log, clock_ms)

        monkeypatch.setattr(SqliteLog, "commit", failing)
        monkeypatch.setattr("mockserver.runtime.round._TRY_AGAIN_S", 0)


def test_while_the_log_cannot_be_written_requests_get_the_apis_own_500(
    make_mock: MakeMock, log: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mock = make_mock(log=log)
    kept = mock.task_id()
    disk = Broken(monkeypatch)
    disk.is_full = True
    with caplog.at_level(logging.ERROR, "mockserver"):
        for _ in range(3):
            answer = mock.submit()
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
            assert mock.submit(key=OTHER_KEY).status_code == 500
        assert mock.task(kept)["status"] == "pending"
        assert mock.put("/_mock/accounts/x-of-somebody", {"credits": 1}).status_code == 500
    assert len([one for one in caplog.records if "can't be written" in one.message]) == 1
    disk.is_full = False
    assert mock.book()["user"]["reserved"] == 70_000
    assert mock.submit().status_code == 200
    assert mock.submit(key=OTHER_KEY).status_code == 200
    second = again(mock, make_mock, log)
    assert second.get("/_mock/tasks").json()["total"] == 3


def test_no_callback_goes_out_that_the_log_does_not_hold(
    make_mock: MakeMock, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock = make_mock(log=log, allow_local_callbacks=True)
    with Receiver(mock) as receiver:
        mock.task_id(callback_url=receiver.url)
        disk = Broken(monkeypatch)
        disk.is_full = True
        assert mock.post("/_mock/clock/advance", {"ms": 5000}).status_code == 500
        mock.run(asyncio.sleep(0.01))
        assert receiver.requests == []
        disk.is_full = False
        mock.advance(5)
        assert len(receiver.requests) == 1


def damaged(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM line WHERE sequence = 2")
    connection.close()


def test_a_gap_in_a_log_is_noticed(
    make_mock: MakeMock, log: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_mock(log=log)
    for _ in range(5):
        first.task_id()
    first.run(first.app.stop())
    damaged(tmp_path / "log.db")
    second = make_mock(log=log)
    assert second.get("/v1/credits").status_code == 500
    assert "line 2" in caplog.text
    assert "is missing" in caplog.text
    assert second.get("/v1/credits", key=OTHER_KEY).status_code == 200


IMPOSSIBLE = b'{"command":"set_account","at_ms":1,"credits_uc":-7}'


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM line WHERE sequence = 2 AND world = 2",
        "UPDATE line SET line = x'7b7d' WHERE sequence = 1 AND world = 2",
        f"UPDATE line SET line = x'{IMPOSSIBLE.hex()}' WHERE world = 2",
        "UPDATE world SET birth = x'7b7d' WHERE id = 2",
    ],
)
def test_one_damaged_world_is_no_matter_of_the_others(
    make_mock: MakeMock, log: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    first = make_mock(log=log)
    for key in (KEY, OTHER_KEY):
        for _ in range(3):
            first.task_id(key=key)
    first.run(first.app.stop())
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute(change)
    connection.close()
    second = make_mock(log=log)
    for _ in range(2):
        assert second.get("/v1/credits").status_code == 500
        for path in ("/_mock/ledger", "/_mock/log"):
            answer = second.get(path, params={"key": KEY})
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert second.get("/_mock/tasks").json()["total"] == 3
    assert len(second.get("/_mock/accounts").json()["accounts"]) == 1
    assert second.get("/_mock/log").text.count('"replay":2') == 1
    assert len([one for one in caplog.records if "can't be loaded" in one.message]) == 1
    assert second.post("/_mock/reset", {"key": KEY}).status_code == 200
    assert second.submit().status_code == 200
    assert second.post("/_mock/reset", {}).status_code == 200


def test_a_file_that_was_removed_takes_no_more(make_mock: MakeMock, log: str, tmp_path: Path) -> None:
    mock = make_mock(log=log)
    mock.task_id()
    (tmp_path / "log.db").unlink()
    assert mock.submit().status_code == 500


@pytest.fixture
def killed(make_mock: MakeMock, log: str, tmp_path: Path) -> Iterator[Path]:
    """What a server that was killed has left behind."""
    mock = make_mock(log=log)
    mock.task_id()
    for file in tmp_path.glob("log.db*"):
        shutil.copy(file, tmp_path / file.name.replace("log", "copy"))
    return tmp_path / "copy.db"


def test_a_killed_server_leaves_all_that_it_answered(make_mock: MakeMock, killed: Path) -> None:
    assert make_mock(log=f"sqlite:{killed}").get("/_mock/tasks").json()["total"] == 1


def test_another_seed_is_refused(make_mock: MakeMock, killed: Path) -> None:
    with pytest.raises(Exception, match="began with"):
        make_mock(log=f"sqlite:{killed}", seed=7)


def test_a_log_of_no_world_says_so(log: str, tmp_path: Path) -> None:
    kept = SqliteLog(tmp_path / "log.db", b"{}")
    with pytest.raises(LogError, match="there is no log of nobody"):
        list(kept.lines("nobody"))
    kept.close()


def test_an_answer_that_breaks_while_it_leaves_costs_no_other_its_own(
    mock: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave() -> list[object]:
        told: list[object] = []
        round_ = mock.app.node.round
        round_.then(lambda _: told.append(1 // 0))
        round_.then(told.append)
        await round_.closed()
        return told

    assert mock.run(leave()) == [None]
    assert "an answer broke while it left" in caplog.text
