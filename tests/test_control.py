"""The control API keeps to its document: every operation, every body, the clock, the journal, the guard."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.runtime.clock import Clock, Mode
from mockserver.simulation.event import Fired, Happening
from mockserver.web.app import OptionsError
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import check, check_schema, operation, operations, schema
from tests.house import CREATE, KEY, MINIMAL, Mock
from tests.receiver import Receiver

START_MS = 1757169743000
OTHER_KEY = "sk-other-9876543210"
OPERATIONS = [one.raw["operationId"] for one in operations("control")]
WITH_BODY = [one.raw["operationId"] for one in operations("control") if "requestBody" in one.raw]
SCENARIO: dict[str, Any] = {
    "name": "test",
    "description": "A scenario that says all it can.",
    "rules": [
        {
            "when": {
                "operation": "getTask",
                "model": "m",
                "prompt_contains": "p",
                "url_contains": "u",
                "task_id": "t",
            },
            "skip": 1,
            "times": 2,
            "chance": 0.5,
            "then": {
                "fail": "service_error",
                "fail_message": "Broken",
                "seconds": 1.5,
                "queue_seconds": 2,
                "answer": {"status": 429, "code": "rate_limit_exceeded", "message": "Not now", "retry_after": 5},
                "fault": "stalled",
                "stall_seconds": 3,
                "callback": {"delay_seconds": 4, "copies": 2},
            },
        }
    ],
    "media": {"https://example.com/a.mp4": {"duration_seconds": 15, "bytes": 100}},
}
BODIES: dict[str, Any] = {
    "reset": {"key": KEY},
    "setClock": {"mode": "polls", "poll_step_ms": 500, "speed": 2, "now_ms": START_MS + 86_400_000},
    "advanceClock": {"ms": 5000},
    "failTask": {"code": "generation_timeout", "message": "Too slow"},
    "setAccount": {
        "credits": 12.5,
        "token_credits": 3,
        "user_group": "vip",
        "models": ["m"],
        "state": "active",
        "requests_per_minute": 10,
        "concurrent_tasks": 2,
    },
    "verifyRequests": {"key": KEY, "method": "POST", "path": CREATE, "headers": {}, "body": MINIMAL, "at_least": 1},
    "addScenario": SCENARIO,
}
"""A valid body of each operation that takes one, with every field that it may have together."""


def ask(mock: Mock, operation_id: str, body: Any = None, **path_values: str) -> httpx.Response:
    method, path, _ = operation("control", operation_id)
    return mock.request(method, path.format(**path_values), **({} if body is None else {"json": body}))


def prepared(mock: Mock) -> dict[str, str]:
    """Values for paths: a task that has not ended, a delivery that has."""
    with Receiver(mock) as receiver:
        ended = mock.task_id(callback_url=receiver.url)
        mock.advance(5)
    [delivery] = mock.get("/_mock/callbacks", params={"task_id": ended}).json()["callbacks"]
    return {"key": KEY, "task_id": mock.task_id(), "delivery_id": delivery["id"]}


def message(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    check_schema(response.json(), schema("control", "Error"), "control")
    return str(response.json()["error"]["message"])


@pytest.fixture
def local(make_mock: MakeMock) -> Mock:
    return make_mock(allow_local_callbacks=True)


# --- every operation


@pytest.mark.parametrize("operation_id", [one for one in OPERATIONS if one not in {"streamEvents", "getLog"}])
def test_an_operation_answers_as_its_schema_says(local: Mock, operation_id: str) -> None:
    values = prepared(local)
    if operation_id == "removeScenarios":
        assert ask(local, "addScenario", SCENARIO).status_code == 201
    response = ask(local, operation_id, BODIES.get(operation_id), **values)
    assert response.status_code == (201 if operation_id == "addScenario" else 200), response.text
    check(response, operation_id, "control")


def test_the_table_has_a_body_for_every_operation_that_takes_one() -> None:
    assert set(BODIES) == set(WITH_BODY)


@pytest.mark.parametrize("operation_id", WITH_BODY)
def test_an_unknown_field_is_named(local: Mock, operation_id: str) -> None:
    values = prepared(local)
    before = local.get("/_mock/ledger").content, local.get("/_mock/scenarios").content
    response = ask(local, operation_id, {**BODIES[operation_id], "misspelt": 1}, **values)
    assert message(response).startswith("misspelt: received a field that is not known here")
    assert (local.get("/_mock/ledger").content, local.get("/_mock/scenarios").content) == before


@pytest.mark.parametrize("operation_id", WITH_BODY)
@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"key": "\xff"}', b"[" * 100_000, b"NaN", b"[]", b"5"])
def test_a_body_that_is_no_object_is_refused(local: Mock, operation_id: str, body: bytes) -> None:
    method, path, _ = operation("control", operation_id)
    response = local.request(method, path.format(key=KEY, task_id="task-unified-1-a"), content=body)
    assert message(response)


@pytest.mark.parametrize(
    ("operation_id", "body", "told"),
    [
        ("advanceClock", {}, "body: received 0 fields; allowed: at least 1"),
        ("advanceClock", {"ms": 1, "to_next": True}, "body: received 2 fields; allowed: at most 1"),
        ("advanceClock", {"ms": -1}, "ms: received -1; allowed: at least 0"),
        ("advanceClock", {"ms": 1.5}, "ms: received number 1.5; allowed: integer"),
        ("advanceClock", {"ms": 10**30}, "ms: received "),
        ("advanceClock", {"to_next": False}, "to_next: received false; allowed: true"),
        ("setClock", {}, "body: "),
        ("setClock", {"mode": "sundial"}, 'mode: received "sundial"; allowed: "real", "manual", "polls"'),
        ("setClock", {"speed": 0}, "speed: received 0; allowed: more than 0"),
        ("setClock", {"now_ms": START_MS - 1}, f"now_ms: received {START_MS - 1}; allowed: {START_MS} or later"),
        ("setClock", {"poll_step_ms": 0}, "poll_step_ms: received 0; allowed: at least 1"),
        ("setAccount", {}, "body: "),
        ("setAccount", {"credits": -1}, "credits: received -1; allowed: at least 0"),
        ("setAccount", {"credits": 0.00001}, "credits: received 0.00001; allowed: a multiple of 0.0001"),
        ("setAccount", {"credits": "7"}, 'credits: received string "7"; allowed: number'),
        ("setAccount", {"state": "frozen"}, 'state: received "frozen"; allowed: "active", "expired"'),
        ("setAccount", {"models": "m"}, 'models: received string "m"; allowed: '),
        ("setAccount", {"concurrent_tasks": -1}, "concurrent_tasks: received -1; allowed: at least 0"),
        ("reset", {"key": ""}, "key: received 0 characters; allowed: at least 1 characters"),
        ("failTask", {"code": "bad_luck"}, 'code: received "bad_luck"; allowed: content_policy_violation'),
        ("verifyRequests", {"count": -1}, "count: received -1; allowed: at least 0"),
    ],
)
def test_a_wrong_value_is_told_from_both_sides(mock: Mock, operation_id: str, body: Any, told: str) -> None:
    response = ask(mock, operation_id, body, key=KEY, task_id=mock.task_id())
    assert message(response).startswith(told)
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS


@pytest.mark.parametrize("path", ["/_mock/tasks", "/_mock/requests", "/_mock/callbacks"])
@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "1.5", "0000500000", "0" * 6 + "1" * 5000, "²"])
def test_a_limit_out_of_bounds_is_refused(mock: Mock, path: str, limit: str) -> None:
    assert message(mock.get(path, params={"limit": limit})).startswith("limit: received ")


@pytest.mark.parametrize("operation_id", ["completeTask", "failTask", "cancelTask"])
def test_only_a_task_under_way_can_be_steered(mock: Mock, operation_id: str) -> None:
    assert message(ask(mock, operation_id, task_id="task-unified-1-unknown1"), 404)
    task_id = mock.task_id()
    mock.advance(5)
    book = mock.book()
    assert message(ask(mock, operation_id, task_id=task_id), 409) == "The task has ended"
    assert mock.book() == book


def test_an_unknown_delivery_is_not_replayed(mock: Mock) -> None:
    assert message(mock.post("/_mock/callbacks/callback-1-unknown-1/replay"), 404)


def test_a_body_over_the_bound_is_refused(mock: Mock) -> None:
    response = mock.post("/_mock/reset", content=b" " * (1024 * 1024 + 1))
    assert "1048576" in message(response, 413)


def test_health_tells_models_and_bounds(make_mock: MakeMock) -> None:
    health = make_mock(seed=42, bounds=Bounds(tenants=5)).get("/_mock/health").json()
    assert (health["seed"], health["models"], health["clock"]) == (42, ["kling-o1-video-edit-fast"], "manual")
    assert health["bounds"]["tenants"] == 5
    assert set(health["bounds"]) == set(Bounds.__slots__)


# --- tasks


def test_tasks_are_listed_newest_first(mock: Mock) -> None:
    ids = [mock.task_id() for _ in range(3)]
    other = mock.task_id(key=OTHER_KEY)
    listed = mock.get("/_mock/tasks").json()
    assert [task["id"] for task in listed["tasks"]] == [other, *reversed(ids)]
    mine = mock.get("/_mock/tasks", params={"key": KEY, "limit": 2}).json()
    assert ([task["id"] for task in mine["tasks"]], mine["total"]) == (ids[:0:-1], 3)


def test_tasks_are_listed_by_state(mock: Mock) -> None:
    done, failed, cancelled, waiting = (mock.task_id() for _ in range(4))
    for task_id, steer in ((done, "complete"), (failed, "fail"), (cancelled, "cancel")):
        mock.post(f"/_mock/tasks/{task_id}/{steer}")
    for state, task_id in (("completed", done), ("failed", failed), ("cancelled", cancelled), ("pending", waiting)):
        listed = mock.get("/_mock/tasks", params={"state": state}).json()["tasks"]
        assert [task["id"] for task in listed] == [task_id]
    assert message(mock.get("/_mock/tasks", params={"state": "lost"})).startswith('state: received "lost"')


def test_a_task_is_failed_with_code_and_message(mock: Mock) -> None:
    task_id = mock.task_id()
    record = mock.post(f"/_mock/tasks/{task_id}/fail", {"code": "resource_exhausted", "message": "All full"}).json()
    assert (record["state"], record["failure"]) == ("failed", "resource_exhausted")
    assert mock.task(task_id)["error"] == {
        "code": "resource_exhausted",
        "message": "All full",
        "type": "task_error",
    }


# --- accounts


def test_an_account_keeps_what_is_not_changed(mock: Mock) -> None:
    mock.account(credits=20, user_group="vip", concurrent_tasks=3)
    book = mock.account(token_credits=8)
    assert (book["user"]["available"], book["token"]["available"]) == (200_000, 80_000)
    assert (book["account"]["user_group"], book["account"]["concurrent_tasks"]) == ("vip", 3)
    assert mock.submit().json()["usage"]["user_group"] == "vip"
    assert "token" not in mock.account(token_credits=None)


def test_an_account_is_changed_by_key_or_by_the_name_of_its_tenant(mock: Mock) -> None:
    tenant = mock.account(credits=20)["tenant"]
    assert KEY not in tenant
    assert tenant.startswith(f"{KEY[-4:]}-")
    assert mock.account(tenant, credits=30)["tenant"] == tenant
    assert mock.book()["user"]["available"] == 300_000


def test_credits_may_be_taken_away_but_not_what_is_reserved(mock: Mock) -> None:
    mock.task_id()
    book = mock.account(credits=0)
    assert book["user"] == {"granted": 70_000, "available": 0, "reserved": 70_000, "charged": 0}
    assert mock.submit().status_code == 402


@pytest.mark.parametrize("whole", [2, 2.0])
def test_whole_numbers_may_be_written_as_decimals(mock: Mock, whole: float) -> None:
    mock.account(credits=whole * 10, requests_per_minute=whole, concurrent_tasks=whole)
    mock.post("/_mock/clock/advance", {"ms": whole * 500})
    body = mock.submit().json()
    assert json.dumps(body["created"]) == "1757169744"
    assert mock.put("/_mock/clock", {"now_ms": float(START_MS + 2000)}).json()["now_ms"] == START_MS + 2000
    assert b".0" not in b"".join(mock.app.replay_file()).partition(b"\n")[2].replace(b"0.05", b"")


# --- the clock


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
    monkeypatch.setattr("mockserver.runtime.node.FIRED_LIMIT", 4)
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


# --- reset


def test_after_a_reset_a_run_repeats_to_the_byte(mock: Mock) -> None:
    def run() -> list[bytes]:
        mock.account(credits=20)
        answers = [mock.submit(), mock.submit(), mock.submit()]
        mock.advance(5)
        answers += [mock.get(f"/v1/tasks/{answers[0].json()['id']}"), mock.get("/v1/credits"), mock.get("/_mock/log")]
        return [answer.content for answer in answers]

    first = run()
    mock.post("/_mock/scenarios", SCENARIO)
    assert mock.post("/_mock/reset").json() == {"done": True}
    for path, key in (
        ("tasks", "tasks"),
        ("requests", "requests"),
        ("scenarios", "scenarios"),
        ("ledger", "accounts"),
    ):
        assert mock.get(f"/_mock/{path}").json()[key] == []
    assert mock.get("/_mock/clock").json()["now_ms"] == START_MS
    assert run() == first


def test_a_reset_by_key_leaves_the_others_alone(mock: Mock) -> None:
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    mock.scenario({"then": {"fail": "unknown_error"}})
    others = mock.book(OTHER_KEY)
    assert mock.post("/_mock/reset", {"key": KEY}).json() == {"done": True}
    assert mock.get(f"/v1/tasks/{mine}").status_code == 404
    assert (mock.task(theirs, key=OTHER_KEY)["status"], mock.book(OTHER_KEY)) == ("pending", others)
    assert {one["tenant"][:4] for one in mock.get("/_mock/requests").json()["requests"]} == {KEY[-4:], OTHER_KEY[-4:]}
    assert mock.get("/_mock/scenarios", params={"key": KEY}).json()["scenarios"] == []
    assert mock.task_id() == mine


def test_a_reset_drops_what_is_under_way_to_a_receiver(make_mock: MakeMock) -> None:
    mock = make_mock(allow_local_callbacks=True, clock=Mode.REAL, task_seconds=0)
    with Receiver(mock, "hang") as receiver:
        mock.submit(callback_url=receiver.url)
        mock.run(asyncio.wait_for(receiver.arrived.wait(), 8))
        mock.post("/_mock/reset")
    assert mock.get("/_mock/callbacks").json()["callbacks"] == []


def test_scenarios_given_at_start_are_in_force_again_after_a_reset(make_mock: MakeMock, tmp_path: Path) -> None:
    path = tmp_path / "once.yaml"
    path.write_text("name: once\nrules:\n- {times: 1, then: {answer: {status: 500}}}\n")
    mock = make_mock(scenarios=(path,))
    assert [mock.submit().status_code for _ in range(2)] == [500, 200]
    mock.post("/_mock/reset")
    assert [mock.submit().status_code for _ in range(2)] == [500, 200]


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
        local.scenario({"when": {"task_id": "x"}, "then": {"fail": "unknown_error"}})
        local.account(credits=100)
        local.submit(callback_url=receiver.url, headers=SECRETS)
        local.request("POST", CREATE, key=None, json=MINIMAL, headers={**SECRETS, "authorization": odd or ""})
        local.get("/v1/credits", key=None, headers={"authorization": odd or f"Bearer {KEY}"})
        local.advance(5)
        listener.events(7)
        heard = listener.chunks
    params = {"key": KEY}
    for path in ("health", "clock", "tasks", "ledger", "callbacks", "requests", "scenarios", "log"):
        for answer in (local.get(f"/_mock/{path}"), local.get(f"/_mock/{path}", params=params)):
            assert answer.status_code == 200
            assert KEY not in answer.text
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


def test_verify_survives_bodies_nested_as_deep_as_they_get(mock: Mock) -> None:
    for depth in range(50, 1000, 150):
        nested = b'{"x":' * depth + b"1" + b"}" * depth
        mock.post(CREATE, content=nested, headers={"content-type": "application/json"})
        response = mock.post("/_mock/requests/verify", content=b'{"body":' + nested + b"}")
        assert response.status_code in {200, 400}


# --- scenarios


def test_a_scenario_is_for_its_key_or_for_everybody(mock: Mock) -> None:
    mock.scenario({"then": {"answer": {"status": 500}}}, name="mine")
    mock.scenario({"then": {"answer": {"status": 503}}}, name="all", key=None)
    assert (mock.submit().status_code, mock.submit(key=OTHER_KEY).status_code) == (500, 503)
    listed = mock.get("/_mock/scenarios", params={"key": KEY}).json()["scenarios"]
    assert [(one["name"], one["own"], one["hits"]) for one in listed] == [("mine", True, [1]), ("all", False, [0])]
    assert [one["name"] for one in mock.get("/_mock/scenarios").json()["scenarios"]] == ["mine", "all"]


def test_a_scenario_of_the_same_name_is_replaced_and_counts_anew(mock: Mock) -> None:
    rule = {"times": 1, "then": {"answer": {"status": 500}}}
    for _ in range(2):
        mock.scenario(rule)
        assert [mock.submit().status_code for _ in range(2)] == [500, 200]
    assert len(mock.get("/_mock/scenarios").json()["scenarios"]) == 1


def test_scenarios_are_taken_out_of_force(mock: Mock) -> None:
    for name in ("one", "two", "three"):
        mock.scenario({"then": {"answer": {"status": 500}}}, name=name)
    mock.scenario({"then": {"answer": {"status": 503}}}, name="all", key=None)
    params = {"key": KEY}
    assert mock.request("DELETE", "/_mock/scenarios", params={**params, "name": "one"}).json() == {"done": True}
    assert message(mock.request("DELETE", "/_mock/scenarios", params={**params, "name": "one"}), 404)
    mock.request("DELETE", "/_mock/scenarios", params=params)
    assert [one["name"] for one in mock.get("/_mock/scenarios").json()["scenarios"]] == ["all"]
    mock.request("DELETE", "/_mock/scenarios")
    assert mock.submit().status_code == 200


def test_rules_skip_repeat_and_take_turns(mock: Mock) -> None:
    mock.scenario(
        {"skip": 1, "times": 2, "then": {"answer": {"status": 500}}},
        {"times": 3, "then": {"answer": {"status": 503}}},
    )
    assert [mock.submit().status_code for _ in range(5)] == [503, 500, 500, 503, 503]
    assert mock.submit().status_code == 200


def test_a_chance_is_drawn_from_the_seed(make_mock: MakeMock) -> None:
    def run(seed: int) -> list[int]:
        mock = make_mock(seed=seed)
        mock.scenario({"chance": 0.5, "then": {"answer": {"status": 500}}})
        return [mock.submit().status_code for _ in range(20)]

    assert run(1) == run(1) != run(2)
    assert set(run(1)) == {200, 500}


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ({}, True),
        ({"operation": "createVideoGeneration"}, True),
        ({"operation": "getTask"}, False),
        ({"model": "kling-o1-video-edit-fast"}, True),
        ({"model": "another"}, False),
        ({"prompt_contains": "snow"}, True),
        ({"prompt_contains": "rain"}, False),
        ({"url_contains": "street"}, True),
        ({"url_contains": "alley"}, False),
        ({"operation": "createVideoGeneration", "prompt_contains": "rain"}, False),
    ],
)
def test_a_rule_concerns_the_requests_it_describes(mock: Mock, when: dict[str, str], hit: bool) -> None:
    mock.scenario({"when": when, "then": {"answer": {"status": 500}}})
    assert mock.submit().status_code == (500 if hit else 200)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": None}, "name: received nothing"),
        ({"name": "With Spaces"}, 'name: received "With Spaces"; allowed: a string that matches'),
        ({"rules": [{"when": {}}]}, "rules[0].then: received nothing"),
        ({"rules": [{"then": {}}]}, "rules[0].then: "),
        ({"rules": [{"then": {"explode": True}}]}, "rules[0].then.explode: received a field that is not known"),
        ({"rules": [{"when": {"promt": "x"}, "then": {"seconds": 1}}]}, "rules[0].when.promt: received a field"),
        (
            {"rules": [{"then": {"seconds": 1}}, {"when": {"operation": "createVideo"}, "then": {"seconds": 1}}]},
            'rules[1].when.operation: received "createVideo"; allowed: createVideoGeneration, getCredits, getTask',
        ),
        ({"rules": [{"then": {"fail": "bad_luck"}}]}, 'rules[0].then.fail: received "bad_luck"; allowed: content_'),
        (
            {"rules": [{"then": {"answer": {"status": 418}}}]},
            'rules[0].then.answer: received {"status":418}; allowed: ',
        ),
        (
            {"rules": [{"then": {"answer": {"status": 429, "code": "unauthorized"}}}]},
            'rules[0].then.answer: received {"status":429,"code":"unauthorized"}',
        ),
        (
            {"rules": [{"then": {"answer": {"status": 200}}}]},
            "rules[0].then.answer.status: received 200; allowed: at least",
        ),
        (
            {"rules": [{"then": {"fault": "meteor"}}]},
            'rules[0].then.fault: received "meteor"; allowed: "closed_before',
        ),
        ({"rules": [{"chance": 2, "then": {"seconds": 1}}]}, "rules[0].chance: received 2; allowed: at most 1"),
        ({"rules": [{"times": 0, "then": {"seconds": 1}}]}, "rules[0].times: received 0; allowed: at least 1"),
        ({"rules": [{"then": {"callback": {"copies": 6}}}]}, "rules[0].then.callback.copies: received 6"),
        ({"media": {"u": {"length": 1}}}, "media.u.length: received a field that is not known here"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(mock: Mock, change: dict[str, Any], told: str) -> None:
    written = {name: value for name, value in {"name": "test", **change}.items() if value is not None}
    assert message(mock.post("/_mock/scenarios", written)).startswith(told)
    assert mock.get("/_mock/scenarios").json()["scenarios"] == []


def test_scenarios_are_bounded(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(scenarios=1))
    mock.scenario({"then": {"seconds": 1}}, name="one")
    mock.scenario({"then": {"seconds": 2}}, name="one")
    assert "bound" in message(mock.post("/_mock/scenarios", {"name": "two"}), 409)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("name: [", "test.yaml"),
        ("name: 2020-01-01", "test.yaml"),
        ("name: test\nrules:\n- {then: {fault: meteor}}", 'test.yaml: rules[0].then.fault: received "meteor"'),
        ("- a list", "test.yaml: body: received array"),
        ("", "test.yaml: body: received null"),
        ("\x00", "test.yaml"),
    ],
)
def test_a_wrong_scenario_file_is_refused_at_start(
    make_mock: MakeMock, tmp_path: Path, written: str, told: str
) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(written)
    with pytest.raises(OptionsError) as caught:
        make_mock(scenarios=(path,))
    assert told in str(caught.value)


# --- events


class Listener:
    """Reads a stream of the server, through ASGI, while it is open as a context."""

    def __init__(self, mock: Mock, path: str) -> None:
        self.chunks: list[bytes] = []
        self.status = 0
        self._mock = mock
        self._leave = asyncio.Event()
        self._came = asyncio.Event()
        self._asked = False
        url = httpx.URL(path)
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": url.path,
            "raw_path": url.raw_path,
            "query_string": url.query,
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:8787")],
        }

    def __enter__(self) -> "Listener":
        self._task = self._mock.loop.create_task(self._mock.app(self._scope, self._receive, self._send))
        self._mock.run(asyncio.wait_for(self._came.wait(), 8))
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._mock.run(self._task)

    def events(self, count: int) -> list[dict[str, Any]]:
        """The first events, as soon as there are so many."""
        while len(self._events()) < count:
            self._came.clear()
            self._mock.run(asyncio.wait_for(self._came.wait(), 8))
        return self._events()

    def _events(self) -> list[dict[str, Any]]:
        """What came so far, without the comments."""
        blocks = b"".join(self.chunks).decode().strip("\n").split("\n\n")
        return [json.loads(block.partition("\ndata: ")[2]) for block in blocks if block.startswith("event: ")]

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b""}
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, sent: Any) -> None:
        if sent["type"] == "http.response.start":
            self.status = sent["status"]
            self.headers = dict(sent["headers"])
        elif sent.get("body"):
            self.chunks.append(sent["body"])
            self._came.set()


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
    monkeypatch.setattr("mockserver.web.stream.BACKLOG_LIMIT", 10)
    with Listener(mock, "/_mock/events"):
        event = Fired(at_ms=START_MS, type=Happening.ACCOUNT_CHANGED)
        for _ in range(10):
            mock.app.stream(event)
        assert len(mock.app.stream._queues) == 1
        mock.app.stream(event)
        assert len(mock.app.stream._queues) == 0


def test_a_stopping_server_ends_its_streams(make_mock: MakeMock) -> None:
    mock = make_mock()
    with Listener(mock, "/_mock/events") as listener:
        mock.app.stream.close()
        mock.run(asyncio.wait_for(listener._task, 8))


# --- the guard


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "localhost", "LOCALHOST:1", "localhost.:8787", "[::1]:8787", "127.8.8.8", "[::1]"]
)
def test_control_is_open_to_programs_of_this_machine(mock: Mock, host: str) -> None:
    assert mock.get("/_mock/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *[
            "evil.example",
            "evil.example:8787",
            "192.168.1.5:8787",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ],
        *["[", "[::1", "a]:1", "a b", ":", "8.8.8.8", "0.0.0.0", "evil@127.0.0.1@x"],
    ],
)
def test_a_foreign_host_is_turned_away(mock: Mock, host: str) -> None:
    for path in ("/_mock/health", "/_mock/nothing", "/_mock"):
        assert message(mock.get(path, headers={"host": host}), 403)
    assert mock.get("/v1/credits", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8787", "http://127.0.0.1:9999", "http://[", "x"]
)
def test_a_foreign_origin_is_turned_away(mock: Mock, origin: str) -> None:
    mock.task_id()
    assert message(mock.post("/_mock/reset", headers={"origin": origin}), 403)
    assert mock.get("/_mock/tasks").json()["total"] == 1


def test_the_servers_own_pages_are_welcome(mock: Mock) -> None:
    assert mock.get("/_mock/health", headers={"origin": "http://127.0.0.1:8787"}).status_code == 200


def test_beyond_loopback_control_asks_for_its_token(make_mock: MakeMock) -> None:
    mock = make_mock(loopback=False, control_token="open-sesame")
    for key in (None, "", KEY, "open-sesam", "open-sesame2"):
        for one in operations("control"):
            path = one.path.format(task_id="x", key="x", delivery_id="x")
            response = mock.request(one.method, path, key=key, headers={"host": "mock.example"})
            assert "token" in message(response, 401)
    response = mock.get("/_mock/health", key="open-sesame", headers={"host": "mock.example"})
    assert response.status_code == 200
    assert "open-sesame" not in response.text
    assert "open-sesame" not in repr(mock.app.options)
    assert mock.get("/v1/credits", headers={"host": "mock.example"}).status_code == 200
