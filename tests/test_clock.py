"""The clock: manual, real, moved by polls; it never goes back, and what is due fires on the way."""

import asyncio
from functools import partial
from typing import Any

import pytest

from mockserver.runtime.clock import Clock
from mockserver.simulation.clock import Mode
from tests.conftest import MakeMock
from tests.documents import check_schema, message, schema
from tests.house import START_MS, Mock
from tests.receiver import Receiver


def test_a_manual_clock_moves_only_when_told(mock: Mock) -> None:
    assert mock.get("/_mock/clock").json() == {
        "mode": "manual",
        "now_ms": START_MS,
        "speed": 1.0,
        "poll_step_ms": 1000,
    }
    task_id = mock.task_id()
    for _ in range(3):
        assert mock.task(task_id)["status"] == "pending"
    assert mock.advance(0) == {"now_ms": START_MS, "fired_count": 0, "fired": []}


def test_to_next_moves_to_the_next_thing_due(mock: Mock) -> None:
    task_id = mock.task_id()
    due = mock.get("/_mock/clock").json()["next_due_ms"]
    moved = mock.post("/_mock/clock/advance", {"to_next": True}).json()
    assert (moved["now_ms"], [one["type"] for one in moved["fired"]]) == (due, ["task.started"])
    assert mock.task(task_id)["status"] == "processing"
    moved = mock.post("/_mock/clock/advance", {"to_next": True}).json()
    assert (moved["now_ms"], moved["fired"][0]["type"]) == (START_MS + 5000, "task.completed")
    still = mock.post("/_mock/clock/advance", {"to_next": True}).json()
    assert still == {"now_ms": START_MS + 5000, "fired_count": 0, "fired": []}


def test_until_idle_moves_until_nothing_is_due(local: Mock) -> None:
    with Receiver(local, 500, 500, 500, 500) as receiver:
        local.task_id(callback_url=receiver.url)
        moved = local.post("/_mock/clock/advance", {"until_idle": True}).json()
    assert moved["now_ms"] == START_MS + 12_000
    assert moved["fired"][-1]["type"] == "callback.given_up"
    check_schema(moved["fired"], {"type": "array", "items": schema("control", "Event")}, "control")
    assert "next_due_ms" not in local.get("/_mock/clock").json()


def test_what_fires_comes_in_order_with_its_own_time(mock: Mock) -> None:
    for seconds in (3, 1, 2):
        mock.submit(prompt=f"mock:seconds={seconds}")
    fired = mock.advance(10)["fired"]
    assert [one["at_ms"] for one in fired] == sorted(one["at_ms"] for one in fired)
    charged = [one["at_ms"] - START_MS for one in fired if one["type"] == "credits.charged"]
    assert charged == [1000, 2000, 3000]


def test_past_its_bound_an_advance_counts_what_it_does_not_list(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.runtime.timekeeper.FIRED_LIMIT", 4)
    for _ in range(3):
        mock.task_id()
    moved = mock.advance(5)
    assert (len(moved["fired"]), moved["fired_count"]) == (4, 9)
    assert mock.book()["user"]["charged"] == 210_000


def test_setting_the_time_fires_what_is_due_on_the_way(mock: Mock) -> None:
    task_id = mock.task_id()
    assert mock.put("/_mock/clock", {"now_ms": START_MS + 5000}).json()["now_ms"] == START_MS + 5000
    assert mock.task(task_id)["status"] == "completed"


def test_the_clock_never_goes_back(mock: Mock) -> None:
    mock.advance(10)
    assert "never goes back" in message(mock.put("/_mock/clock", {"now_ms": START_MS + 9999}))
    for mode in ("real", "polls", "manual"):
        assert mock.put("/_mock/clock", {"mode": mode}).json()["now_ms"] >= START_MS + 10_000


def test_a_clock_moved_by_polls_moves_at_every_query_of_a_task(make_mock: MakeMock) -> None:
    mock = make_mock(clock=Mode.POLLS)
    task_id = mock.task_id()
    statuses = [mock.task(task_id)["status"] for _ in range(5)]
    assert statuses == ["processing"] * 4 + ["completed"]
    mock.get("/v1/credits")
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS + 5000
    mock.put("/_mock/clock", {"poll_step_ms": 60_000})
    mock.task(task_id)
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS + 65_000


class Ticks:
    """What a clock that runs by itself reads, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 0.0
        monkeypatch.setattr("mockserver.web.app.Clock", partial(Clock, start_ms=START_MS, ticks=lambda: self.ms))


def test_a_real_clock_runs_by_itself_at_its_speed(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks(monkeypatch)
    mock = make_mock(clock=Mode.REAL, speed=10)
    task_id = mock.task_id()
    ticks.ms += 499
    assert mock.task(task_id)["status"] == "processing"
    ticks.ms += 1
    assert mock.task(task_id)["status"] == "completed"
    assert mock.put("/_mock/clock", {"speed": 0.5}).json()["now_ms"] == START_MS + 5000
    ticks.ms += 1000
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS + 5500


@pytest.mark.parametrize("speed", [0.001, 1.0, 90.0])
def test_what_a_log_keeps_of_a_running_clock_is_ahead_by_at_most_a_second(speed: float) -> None:
    ticks = 0.0
    clock = Clock(Mode.REAL, speed=speed, start_ms=1_000_000, ticks=lambda: ticks)
    kept = set()
    for _ in range(100):
        ticks += 50
        kept.add(clock.kept_ms())
        assert clock.now_ms() < clock.kept_ms() <= clock.now_ms() + max(1, 1_000 * speed)
    assert len(kept) <= 6


def test_what_a_log_keeps_of_a_clock_that_stands_is_its_time() -> None:
    clock = Clock(Mode.MANUAL, start_ms=1_234)
    assert clock.kept_ms() == 1_234


def test_a_clock_goes_on_from_where_it_stands_when_its_mode_changes(
    make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(monkeypatch)
    mock = make_mock(clock=Mode.REAL)
    for mode, shown in (("manual", 1000), ("real", 1000), ("polls", 2000), ("real", 2000)):
        ticks.ms += 1000
        assert mock.put("/_mock/clock", {"mode": mode}).json()["now_ms"] == START_MS + shown


def test_a_clock_that_runs_is_never_set_back_by_the_systems(
    make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(monkeypatch)
    mock = make_mock(clock=Mode.REAL)
    ticks.ms += 1000
    mock.advance(1)
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS + 2000


@pytest.mark.parametrize("jump", [{"now_ms": "later"}, {"ms": 599_950}])
def test_an_alarm_rings_in_time_after_a_jump(make_mock: MakeMock, jump: dict[str, Any]) -> None:
    """The callback comes by itself, a moment after the jump; not when it would have come without one."""
    mock = make_mock(clock=Mode.REAL, allow_local_callbacks=True, task_seconds=600)
    with Receiver(mock) as receiver:
        mock.submit(callback_url=receiver.url, prompt="mock:queue_seconds=0")
        if "ms" in jump:
            assert mock.post("/_mock/clock/advance", jump).json()["fired"] is not None
        else:
            now_ms = mock.get("/_mock/clock").json()["now_ms"]
            mock.put("/_mock/clock", {"now_ms": now_ms + 599_950})
        assert not receiver.requests
        mock.run(asyncio.wait_for(receiver.arrived.wait(), 8))
