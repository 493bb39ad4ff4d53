"""The generation API over HTTP, as documented: the lifecycle, the money, every documented error."""

from typing import Any

import httpx
import pytest

from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import check, error_examples, operation
from tests.house import CREATE, KEY, MINIMAL, MODEL, OTHER_KEY, Mock

IDEMPOTENT = {"Idempotency-Key": "invoice-2025-09-06.0001"}
UNKNOWN_TASK = "/v1/tasks/task-unified-1757169743-nobodys1"

ERRORS = {
    "createVideoGeneration": [
        (400, "invalid_request", "invalid_request_error"),
        (401, "unauthorized", "authentication_error"),
        (402, "insufficient_quota", "insufficient_quota"),
        (402, "insufficient_token_quota", "insufficient_quota"),
        (402, "token_daily_quota_exceeded", "insufficient_quota"),
        (403, "model_access_denied", "invalid_request_error"),
        (409, "idempotency_conflict", "invalid_request_error"),
        (409, "paid_outcome_unknown", "invalid_request_error"),
        (429, "rate_limit_exceeded", "rate_limit_error"),
        (500, "internal_error", "api_error"),
        (502, "bad_gateway", "api_error"),
        (503, "service_unavailable", "api_error"),
    ],
    "getTask": [
        (400, "invalid_task_id", "invalid_request_error"),
        (401, "unauthorized", "authentication_error"),
        (402, "quota_exceeded", "insufficient_quota"),
        (403, "permission_denied", "invalid_request_error"),
        (404, "task_not_found", "invalid_request_error"),
        (429, "rate_limit_exceeded", "evo_api_error"),
        (500, "internal_error", "api_error"),
        (502, "bad_gateway", "api_error"),
        (503, "service_unavailable", "api_error"),
    ],
    "getCredits": [
        (400, "400", "invalid_request_error"),
        (401, "401", "authentication_error"),
        (403, "403", "permission_error"),
        (429, "429", "rate_limit_error"),
        (500, "500", "internal_server_error"),
        (502, "502", "upstream_error"),
        (503, "503", "service_unavailable_error"),
    ],
}
ROWS = [(operation, *row) for operation, rows in ERRORS.items() for row in rows]
PATHS = [("POST", CREATE), ("GET", UNKNOWN_TASK), ("GET", "/v1/credits")]


def call(mock: Mock, operation: str) -> httpx.Response:
    """A request of this operation that would be answered 200."""
    if operation == "createVideoGeneration":
        return mock.submit()
    return mock.get("/v1/credits") if operation == "getCredits" else mock.get(f"/v1/tasks/{mock.task_id()}")


def refused(response: httpx.Response, operation: str, status: int, code: str | int, kind: str) -> dict[str, Any]:
    """The error of an answer, having checked status, code, type and schema."""
    error: dict[str, Any] = check(response, operation)["error"]
    assert (response.status_code, error["code"], error["type"]) == (status, code, kind), response.text
    assert error["message"]
    return error


# --- the documented course


def test_documented_request_gets_the_documented_answer(mock: Mock) -> None:
    response = mock.submit()
    assert response.status_code == 200
    body = check(response, "createVideoGeneration")
    task_id = body.pop("id")
    assert task_id.startswith("task-unified-1757169743-")
    assert body == {
        "created": 1757169743,
        "model": MODEL,
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": True, "estimated_time": 300, "video_duration": 9},
        "type": "video",
        "usage": {"billing_rule": "per_call", "credits_reserved": 7, "user_group": "default"},
    }


def test_every_documented_request_example_is_accepted(mock: Mock) -> None:
    content = operation("evolink", "createVideoGeneration").raw["requestBody"]["content"]["application/json"]
    for name, example in content["examples"].items():
        assert mock.post(CREATE, example["value"]).status_code == 200, name


def test_keys_come_in_the_documents_order(mock: Mock) -> None:
    body = mock.submit().json()
    assert list(body) == ["created", "id", "model", "object", "progress", "status", "task_info", "type", "usage"]


def test_a_task_goes_from_pending_over_processing_to_completed(mock: Mock) -> None:
    task_id, seen = mock.task_id(), []
    for _ in range(51):
        response = mock.get(f"/v1/tasks/{task_id}")
        body = check(response, "getTask")
        seen.append((body["status"], body["progress"]))
        assert ("results" in body) == (body["status"] == "completed")
        assert body["task_info"] == {"can_cancel": body["status"] != "completed"}
        mock.advance(0.1)
    assert list(dict.fromkeys(status for status, _ in seen)) == ["pending", "processing", "completed"]
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    assert {progress for status, progress in seen if status == "pending"} == {0}
    assert {progress for status, progress in seen if status == "completed"} == {100}
    assert max(progress for status, progress in seen if status == "processing") < 100


