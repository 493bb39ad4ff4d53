"""The control API keeps to its document: every operation, every body; tasks, accounts, reset."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from mockserver.simulation.clock import Mode
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import check, message, operation, operations
from tests.house import CREATE, KEY, MINIMAL, OTHER_KEY, START_MS, Mock
from tests.receiver import Receiver

OPERATIONS = [one.raw["operationId"] for one in operations("control")]
WITH_BODY = [
    one.raw["operationId"]
    for one in operations("control")
    if "application/json" in one.raw.get("requestBody", {}).get("content", {})
]
SCENARIO: dict[str, Any] = {
    "name": "test",
    "description": "A scenario that says all it can.",
    "rules": [
        {
            "when": {
                "operation": "createVideoGeneration",
                "model": "kling-o1-video-edit-fast",
                "prompt_contains": "p",
                "url_contains": "u",
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
        },
        {
            "when": {"operation": "query", "task_id": "t"},
            "then": {"answer": {"status": 404}},
        },
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
    "readScenario": {"text": "name: written\nrules: [{then: {fail: service_error}}]"},
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
    sequence = mock.get("/_mock/requests").json()["requests"][-1]["sequence"]
    replay = mock.post("/_mock/replays", content=mock.get("/_mock/log").content).json()
    return {
        "key": KEY,
        "task_id": mock.task_id(),
        "delivery_id": delivery["id"],
        "sequence": sequence,
        "replay_id": replay["id"],
        "id": ended,
    }


# --- every operation


@pytest.mark.parametrize(
    "operation_id", [one for one in OPERATIONS if one not in {"streamEvents", "getLog", "getDocs", "addReplay"}]
)
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
    assert message(response).startswith("misspelt: received a field that is not known here; allowed: ")
    assert "known fields" not in message(response)
    assert (local.get("/_mock/ledger").content, local.get("/_mock/scenarios").content) == before


@pytest.mark.parametrize("operation_id", ["completeTask", "cancelTask", "replayCallback", "removeScenarios"])
def test_an_operation_without_a_body_takes_no_field(local: Mock, operation_id: str) -> None:
    values = prepared(local)
    response = ask(local, operation_id, {"code": "service_error"}, **values)
    assert message(response).startswith("code: received a field that is not known here")
    assert local.task(values["task_id"])["status"] == "pending"
    assert operation_id == "removeScenarios" or ask(local, operation_id, {}, **values).status_code == 200


@pytest.mark.parametrize(
    "operation_id", [one for one in OPERATIONS if one not in {"streamEvents", "getLog", "getDocs"}]
)
def test_an_unknown_parameter_is_named(local: Mock, operation_id: str) -> None:
    method, path, _ = operation("control", operation_id)
    path = path.format(**prepared(local))
    before = local.get("/_mock/log").content
    response = local.request(method, f"{path}?misspelt=", json=BODIES.get(operation_id))
    check(response, operation_id, "control")
    assert message(response).startswith('"misspelt": received a parameter that is not known here; allowed: ')
    assert local.get("/_mock/log").content == before


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
    assert set(health["bounds"]) == set(Bounds.__struct_fields__)


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


@pytest.mark.parametrize("key", ["team/one", "/", "a/../b", "50%", "what?#", "é/ü"])
def test_an_account_of_any_key_is_reached_percent_encoded(mock: Mock, key: str) -> None:
    book = mock.account(quote(key, safe=""), credits=20)
    assert book == mock.book(key)
    assert book["user"]["available"] == 200_000
    if key.isascii():
        assert mock.get("/v1/credits", key=key).json()["data"]["user"]["remaining_credits"] == 20


def test_an_account_without_a_key_is_refused(mock: Mock) -> None:
    assert message(mock.put("/_mock/accounts/", {"credits": 20})).startswith("key: received nothing")


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
    commands = [json.loads(line) for line in mock.get("/_mock/log").content.splitlines()[1:]]
    assert {type(command["at_ms"]) for command in commands if "at_ms" in command} == {int}


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
