"""Every key a world: its own clock, its own ids, its own past. What one does, no other notices."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mockserver.runtime.clock import LAST_MS, Clock
from mockserver.simulation.clock import Mode
from mockserver.web.options import Bounds
from tests import uploads
from tests.conftest import MakeMock
from tests.documents import message
from tests.house import KEY, OTHER_KEY, START_MS, Mock
from tests.receiver import Receiver


def clock(mock: Mock, key: str | None = KEY, **change: Any) -> dict[str, Any]:
    """The clock of a key, after a change if there is one."""
    params = {} if key is None else {"key": key}
    answer = mock.put("/_mock/clock", change, params=params) if change else mock.get("/_mock/clock", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def advance(mock: Mock, key: str, **how: Any) -> dict[str, Any]:
    return dict(mock.post("/_mock/clock/advance", how, params={"key": key}).json())


@pytest.fixture
def real(make_mock: MakeMock) -> Iterator[Mock]:
    """A server on real time, with tasks that would take an hour of it."""
    return make_mock(clock=Mode.REAL, task_seconds=3600, allow_local_callbacks=True)


def test_advancing_one_key_fires_nothing_of_the_other(mock: Mock) -> None:
    for key in (KEY, OTHER_KEY):
        clock(mock, key, mode="manual")
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    fired = advance(mock, KEY, ms=5000)
    assert {one["task_id"] for one in fired["fired"]} == {mine}
    assert (fired["now_ms"], clock(mock, OTHER_KEY)["now_ms"]) == (START_MS + 5000, START_MS)
    assert mock.task(mine)["status"] == "completed"
    assert mock.get(f"/v1/tasks/{theirs}", key=OTHER_KEY).json()["status"] == "pending"


def test_a_key_without_a_clock_of_its_own_gets_one_where_its_time_is_moved(mock: Mock) -> None:
    mock.task_id()
    assert clock(mock)["own"] is False
    assert advance(mock, KEY, ms=1000)["now_ms"] == START_MS + 1000
    assert clock(mock) == {
        "mode": "manual",
        "now_ms": START_MS + 1000,
        "speed": 1.0,
        "poll_step_ms": 1000,
        "own": True,
        "next_due_ms": START_MS + 5000,
    }
    assert clock(mock, None)["now_ms"] == START_MS


def test_the_servers_clock_moves_those_that_follow_it_alone(mock: Mock) -> None:
    clock(mock, KEY, mode="manual")
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    assert {one["task_id"] for one in mock.advance(10)["fired"]} == {theirs}
    assert mock.task(mine)["status"] == "pending"


def test_a_key_on_a_server_of_real_time_begins_at_the_documented_moment(real: Mock) -> None:
    clock(real, KEY, mode="manual")
    body = real.submit().json()
    assert body["created"] * 1000 == START_MS
    assert real.submit(key=OTHER_KEY).json()["created"] * 1000 > START_MS
    assert {one["type"] for one in advance(real, KEY, until_idle=True)["fired"]} >= {"task.completed"}
    assert clock(real)["now_ms"] == START_MS + 3_600_000


def test_a_key_that_has_a_past_goes_on_from_it(mock: Mock) -> None:
    mock.advance(100)
    mock.task_id()
    assert clock(mock, KEY, mode="manual")["now_ms"] == START_MS + 100_000


def test_a_clock_that_is_given_back_follows_the_servers_again(mock: Mock) -> None:
    clock(mock, KEY, mode="manual")
    task_id = mock.task_id()
    mock.advance(60)
    assert clock(mock, KEY, mode="server") == {
        "mode": "manual",
        "now_ms": START_MS + 60_000,
        "speed": 1.0,
        "poll_step_ms": 1000,
        "own": False,
    }
    assert mock.task(task_id)["status"] == "completed"
    task_id = mock.task_id()
    mock.advance(5)
    assert mock.task(task_id)["status"] == "completed"


def test_a_clock_ahead_of_the_servers_waits_for_it_when_it_is_given_back(mock: Mock) -> None:
    advance(mock, KEY, ms=60_000)
    assert clock(mock, KEY, mode="server")["now_ms"] == START_MS + 60_000
    mock.advance(30)
    assert clock(mock)["now_ms"] == START_MS + 60_000
    mock.advance(40)
    assert clock(mock)["now_ms"] == START_MS + 70_000


def test_polls_move_the_clock_of_the_key_that_polls(mock: Mock) -> None:
    clock(mock, KEY, mode="polls", poll_step_ms=2000)
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    assert [mock.task(mine)["status"] for _ in range(3)] == ["processing", "processing", "completed"]
    assert mock.get(f"/v1/tasks/{theirs}", key=OTHER_KEY).json()["status"] == "pending"


def test_a_clock_of_ones_own_may_run_fast(real: Mock) -> None:
    """An hour in a hundredth of a second, and its callback comes by itself."""
    with Receiver(real) as receiver:
        clock(real, KEY, mode="real", speed=1_000_000)
        real.submit(callback_url=receiver.url)
        receiver.wait(1)
        assert clock(real, None)["now_ms"] < clock(real)["now_ms"]


@pytest.mark.parametrize(
    ("key", "change", "told"),
    [
        (None, {"mode": "server"}, "mode: received"),
        (KEY, {"mode": "server", "speed": 2}, "speed: received"),
        (KEY, {"now_ms": START_MS - 1}, "now_ms: received"),
        (KEY, {"mode": "moon"}, "mode: received"),
        (KEY, {}, "body: received"),
        ("", {"mode": "manual"}, "key: received nothing"),
    ],
)
def test_a_change_that_makes_no_sense_is_told(mock: Mock, key: str | None, change: Any, told: str) -> None:
    mock.task_id()
    answer = mock.put("/_mock/clock", change, params={} if key is None else {"key": key})
    assert message(answer).startswith(told)


# --- ids and resets


def run_of_a_test(mock: Mock) -> list[bytes]:
    clock(mock, KEY, mode="manual")
    ids = [mock.task_id(), mock.task_id(prompt="mock:fail=service_error")]
    advance(mock, KEY, ms=5000)
    return [mock.get(f"/v1/tasks/{one}").content for one in ids] + [mock.get("/v1/credits").content]


def test_a_reset_key_gives_the_same_ids_again_whatever_others_do(real: Mock) -> None:
    first = run_of_a_test(real)
    for _ in range(3):
        real.submit(key=OTHER_KEY)
        real.post("/_mock/reset", {"key": KEY})
        assert run_of_a_test(real) == first


def test_a_reset_keeps_the_clock_that_a_key_has(real: Mock) -> None:
    clock(real, KEY, mode="manual")
    first = real.task_id()
    advance(real, KEY, ms=60_000)
    real.post("/_mock/reset", {"key": KEY})
    assert (clock(real)["own"], clock(real)["now_ms"]) == (True, START_MS)
    assert real.task_id() == first


def test_an_old_callback_under_way_is_no_matter_of_the_key_made_anew(make_mock: MakeMock) -> None:
    """Its receiver answers only after the reset: the new task of the same id must not be told."""
    mock = make_mock(clock=Mode.REAL, allow_local_callbacks=True, task_seconds=1)
    with Receiver(mock, "hold", 200) as receiver:
        clock(mock, KEY, mode="manual")
        first = mock.task_id(callback_url=receiver.url)
        moving = mock.later("POST", "/_mock/clock/advance", params={"key": KEY}, json={"ms": 1000})
        receiver.wait(1)
        mock.post("/_mock/reset", {"key": KEY})
        assert mock.task_id(callback_url=receiver.url) == first
        receiver.release()
        assert mock.run(moving).status_code in (200, 404, 409, 500)
        assert mock.get("/_mock/callbacks", params={"key": KEY}).json()["callbacks"] == []
        advance(mock, KEY, ms=1000)
        (callback,) = mock.get("/_mock/callbacks", params={"key": KEY}).json()["callbacks"]
        assert [one["status"] for one in callback["attempts"]] == [200]


def test_two_keys_wait_for_their_own_deliveries_alone(make_mock: MakeMock) -> None:
    """While the receiver of one holds its answer, the other's time goes on."""
    mock = make_mock(allow_local_callbacks=True, task_seconds=1)
    with Receiver(mock, "hold") as slow, Receiver(mock) as quick:
        mock.submit(callback_url=slow.url)
        mock.submit(callback_url=quick.url, key=OTHER_KEY)
        clock(mock, KEY, mode="manual")
        moving = mock.later("POST", "/_mock/clock/advance", params={"key": KEY}, json={"ms": 1000})
        slow.wait(1)
        assert advance(mock, OTHER_KEY, ms=1000)["fired_count"] > 0
        assert len(quick.requests) == 1
        slow.release()
        assert mock.run(moving).json()["fired_count"] > 0


