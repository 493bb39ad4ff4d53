"""Two profiles of one server: what is promised, and what was recorded as well. Both keep to the document."""

from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.contract.behaviour import Profile
from tests.conftest import MakeMock
from tests.documents import check, check_schema, document, schema
from tests.house import START_MS, Mock
from tests.receiver import Receiver

PROFILES = list(Profile)
STEERS = [None, "complete", "fail", "cancel"]


def marked(node: Any, path: str = "") -> Iterator[str]:
    """The paths of the properties that only the observed profile sends."""
    for name, child in node.get("properties", {}).items():
        if child.get("x-evolink-profile") == "observed":
            yield f"{path}{name}"
        yield from marked(child, f"{path}{name}.")


OBSERVED_ONLY = {
    name: set(marked(one)) for name, one in document("evolink")["components"]["schemas"].items() if set(marked(one))
}
COMPLETED_ONLY = {"duration", "result_data", "usage"}


@pytest.fixture
def observed(make_mock: MakeMock) -> Mock:
    return make_mock(profile=Profile.OBSERVED)


def completed(mock: Mock, **fields: Any) -> dict[str, Any]:
    task_id = mock.task_id(**fields)
    mock.advance(97)
    return dict(check(mock.get(f"/v1/tasks/{task_id}"), "getTask"))


def video(seconds: float) -> list[str]:
    return [f"https://example.com/street.mp4?mock:duration_seconds={seconds}"]


def test_the_document_marks_what_only_the_observed_profile_sends() -> None:
    assert {"Task": COMPLETED_ONLY | {"billing"}} == OBSERVED_ONLY


def test_documented_shows_nothing_that_was_only_observed(mock: Mock) -> None:
    assert not OBSERVED_ONLY["Task"] & completed(mock).keys()


def test_observed_shows_what_was_recorded_of_a_completed_task(observed: Mock) -> None:
    body = completed(observed, prompt="mock:seconds=97", video_urls=video(9))
    assert OBSERVED_ONLY["Task"] <= body.keys()
    assert body["duration"] == 97
    assert body["result_data"] == [{"url": url} for url in body["results"]]
    assert body["usage"] == {"cost": {"credits": 61.2, "usd": 0.9, "cny": 6.12}, "credits_used": 61.2}


@pytest.mark.parametrize("steer", ["fail", "cancel"])
def test_observed_shows_it_of_no_other_task(observed: Mock, steer: str) -> None:
    task_id = observed.task_id()
    assert not COMPLETED_ONLY & observed.task(task_id).keys()
    observed.post(f"/_mock/tasks/{task_id}/{steer}")
    assert not COMPLETED_ONLY & observed.task(task_id).keys()


def bill(observed: Mock, task_id: str) -> dict[str, Any]:
    billing = dict(check(observed.get(f"/v1/tasks/{task_id}"), "getTask")["billing"])
    assert billing.pop("refund_scope") == "account_balance"
    return billing


def test_observed_bills_what_the_ledger_does(observed: Mock) -> None:
    done, lost = observed.task_id(), observed.task_id(prompt="mock:fail=service_error")
    pending = {"charge_status": "pending", "refund_status": "none", "charged_credits": 0, "refunded_credits": 0}
    assert bill(observed, done) == bill(observed, lost) == {**pending, "reserved_credits": 61.2}
    observed.advance(5)
    assert bill(observed, done) == {
        "charge_status": "charged",
        "refund_status": "none",
        "reserved_credits": 61.2,
        "charged_credits": 61.2,
        "refunded_credits": 0,
    }
    assert bill(observed, lost) == {
        "charge_status": "not_charged",
        "refund_status": "refunded",
        "reserved_credits": 61.2,
        "charged_credits": 0,
        "refunded_credits": 61.2,
        "refunded_at": START_MS // 1000 + 5,
    }


@pytest.mark.parametrize(
    ("seconds", "credits_reserved"),
    [
        (0, 40.8),
        (1, 40.8),
        (6, 40.8),
        (6.01, 40.868),
        (6.001, 40.868),
        (9, 61.2),
        (20, 136),
        (100, 680),
        (6.3, 42.84),
    ],
)
def test_observed_charges_by_the_second_and_40_8_credits_at_least(
    observed: Mock, seconds: float, credits_reserved: float
) -> None:
    usage = observed.submit(video_urls=video(seconds)).json()["usage"]
    assert usage == {"billing_rule": "per_second", "credits_reserved": credits_reserved, "user_group": "default"}
    observed.advance(5)
    assert observed.book()["user"]["charged"] == round(credits_reserved * 10_000)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("steer", STEERS)
def test_the_bodies_of_both_profiles_keep_to_the_document(
    make_mock: MakeMock, profile: Profile, steer: str | None
) -> None:
    mock = make_mock(profile=profile, allow_local_callbacks=True)
    with Receiver(mock) as receiver:
        response = mock.submit(callback_url=receiver.url)
        task_id = check(response, "createVideoGeneration")["id"]
        check(mock.get(f"/v1/tasks/{task_id}"), "getTask")
        if steer is not None:
            mock.post(f"/_mock/tasks/{task_id}/{steer}")
        mock.advance(5)
        answer = mock.get(f"/v1/tasks/{task_id}")
        assert receiver.bodies == [answer.content]
    check_schema(check(answer, "getTask"), schema("evolink", "Task"))
    check(mock.get("/v1/credits"), "getCredits")


@pytest.mark.parametrize("profile", PROFILES)
def test_no_body_has_a_field_that_the_document_does_not_know(make_mock: MakeMock, profile: Profile) -> None:
    mock = make_mock(profile=profile)
    schemas = document("evolink")["components"]["schemas"]
    assert unknown(mock.submit().json(), schemas["CreatedTask"]) == []
    assert unknown(completed(mock), schemas["Task"]) == []
    assert unknown(mock.get("/v1/credits").json(), schemas["Credits"]) == []


def unknown(body: Any, described: dict[str, Any]) -> list[str]:
    """Fields of a body that its schema does not describe."""
    if isinstance(body, list):
        return [name for item in body for name in unknown(item, described.get("items", {}))]
    if not isinstance(body, dict):
        return []
    properties = described.get("properties", {})
    inner = [name for key, value in body.items() if key in properties for name in unknown(value, properties[key])]
    return [key for key in body if key not in properties] + inner


@pytest.mark.parametrize("profile", PROFILES)
def test_health_tells_the_profile(make_mock: MakeMock, profile: Profile) -> None:
    assert make_mock(profile=profile).get("/_mock/health").json()["profile"] == profile
