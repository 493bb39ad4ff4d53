"""The suite of a small shop: `pytest tests/suites/shop.py`. It passes, and three of its tests make a mistake.

With MOCKSERVER_URL the mock that runs there is used, and keeps what it saw.
"""

import os
from collections.abc import Iterator

import httpx
import pytest

from mockserver.testing import MockTenant, RunningMock

VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}


class Shop:
    """The code under test."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def order(self, tries: int = 1) -> str:
        """A lost answer is asked for again - as another order: the first mistake."""
        try:
            answer = self.http.post("/v1/videos/generations", json=VIDEO)
        except httpx.HTTPError:
            return self.order(tries - 1) if tries > 1 else ""
        return str(answer.json()["id"])

    def state(self, task_id: str) -> str:
        return str(self.http.get(f"/v1/tasks/{task_id}").json()["status"])

    def video(self, task_id: str) -> bytes:
        """The key goes along to the host of the results: the second mistake."""
        link = self.http.get(f"/v1/tasks/{task_id}").json()["results"][0]
        return self.http.get(link).content


@pytest.fixture
def mock(request: pytest.FixtureRequest) -> MockTenant:
    """A key, and a clock, for each test."""
    url = os.environ.get("MOCKSERVER_URL")
    if url is None:
        fixture: MockTenant = request.getfixturevalue("evolink_mock")
        return fixture
    tenant = RunningMock(url).as_key(f"sk-{request.node.name}")
    tenant.own_clock()
    return tenant


@pytest.fixture
def shop(mock: MockTenant) -> Iterator[Shop]:
    with httpx.Client(base_url=mock.url, headers=mock.headers, trust_env=False) as http:
        yield Shop(http)


def test_an_order_is_made(shop: Shop) -> None:
    assert shop.order().startswith("task-unified-")


def test_a_lost_answer_is_asked_for_again(shop: Shop, mock: MockTenant) -> None:
    mock.script(times=1, fault="closed_after_accept")
    assert shop.order(tries=2)


def test_a_video_is_fetched(shop: Shop, mock: MockTenant) -> None:
    task_id = shop.order()
    mock.run_until_idle()
    assert shop.video(task_id)


def test_a_page_of_orders_shows_their_state(shop: Shop, mock: MockTenant) -> None:
    """It asks on and on for a task that has ended: the third mistake."""
    task_id = shop.order()
    mock.run_until_idle()
    assert [shop.state(task_id) for _ in range(5)] == ["completed"] * 5


def test_a_failure_costs_nothing(shop: Shop, mock: MockTenant) -> None:
    mock.fail(shop.order(), code="service_error")
    assert mock.credits.charged == 0
