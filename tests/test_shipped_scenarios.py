"""Every scenario that comes with the kit, on every mounted model: it does what its name says.

A scenario more in the folder, or a document more, is a case more.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from mockserver.contract.behaviour import MaxBytes, Profile
from mockserver.data import data
from mockserver.testing import InProcessMock
from mockserver.testing.tenant import MockTenant
from tests.mounted import MODELS, SPECS, Mounted

SCENARIOS = sorted(path.stem for path in data("fixtures", "scenarios").glob("*.yaml"))
RECEIVER = "https://client.example/hook"


class Talk(NamedTuple):
    """A client of one model, on an account of its own."""

    client: httpx.Client
    tenant: MockTenant
    mounted: Mounted

    def submit(self, **fields: Any) -> httpx.Response:
        url = f"{self.tenant.url}{self.mounted.operation.path}"
        return self.client.post(url, json={**self.mounted.body(), **fields}, headers=self.tenant.headers)

    def accepted(self, **fields: Any) -> str:
        """The id of the task."""
        answer = self.submit(**fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def statuses(self, submissions: int) -> list[int]:
        return [self.submit().status_code for _ in range(submissions)]

    def query(self, task_id: str) -> httpx.Response:
        return self.client.get(f"{self.tenant.url}/v1/tasks/{task_id}", headers=self.tenant.headers)

    def ended(self, task_id: str, seconds: float = 6) -> tuple[str, str | None]:
        """(status, code of the error) after this time."""
        self.tenant.advance(seconds=seconds)
        body = self.query(task_id).json()
        return body["status"], body.get("error", {}).get("code")

    def takes(self, field: str) -> bool:
        return field in (
            self.mounted.operation.request.schema["properties"] if self.mounted.operation.request else ()
        )

    def callbacks(self, task_id: str) -> list[float]:
        """When they came, in seconds after the end of the task."""
        deliveries = self.tenant.callbacks.for_task(task_id).deliveries
        return [attempt.at_ms / 1000 for one in deliveries for attempt in one.attempts]


def fails_then_works(talk: Talk) -> None:
    tasks = [talk.accepted() for _ in range(3)]
    failed, done = ("failed", "service_error"), ("completed", None)
    assert [talk.ended(task) for task in tasks] == [failed, failed, done]


def content_policy(talk: Talk) -> None:
    if talk.takes("prompt"):
        assert talk.ended(talk.accepted(prompt="A celebrity")) == ("failed", "content_policy_violation")
    assert talk.ended(talk.accepted()) == ("completed", None)


def rate_limited(talk: Talk) -> None:
    answers = [talk.submit() for _ in range(4)]
    assert [one.status_code for one in answers] == [429, 429, 429, 200]
    assert {one.headers["retry-after"] for one in answers[:3]} == {"2"}


def out_of_credits(talk: Talk) -> None:
    assert talk.statuses(3) == [200, 402, 200]


def server_trouble(talk: Talk) -> None:
    assert talk.statuses(3) == [500, 503, 200]
    task = talk.accepted()
    assert {talk.query(task).status_code for _ in range(60)} == {200, 500}


def lost_answer(talk: Talk) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        talk.submit()
    assert len(talk.tenant.tasks) == 1
    assert talk.statuses(1) == [200]


def stalled(talk: Talk) -> None:
    with pytest.raises(httpx.ReadTimeout):
        talk.submit()
    assert len(talk.tenant.tasks) == 1
    assert talk.statuses(1) == [200]


def broken_wire(talk: Talk) -> None:
    task = talk.accepted()
    for broken in (httpx.RemoteProtocolError, ValueError, httpx.RemoteProtocolError):
        with pytest.raises(broken):
            talk.query(task).json()
    assert talk.query(task).json()["id"] == task


def slow_queue(talk: Talk) -> None:
    task = talk.accepted()
    assert talk.ended(task, seconds=119) == ("pending", None)
    assert talk.ended(task, seconds=7) == ("completed", None)


def callback_twice(talk: Talk) -> None:
    assert len(talk.callbacks(_reported(talk, 6))) == 2


def callback_never(talk: Talk) -> None:
    assert talk.callbacks(_reported(talk, 600)) == []


def callback_late(talk: Talk) -> None:
    task = _reported(talk, 60)
    assert talk.callbacks(task) == []
    talk.tenant.advance(seconds=6)
    assert len(talk.callbacks(task)) == 1


def callback_out_of_order(talk: Talk) -> None:
    first, second = _accepted_with_callback(talk), _accepted_with_callback(talk)
    talk.tenant.advance(seconds=36)
    assert talk.callbacks(first) > talk.callbacks(second) > []


def media_table(talk: Talk) -> None:
    """The table speaks of media; what a model makes of their length is its document's affair."""
    behaviour = talk.mounted.operation.task_behaviour
    if behaviour.length.field == "video_urls":
        before, urls = talk.tenant.credits.reserved, ["https://example.com/fifteen-seconds.mp4"]
        body = {**talk.mounted.body(), "video_urls": urls}
        assert talk.submit(video_urls=urls).status_code == 200
        amount_uc = behaviour.prices[Profile.DOCUMENTED].amount_uc(
            behaviour.quantities(behaviour.values(Profile.DOCUMENTED, body), media_ms=15_000)
        )
        assert round((talk.tenant.credits.reserved - before) * 10_000) == amount_uc
    if any(isinstance(rule, MaxBytes) and rule.field == "video_urls" for rule in behaviour.rules):
        refused = talk.submit(video_urls=["https://example.com/too-large.mp4"])
        assert "104857601 bytes" in refused.json()["error"]["message"]
    assert talk.statuses(1) == [200]


def _accepted_with_callback(talk: Talk) -> str:
    return talk.accepted(callback_url=RECEIVER)


def _reported(talk: Talk, seconds: float) -> str:
    task = _accepted_with_callback(talk)
    talk.tenant.advance(seconds=seconds)
    return task


DOES: dict[str, Callable[[Talk], None]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        *(broken_wire, callback_late, callback_never, callback_out_of_order, callback_twice, content_policy),
        *(fails_then_works, lost_answer, media_table, out_of_credits, rate_limited, server_trouble, slow_queue),
        stalled,
    )
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One for all: to make one takes longer than a test."""
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[InProcessMock]:
    with InProcessMock(specs=SPECS) as mock:
        mock.router.post(RECEIVER).respond(200)
        yield mock


def test_every_scenario_is_tried() -> None:
    assert sorted(DOES) == SCENARIOS


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_does_what_it_says(shared: InProcessMock, client: httpx.Client, name: str, model: str) -> None:
    tenant = shared.as_key(f"sk-{name}-{model}")
    tenant.scenario(name)
    DOES[name](Talk(client, tenant, MODELS[model]))