def test_an_attempt_was_sent_when_it_was_however_the_clock_is_moved_meanwhile(make_mock: MakeMock) -> None:
    mock = make_mock(allow_local_callbacks=True, task_seconds=1)
    with Receiver(mock, "hold") as receiver:
        clock(mock, KEY, mode="polls")
        task = mock.task_id(callback_url=receiver.url)
        mock.task(task)
        receiver.wait(1)
        mock.task(task)
        receiver.release()
        assert _first_attempt(mock) == (START_MS + 1000, START_MS + 1000, START_MS + 2000)


def test_an_attempt_was_sent_when_it_was_whatever_clock_the_key_is_given_meanwhile(make_mock: MakeMock) -> None:
    mock = make_mock(clock=Mode.REAL, allow_local_callbacks=True, task_seconds=0)
    with Receiver(mock, "hold") as receiver:
        mock.submit(callback_url=receiver.url)
        receiver.wait(1)
        seen_ms = clock(mock)["now_ms"]
        while clock(mock)["now_ms"] == seen_ms:
            """A moment that can be told from the one at which it was sent."""
        clock(mock, mode="manual")
        receiver.release()
        due_ms, sent_ms, ended_ms = _first_attempt(mock)
        assert due_ms <= sent_ms <= seen_ms < ended_ms


