"""Callbacks as they really leave: over loopback, to a receiver that answers by a script."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockserver.simulation.clock import Mode
from tests.conftest import MakeMock
from tests.documents import OPENAPI, check_schema, document, schema
from tests.house import KEY, START_MS, Mock
from tests.receiver import HANG, RESET, Received, Receiver, redirect

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scenarios"


def deliveries(mock: Mock, task_id: str) -> list[dict[str, Any]]:
    response = mock.get("/_mock/callbacks", params={"task_id": task_id})
    return list(response.json()["callbacks"])


def times(delivery: dict[str, Any]) -> list[int]:
    """When each attempt went out, in ms since the task was submitted."""
    return [attempt["at_ms"] - START_MS for attempt in delivery["attempts"]]


def outcomes(delivery: dict[str, Any]) -> list[Any]:
    return [attempt.get("status", attempt.get("error")) for attempt in delivery["attempts"]]


def scenario_file(mock: Mock, name: str) -> None:
    written = yaml.safe_load((FIXTURES / f"{name}.yaml").read_bytes())
    assert mock.post("/_mock/scenarios", written, params={"key": KEY}).status_code == 201


# --- what is sent


def test_a_callback_is_the_task_as_a_query_shows_it(local: Mock) -> None:
    with Receiver(local) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(5)
        [request] = receiver.requests
        assert request.body == local.get(f"/v1/tasks/{task_id}").content
        check_schema(local.task(task_id), schema("evolink", "Task"))
    assert request.line == "POST /done HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "authorization" not in request.headers
    assert KEY.encode() not in request.body


@pytest.mark.parametrize(
    "target",
    [
        "/done?secret=s3cr3t",
        "/a%2Fb/../c//d?x=%20&x=+&y",
        "/done?",
        "/?a=b?c=d&e=%C3%BC",
        "/done;v=1,2?redirect=https://example.com/%3Fx%3D1",
    ],
)
def test_path_and_query_arrive_byte_for_byte(local: Mock, target: str) -> None:
    with Receiver(local) as receiver:
        local.task_id(callback_url=f"http://127.0.0.1:{receiver.port}{target}")
        local.advance(5)
    assert [request.target for request in receiver.requests] == [target]


def test_without_a_callback_url_nobody_is_called(local: Mock) -> None:
    task_id = local.task_id()
    local.advance(5)
    assert deliveries(local, task_id) == []


@pytest.mark.parametrize(
    ("steer", "status"),
    [(None, "completed"), ("complete", "completed"), ("fail", "failed"), ("cancel", "failed")],
)
def test_every_end_of_a_task_is_reported(local: Mock, steer: str | None, status: str) -> None:
    with Receiver(local) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        if steer is None:
            local.advance(5)
        else:
            assert local.post(f"/_mock/tasks/{task_id}/{steer}").status_code == 200
        [body] = receiver.bodies
        assert body == local.get(f"/v1/tasks/{task_id}").content
        assert local.task(task_id)["status"] == status
        local.advance(100)
        assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("rule", "steer", "used"),
    [
        ({"seconds": 5}, None, 7),
        ({"fail": "service_error"}, None, 0),
        ({"seconds": 5}, "cancel", 0),
        ({"seconds": 5}, "complete", 7),
    ],
)
def test_the_bill_is_settled_when_the_receiver_is_called(
    local: Mock, rule: dict[str, Any], steer: str | None, used: int
) -> None:
    seen: list[dict[str, Any]] = []

    async def look(_: Received) -> None:
        for path in ("/v1/credits", f"/_mock/ledger?key={KEY}"):
            response = await local.http.get(path, headers={"authorization": f"Bearer {KEY}"})
            seen.append(response.json())

    local.scenario({"then": rule})
    with Receiver(local) as receiver:
        receiver.before_answer = look
        task_id = local.task_id(callback_url=receiver.url)
        if steer is None:
            local.advance(5)
        else:
            local.post(f"/_mock/tasks/{task_id}/{steer}")
    credits_seen, books = seen
    assert credits_seen["data"]["user"] == {"remaining_credits": 10_000_000 - used, "used_credits": used}
    assert books["accounts"][0]["user"]["reserved"] == 0
    assert books["accounts"][0]["transfers"][-1]["kind"] == ("posted" if used else "voided")


# --- attempts


def test_two_failures_and_a_success_are_three_attempts_1_and_2_s_apart(local: Mock) -> None:
    with Receiver(local, 500, 500, 200) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        fired = local.advance(60)["fired"]
    [delivery] = deliveries(local, task_id)
    assert times(delivery) == [5000, 6000, 8000]
    assert outcomes(delivery) == [500, 500, 200]
    assert delivery["state"] == "delivered"
    assert len(set(receiver.bodies)) == 1
    assert len(receiver.requests) == 3
    assert [event["type"] for event in fired if event["type"].startswith("callback")] == [
        *["callback.sent", "callback.failed"] * 2,
        *["callback.sent", "callback.delivered"],
    ]


def test_after_four_failures_a_callback_is_given_up(local: Mock) -> None:
    with Receiver(local, 500, 404, RESET, 503) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        fired = local.advance(3600)["fired"]
    [delivery] = deliveries(local, task_id)
    assert times(delivery) == [5000, 6000, 8000, 12_000]
    assert [outcomes(delivery)[index] for index in (0, 1, 3)] == [500, 404, 503]
    assert delivery["attempts"][2]["error"]
    assert (delivery["state"], "due_ms" in delivery) == ("given_up", False)
    assert fired[-1]["type"] == "callback.given_up"
    assert len(receiver.requests) == 4


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(local: Mock, status: int) -> None:
    with Receiver(local, status) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(60)
    assert [one["state"] for one in deliveries(local, task_id)] == ["delivered"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 410, 429, 500, 503, 600])
def test_any_other_status_is_a_failure(local: Mock, status: int) -> None:
    with Receiver(local, status) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(5)
        [delivery] = deliveries(local, task_id)
        assert (delivery["state"], delivery["due_ms"]) == ("planned", START_MS + 6000)
    assert len(receiver.requests) == 1


def test_a_redirect_is_a_failure_and_not_followed(local: Mock) -> None:
    with Receiver(local) as elsewhere, Receiver(local, redirect(elsewhere.url)) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(60)
    [delivery] = deliveries(local, task_id)
    assert outcomes(delivery) == [307, 200]
    assert (len(receiver.requests), len(elsewhere.requests)) == (2, 0)


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200", b"", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_what_is_no_http_answer_is_a_failure(local: Mock, answer: bytes) -> None:
    with Receiver(local, answer) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(60)
    [delivery] = deliveries(local, task_id)
    assert delivery["attempts"][0]["error"]
    assert (times(delivery), delivery["state"]) == ([5000, 6000], "delivered")


def test_a_receiver_that_is_down_is_a_failure(local: Mock) -> None:
    with Receiver(local) as receiver:
        url = receiver.url
    task_id = local.task_id(callback_url=url)
    local.advance(60)
    [delivery] = deliveries(local, task_id)
    assert (delivery["state"], len(delivery["attempts"])) == ("given_up", 4)
    assert "refused" in delivery["attempts"][0]["error"]


def test_a_retry_after_the_window_stays_for_the_next(local: Mock) -> None:
    with Receiver(local, 500, 500, 200) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        for seconds, count in ((4.999, 0), (0.001, 1), (0.999, 1), (0.001, 2), (2, 3)):
            local.advance(seconds)
            assert len(receiver.requests) == count
    assert deliveries(local, task_id)[0]["state"] == "delivered"


def test_a_receiver_that_hangs_is_timed_out_and_retried_after_the_timeout(
    make_mock: MakeMock, tmp_path: Path
) -> None:
    text = (OPENAPI / "evolink.yaml").read_text()
    assert text.count("timeout_seconds: 10") == 1
    path = tmp_path / "evolink.yaml"
    path.write_text(text.replace("timeout_seconds: 10", "timeout_seconds: 0.05"))
    mock = make_mock(allow_local_callbacks=True, document=path)
    with Receiver(mock, HANG, 200) as receiver:
        task_id = mock.task_id(callback_url=receiver.url)
        mock.advance(60)
    [delivery] = deliveries(mock, task_id)
    assert times(delivery) == [5000, 6050]
    assert delivery["attempts"][0]["error"] == "no answer within 0.05 s"
    assert delivery["attempts"][0]["ended_ms"] - delivery["attempts"][0]["at_ms"] == 50
    assert delivery["state"] == "delivered"


def test_the_document_says_10_s_and_three_retries() -> None:
    create = document("evolink")["paths"]["/v1/videos/generations"]["post"]
    [expression] = create["callbacks"]["taskEnded"].values()
    policy = expression["post"]["x-evolink-callback"]
    assert (policy["timeout_seconds"], policy["retry_delays_seconds"]) == (10, [1, 2, 4])


def test_a_dead_receiver_never_holds_up_another_task(make_mock: MakeMock) -> None:
    mock = make_mock(allow_local_callbacks=True, clock=Mode.REAL, task_seconds=0.01)
    with Receiver(mock, *[HANG] * 100) as dead, Receiver(mock) as alive:
        for _ in range(100):
            mock.task_id(callback_url=dead.url, key="sk-the-one-whose-receiver-hangs")
        task_id = mock.task_id(callback_url=alive.url)
        mock.run(asyncio.wait_for(alive.arrived.wait(), 8))
        assert mock.task(task_id)["status"] == "completed"
        assert mock.submit(prompt="mock:seconds=600").status_code == 200
        assert len(alive.requests) == 1


# --- forbidden targets


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/done", "https://127.0.0.1:9/done", "https://localhost:9/done", "http://[::1]:9/done"]
)
def test_this_machine_is_forbidden_unless_allowed(mock: Mock, local: Mock, url: str) -> None:
    assert mock.submit(callback_url=url).status_code == 400
    assert local.submit(callback_url=url).status_code == 200


@pytest.mark.parametrize("url", ["http://10.0.0.1/done", "https://192.168.1.1/done", "http://hooks.example.com/done"])
def test_allowing_this_machine_allows_nothing_else(local: Mock, url: str) -> None:
    assert local.submit(callback_url=url).status_code == 400


def test_a_name_that_leads_inward_is_refused_at_every_attempt(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def inward(self: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(1)
        return [(2, 1, 6, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(type(mock.loop), "getaddrinfo", inward)
    task_id = mock.task_id(callback_url="https://rebinding.example.com/done")
    mock.advance(60)
    [delivery] = deliveries(mock, task_id)
    assert (delivery["state"], len(asked)) == ("given_up", 4)
    assert all("target refused" in attempt["error"] for attempt in delivery["attempts"])


# --- misbehaviour by scenario


@pytest.mark.parametrize(
    ("name", "at"), [("callback-twice", [5000, 5000]), ("callback-late", [65_000]), ("callback-never", [])]
)
def test_a_scenario_makes_callbacks_come_twice_late_or_never(local: Mock, name: str, at: list[int]) -> None:
    scenario_file(local, name)
    with Receiver(local) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(3600)
        assert local.task(task_id)["status"] == "completed"
    assert [time for delivery in deliveries(local, task_id) for time in times(delivery)] == at
    assert len(receiver.requests) == len(at)
    assert len({one["id"] for one in deliveries(local, task_id)}) == len(at)


def test_a_scenario_makes_callbacks_overtake_each_other(local: Mock) -> None:
    scenario_file(local, "callback-out-of-order")
    with Receiver(local) as receiver:
        first, second = (local.task_id(callback_url=receiver.url) for _ in range(2))
        local.advance(3600)
    ids = [next(name for name in (first, second) if name.encode() in body) for body in receiver.bodies]
    assert ids == [second, first]


def test_each_copy_of_a_callback_is_retried_for_itself(local: Mock) -> None:
    scenario_file(local, "callback-twice")
    with Receiver(local, 500, 200, 200) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(60)
    assert sorted(len(one["attempts"]) for one in deliveries(local, task_id)) == [1, 2]
    assert {one["state"] for one in deliveries(local, task_id)} == {"delivered"}
    assert len(receiver.requests) == 3


# --- replay of a delivery


def test_a_callback_is_sent_again_on_request_with_all_its_retries(local: Mock) -> None:
    with Receiver(local, *[500] * 5) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(60)
        [delivery] = deliveries(local, task_id)
        assert delivery["state"] == "given_up"
        again = local.post(f"/_mock/callbacks/{delivery['id']}/replay").json()
        assert (len(again["attempts"]), again["state"]) == (5, "planned")
        local.advance(1)
    [delivery] = deliveries(local, task_id)
    assert (times(delivery)[4:], delivery["state"]) == ([60_000, 61_000], "delivered")
    assert len(receiver.requests) == 6


def test_a_delivered_callback_can_be_sent_again(local: Mock) -> None:
    with Receiver(local) as receiver:
        task_id = local.task_id(callback_url=receiver.url)
        local.advance(5)
        [delivery] = deliveries(local, task_id)
        assert local.post(f"/_mock/callbacks/{delivery['id']}/replay").json()["state"] == "delivered"
        assert receiver.bodies == [local.get(f"/v1/tasks/{task_id}").content] * 2


def test_an_attempt_under_way_is_not_replayed(local: Mock) -> None:
    conflicts = []

    async def replay(_: Received) -> None:
        listed = await local.http.get("/_mock/callbacks")
        delivery_id = listed.json()["callbacks"][0]["id"]
        conflicts.append((await local.http.post(f"/_mock/callbacks/{delivery_id}/replay")).status_code)

    with Receiver(local) as receiver:
        receiver.before_answer = replay
        local.task_id(callback_url=receiver.url)
        local.advance(5)
    assert conflicts == [409]


def test_a_receiver_may_submit_the_next_task(local: Mock) -> None:
    async def submit(_: Received) -> None:
        await local.http.post(
            "/v1/videos/generations",
            json={"model": "kling-o1-video-edit-fast", "prompt": "Next", "video_urls": ["https://example.com/a.mp4"]},
            headers={"authorization": f"Bearer {KEY}"},
        )

    with Receiver(local) as receiver:
        receiver.before_answer = submit
        local.task_id(callback_url=receiver.url)
        local.advance(60)
        listed = local.get("/_mock/tasks", params={"state": "completed"}).json()
    assert listed["total"] == 2