def test_a_completed_task_is_documented_to_the_byte(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.advance(5)
    assert mock.task(task_id) == {
        "created": 1757169743,
        "id": task_id,
        "model": MODEL,
        "object": "video.generation.task",
        "progress": 100,
        "results": [f"http://127.0.0.1:8787/media/{task_id}/0.mp4"],
        "status": "completed",
        "task_info": {"can_cancel": False},
        "type": "video",
    }


@pytest.mark.parametrize("code", ["content_policy_violation", "generation_timeout", "unknown_error"])
def test_a_failed_task_says_why_and_is_not_charged(mock: Mock, code: str) -> None:
    mock.scenario({"then": {"fail": code}})
    task_id = mock.task_id()
    mock.advance(5)
    body = check(mock.get(f"/v1/tasks/{task_id}"), "getTask")
    assert body["status"] == "failed"
    assert (body["error"]["code"], body["error"]["type"]) == (code, "task_error")
    assert body["error"]["message"]
    assert "results" not in body
    assert mock.book()["user"] == {
        "granted": 100_000_000_000,
        "available": 100_000_000_000,
        "reserved": 0,
        "charged": 0,
    }


def test_a_cancelled_task_reads_as_failed_and_is_not_charged(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.post(f"/_mock/tasks/{task_id}/cancel")
    body = check(mock.get(f"/v1/tasks/{task_id}"), "getTask")
    assert (body["status"], body["error"]["code"]) == ("failed", "request_cancelled")
    assert mock.book()["user"]["charged"] == mock.book()["user"]["reserved"] == 0


def test_credits_are_reserved_then_charged_once(mock: Mock) -> None:
    shown = []
    mock.task_id()
    for seconds in (0, 5, 100):
        mock.advance(seconds)
        body = check(mock.get("/v1/credits"), "getCredits")
        shown.append((body["data"]["user"]["remaining_credits"], body["data"]["user"]["used_credits"]))
    assert shown == [(9_999_993, 0), (9_999_993, 7), (9_999_993, 7)]
    assert [one["kind"] for one in mock.book()["transfers"]] == ["grant", "pending", "posted"]


def test_credits_have_up_to_four_decimals(mock: Mock) -> None:
    mock.account(credits=1095.3996, token_credits=99.4429)
    mock.submit(video_urls=["https://example.com/street.mp4?mock:duration_seconds=10"])
    body = check(mock.get("/v1/credits"), "getCredits")
    assert body == {
        "data": {
            "token": {"remaining_credits": 91.6651, "unlimited_credits": False, "used_credits": 0},
            "user": {"remaining_credits": 1087.6218, "used_credits": 0},
        },
        "message": "",
        "success": True,
    }


def test_a_token_without_a_limit_is_unlimited(mock: Mock) -> None:
    assert check(mock.get("/v1/credits"), "getCredits")["data"]["token"]["unlimited_credits"] is True


def test_reading_changes_nothing(mock: Mock) -> None:
    task_id = mock.task_id()
    before = mock.get("/_mock/log").content
    for path in (f"/v1/tasks/{task_id}", "/v1/credits", UNKNOWN_TASK, "/v1/nothing"):
        mock.get(path)
        mock.get(path, key="sk-a-stranger-to-all")
    assert mock.get("/_mock/log").content == before


def test_keys_do_not_see_each_other(mock: Mock) -> None:
    mine = mock.task_id()
    assert mock.get("/v1/credits", key=OTHER_KEY).json()["data"]["user"]["remaining_credits"] == 10_000_000
    assert mock.get(f"/v1/tasks/{mine}", key=OTHER_KEY).status_code == 403


def test_the_same_seed_gives_the_same_ids_whatever_others_do(make_mock: MakeMock) -> None:
    quiet, busy, other_seed = make_mock(seed=7), make_mock(seed=7), make_mock(seed=8)
    busy.task_id(key=OTHER_KEY)
    assert [quiet.task_id(), quiet.task_id()] == [busy.task_id(), busy.task_id()]
    assert quiet.task_id() != other_seed.task_id()


# --- errors by a real cause


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_401(mock: Mock, key: str | None, method: str, path: str) -> None:
    response = mock.request(method, path, key=key, json=MINIMAL if method == "POST" else None)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("value", ["Bearer", "Bearer    ", KEY, f"Basic {KEY}", f"Token {KEY}", f"Bearer{KEY}", ":"])
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_an_odd_authorization_401(mock: Mock, value: str, method: str, path: str) -> None:
    response = mock.request(
        method, path, key=None, headers={"authorization": value}, json=MINIMAL if method == "POST" else None
    )
    assert response.status_code == 401
    assert KEY not in response.text


@pytest.mark.parametrize("value", [f"bearer {KEY}", f"BEARER {KEY}", f"Bearer   {KEY}"])
def test_the_scheme_of_a_key_may_be_written_in_any_case(mock: Mock, value: str) -> None:
    assert mock.get("/v1/credits", key=None, headers={"authorization": value}).status_code == 200


@pytest.mark.parametrize("operation", list(ERRORS))
def test_an_expired_account_401(mock: Mock, operation: str) -> None:
    code = 401 if operation == "getCredits" else "unauthorized"
    task_id = mock.task_id()
    mock.account(state="expired")
    path = "/v1/credits" if operation == "getCredits" else f"/v1/tasks/{task_id}"
    response = mock.submit() if operation == "createVideoGeneration" else mock.get(path)
    refused(response, operation, 401, code, "authentication_error")
    mock.account(state="active")
    assert mock.get(f"/v1/tasks/{task_id}").status_code == 200


def test_too_few_credits_402(mock: Mock) -> None:
    mock.account(credits=13.9999)
    assert mock.submit().status_code == 200
    refused(mock.submit(), "createVideoGeneration", 402, "insufficient_quota", "insufficient_quota")
    mock.account(credits=7)
    assert mock.submit().status_code == 200


def test_too_few_credits_of_the_token_402_with_both_amounts(mock: Mock) -> None:
    mock.account(token_credits=10)
    assert mock.submit().status_code == 200
    response = mock.submit()
    error = refused(response, "createVideoGeneration", 402, "insufficient_token_quota", "insufficient_quota")
    assert (error["account_balance_credits"], error["estimated_credits"]) == (9_999_993, 7)


def test_released_credits_can_be_spent_again(mock: Mock) -> None:
    mock.account(credits=7)
    task_id = mock.task_id()
    assert mock.submit().status_code == 402
    mock.post(f"/_mock/tasks/{task_id}/fail")
    assert mock.submit().status_code == 200


def test_a_model_that_the_key_may_not_use_403(mock: Mock) -> None:
    mock.account(models=["another-model"])
    response = mock.submit()
    error = refused(response, "createVideoGeneration", 403, "model_access_denied", "invalid_request_error")
    assert MODEL in error["message"]
    mock.account(models=None)
    assert mock.submit().status_code == 200


def test_somebody_elses_task_403(mock: Mock) -> None:
    response = mock.get(f"/v1/tasks/{mock.task_id()}", key=OTHER_KEY)
    refused(response, "getTask", 403, "permission_denied", "invalid_request_error")


def test_an_unknown_task_404(mock: Mock) -> None:
    refused(mock.get(UNKNOWN_TASK), "getTask", 404, "task_not_found", "invalid_request_error")


@pytest.mark.parametrize(
    "task_id", ["nonsense", "task-1757169743-abcdefgh", "Task-unified-1", "%20task-unified-1", "0"]
)
def test_a_task_id_of_the_wrong_form_400(mock: Mock, task_id: str) -> None:
    error = refused(mock.get(f"/v1/tasks/{task_id}"), "getTask", 400, "invalid_task_id", "invalid_request_error")
    assert error["param"] == "task_id"


def test_one_idempotency_key_with_two_bodies_409(mock: Mock) -> None:
    assert mock.submit(headers=IDEMPOTENT).status_code == 200
    response = mock.submit(headers=IDEMPOTENT, prompt="Make it rain")
    refused(response, "createVideoGeneration", 409, "idempotency_conflict", "invalid_request_error")
    assert mock.book()["user"]["reserved"] == 70_000


def test_a_repeat_while_the_first_answer_is_held_409(mock: Mock) -> None:
    mock.scenario({"times": 1, "then": {"fault": "stalled", "stall_seconds": 30}})
    headers = {"authorization": f"Bearer {KEY}", **IDEMPOTENT}
    first = mock.loop.create_task(mock.http.post(CREATE, json=MINIMAL, headers=headers))
    while not mock.get("/_mock/tasks").json()["total"]:
        """The first is on its way."""
    response = mock.submit(headers=IDEMPOTENT)
    refused(response, "createVideoGeneration", 409, "paid_outcome_unknown", "invalid_request_error")
    mock.advance(30)
    held, again = mock.run(first), mock.submit(headers=IDEMPOTENT)
    assert (held.status_code, again.status_code) == (200, 200)
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", held.json())
    assert mock.book()["user"]["charged"] == 70_000


def test_too_many_requests_a_minute_429_until_retry_after(mock: Mock) -> None:
    mock.account(requests_per_minute=2)
    assert [mock.submit().status_code, mock.submit().status_code] == [200, 200]
    for seconds, wait in ((0, "60"), (10.5, "50"), (49, "1"), (0.499, "1")):
        mock.advance(seconds)
        response = mock.submit()
        refused(response, "createVideoGeneration", 429, "rate_limit_exceeded", "rate_limit_error")
        assert response.headers["retry-after"] == wait
    assert mock.submit(key=OTHER_KEY).status_code == 200
    mock.advance(0.001)
    assert mock.submit().status_code == 200


def test_too_many_tasks_at_once_429_until_one_ends(mock: Mock) -> None:
    mock.account(concurrent_tasks=1)
    task_id = mock.task_id()
    mock.advance(1.5)
    response = mock.submit()
    refused(response, "createVideoGeneration", 429, "rate_limit_exceeded", "rate_limit_error")
    assert response.headers["retry-after"] == "4"
    mock.advance(3.5)
    assert mock.task(task_id)["status"] == "completed"
    assert mock.submit().status_code == 200


def test_a_mock_full_of_keys_says_so(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(tenants=1))
    mock.task_id()
    error = refused(mock.submit(key=OTHER_KEY), "createVideoGeneration", 503, "service_unavailable", "api_error")
    assert "1 API keys" in error["message"]
    assert mock.submit().status_code == 200


# --- idempotency


def test_a_repeated_submission_gets_the_first_task_and_pays_once(mock: Mock) -> None:
    first, again = mock.submit(headers=IDEMPOTENT), mock.submit(headers=IDEMPOTENT)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    mock.advance(60)
    late = mock.submit(headers=IDEMPOTENT)
    assert late.content == first.content
    assert mock.book()["user"]["charged"] == 70_000
    assert mock.get("/_mock/tasks").json()["total"] == 1


def test_a_repeat_may_be_spaced_and_ordered_otherwise(mock: Mock) -> None:
    first = mock.submit(headers=IDEMPOTENT)
    content = b'{ "video_urls": ["https://example.com/street.mp4"],\n "prompt": "Make\\u0020it snow", "model": "%b" }'
    again = mock.post(
        CREATE, content=content % MODEL.encode(), headers={**IDEMPOTENT, "content-type": "application/json"}
    )
    assert again.json()["id"] == first.json()["id"]


def test_an_idempotency_key_belongs_to_its_api_key(mock: Mock) -> None:
    mine, theirs = mock.submit(headers=IDEMPOTENT), mock.submit(headers=IDEMPOTENT, key=OTHER_KEY)
    assert mine.json()["id"] != theirs.json()["id"]


def test_an_idempotency_key_is_forgotten_after_a_day(mock: Mock) -> None:
    first = mock.task_id(headers=IDEMPOTENT)
    mock.advance(86_399)
    assert mock.task_id(headers=IDEMPOTENT) == first
    mock.advance(1)
    assert mock.task_id(headers=IDEMPOTENT) != first


def test_a_refused_submission_leaves_its_idempotency_key_free(mock: Mock) -> None:
    mock.account(credits=0)
    assert mock.submit(headers=IDEMPOTENT).status_code == 402
    mock.account(credits=7)
    assert mock.submit(headers=IDEMPOTENT, prompt="Make it rain").status_code == 200


# --- every documented error, by scenario


def test_the_table_of_errors_is_the_documents() -> None:
    assert {operation: error_examples(operation) for operation in ERRORS} == ERRORS


@pytest.mark.parametrize(("operation", "status", "code", "kind"), ROWS)
def test_a_scenario_gives_any_documented_error(mock: Mock, operation: str, status: int, code: str, kind: str) -> None:
    rule = {"when": {"operation": operation}, "times": 1, "then": {"answer": {"status": status, "code": code}}}
    mock.scenario(rule)
    before = mock.book()
    response = call(mock, operation)
    error = refused(response, operation, status, status if operation == "getCredits" else code, kind)
    assert ("retry-after" in response.headers) == (status in {429, 502, 503})
    if operation == "getCredits":
        assert ("fallback_suggestion" in error) == (status in {429, 500, 502, 503})
    if operation == "createVideoGeneration":
        assert mock.book() == before
    assert call(mock, operation).status_code == 200


@pytest.mark.parametrize("value", [0, 2, 3600, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_scenario_says_how_long_to_wait(mock: Mock, value: int | str) -> None:
    mock.scenario({"then": {"answer": {"status": 429, "message": "Not now", "retry_after": value}}})
    response = mock.submit()
    assert response.headers["retry-after"] == str(value)
    assert response.json()["error"]["message"] == "Not now"