def _first_attempt(mock: Mock) -> tuple[int, int, int]:
    advance(mock, KEY, ms=0)
    attempt = mock.get("/_mock/callbacks", params={"key": KEY}).json()["callbacks"][0]["attempts"][0]
    return attempt["due_ms"], attempt["at_ms"], attempt["ended_ms"]


# --- logs


def test_the_log_of_one_key_holds_no_line_of_another(mock: Mock) -> None:
    mock.scenario({"then": {"seconds": 2}}, name="of-all", key=None)
    mock.submit(prompt="Mine alone")
    mock.submit(prompt="Theirs", key=OTHER_KEY, callback_url="https://example.com/theirs")
    mock.advance(5)
    one, both = mock.get("/_mock/log", params={"key": KEY}).content, mock.get("/_mock/log").content
    assert b"theirs" not in one
    assert (one.count(b'"replay"'), both.count(b'"replay"')) == (1, 2)
    assert b"of-all" in one
    assert one in both


def test_the_log_of_a_key_that_has_done_nothing_is_a_header(mock: Mock) -> None:
    assert mock.get("/_mock/log", params={"key": "sk-nobody-so-far"}).content.count(b"\n") == 1
    assert mock.get("/_mock/tasks").json()["total"] == 0


def test_events_say_whose_they_are(mock: Mock) -> None:
    mock.task_id()
    mock.task_id(key=OTHER_KEY)
    fired = mock.advance(5)["fired"]
    assert len({one["tenant"] for one in fired}) == 2
    assert [one["at_ms"] for one in fired] == sorted(one["at_ms"] for one in fired)


def test_somebody_elses_task_is_forbidden_and_nobodys_is_not_found(mock: Mock) -> None:
    theirs = mock.task_id(key=OTHER_KEY)
    assert mock.get(f"/v1/tasks/{theirs}").status_code == 403
    assert mock.get("/v1/tasks/task-unified-1757169743-abcdefgh").status_code == 404
    mock.post("/_mock/reset", {"key": OTHER_KEY})
    assert mock.get(f"/v1/tasks/{theirs}").status_code == 404


def test_a_scenario_of_the_server_stands_in_every_world(mock: Mock) -> None:
    mock.task_id()
    rule = {"times": 1, "then": {"answer": {"status": 503}}}
    for _ in range(2):  # posted again it counts anew
        mock.scenario(rule, name="all", key=None)
        assert [mock.submit(key=key).status_code for key in (KEY, KEY, OTHER_KEY)] == [503, 200, 503]
        assert mock.submit(key=OTHER_KEY).status_code == 200
    for key in (KEY, OTHER_KEY, "sk-comes-later"):
        mock.submit(key=key)
        assert b'"all"' in mock.get("/_mock/log", params={"key": key}).content
    mock.request("DELETE", "/_mock/scenarios", params={"name": "all"})
    for key in (KEY, "sk-comes-later"):
        listed: httpx.Response = mock.get("/_mock/scenarios", params={"key": key})
        assert listed.json()["scenarios"] == []


def test_where_no_more_worlds_may_be_nobody_elses_clock_moves(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(tenants=1))
    mock.task_id()
    moved = mock.post("/_mock/clock/advance", {"ms": 60_000}, params={"key": OTHER_KEY})
    given = mock.put("/_mock/clock", {"mode": "manual"}, params={"key": OTHER_KEY})
    assert [one.json()["error"]["code"] for one in (moved, given)] == ["too_many_tenants"] * 2
    assert (clock(mock, None)["now_ms"], clock(mock, KEY)["now_ms"]) == (START_MS, START_MS)


@pytest.mark.parametrize("params", [{}, {"key": KEY}])
def test_all_of_the_time_passes_that_is_asked_for_at_once(mock: Mock, params: dict[str, str]) -> None:
    mock.task_id()
    clock(mock, mode="manual")
    moving = [mock.later("POST", "/_mock/clock/advance", params=params, json={"ms": 100}) for _ in range(20)]
    assert {mock.run(one).status_code for one in moving} == {200}
    assert clock(mock, params.get("key"))["now_ms"] == START_MS + 2000


def test_at_the_end_of_time_everything_still_answers(mock: Mock) -> None:
    clock(mock, mode="manual", now_ms=LAST_MS)
    assert uploads.by_base64(mock, uploads.sample()).status_code == 200
    assert advance(mock, KEY, ms=315_576_000_000)["now_ms"] == LAST_MS
    assert mock.get("/api/v1/files/list").status_code == 200


@pytest.mark.parametrize("key", [None, KEY])
def test_no_clock_goes_beyond_the_end_of_time(mock: Mock, key: str | None) -> None:
    clock(mock, key, mode="manual", now_ms=LAST_MS)
    mock.task_id()
    for how in ({"to_next": True}, {"until_idle": True}, {"ms": 60_000}):
        moved = mock.post("/_mock/clock/advance", how, params={} if key is None else {"key": key}).json()
        assert (moved["now_ms"], moved["fired"]) == (LAST_MS, [])


def test_what_is_due_before_the_end_of_time_still_happens(mock: Mock) -> None:
    clock(mock, mode="manual", now_ms=LAST_MS - 3_000)
    task_id = mock.task_id()
    moved = advance(mock, KEY, until_idle=True)
    assert [one["type"] for one in moved["fired"]] == ["task.started"]
    assert moved["now_ms"] < LAST_MS
    assert mock.task(task_id)["status"] == "processing"


def test_polls_move_no_clock_beyond_the_end_of_time(mock: Mock) -> None:
    clock(mock, mode="polls", now_ms=LAST_MS - 500)
    task_id = mock.task_id()
    assert {mock.task(task_id)["status"] for _ in range(9)} <= {"pending", "processing"}
    assert clock(mock)["now_ms"] == LAST_MS


def test_a_clock_that_runs_stops_at_the_end_of_time_and_waits_for_nothing_after_it() -> None:
    passed_ms = [0.0]
    running = Clock(speed=1e6, start_ms=LAST_MS - 1000, ticks=lambda: passed_ms[0])
    assert running.wait_s(LAST_MS) is not None
    passed_ms[0] = 5_000
    assert (running.now_ms(), running.wait_s(LAST_MS + 1)) == (LAST_MS, None)


@pytest.mark.parametrize("mode", ["manual", "polls", "real"])
def test_a_new_keys_clock_is_not_set_before_its_beginning(mock: Mock, mode: str) -> None:
    refused = mock.put("/_mock/clock", {"mode": mode, "now_ms": START_MS - 1}, params={"key": "sk-new"})
    assert "never goes back" in message(refused)
    assert clock(mock, "sk-new")["own"] is False


def test_a_key_in_any_script_is_one_world(mock: Mock) -> None:
    key = "sk-\u00fc\u65e5\u672c\u8a9e"
    mock.account(key, credits=0)
    headers = {"authorization": f"Bearer {key}".encode()}
    assert (
        mock.request("GET", "/v1/credits", key=None, headers=headers).json()["data"]["user"]["remaining_credits"] == 0
    )


def test_a_parameter_that_comes_twice_is_refused(mock: Mock) -> None:
    assert message(mock.get("/_mock/clock?key=one&key=two"), 400) == "key: received several values; allowed: one"


def test_a_method_that_a_call_does_not_take_is_told_with_all_that_it_does(mock: Mock) -> None:
    answer = mock.request("DELETE", "/_mock/clock")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PUT")
