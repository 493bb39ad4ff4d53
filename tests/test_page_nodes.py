"""The page of a server that shares its log: which nodes live, what each holds, and what another one does."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mockserver.testing import MockServer
from tests.browser import Watched, chromium, needs_chromium
from tests.nodes import needs_redis, nodes, redis_server, submit

pytestmark = [pytest.mark.long, needs_chromium, needs_redis]
KEYS = [f"sk-page-of-nodes-{number}" for number in range(8)]


@pytest.fixture
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def test_nodes_are_shown_with_what_each_holds_and_one_that_dies(browser: Any, tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, nodes(redis.url, "one two three") as made:
        watched = Watched(browser, SimpleNamespace(url=made[0].url))
        page = watched.open()
        page.get_by_role("button", name="3 nodes").click()
        panel = page.get_by_role("complementary", name="3 nodes")
        panel.get_by_text("this one").wait_for()
        shown = panel.inner_text()
        slots = [one.health["slots"] for one in made]
        assert [name for name in ("one", "two", "three") if name not in shown] == []
        assert [number for number in slots if f"{number:,} of 4,096" not in shown] == []
        assert page.get_by_role("button", name="+1 s").count() == 0, "the clock of all nodes is real time"
        for key in KEYS:
            submit(made[1].url, key)
        page.get_by_role("link", name="Tasks", exact=True).click()
        page.get_by_role("heading", name=f"Tasks {len(KEYS)}").wait_for()
        page.get_by_role("link", name="Requests", exact=True).click()
        page.get_by_role("heading", name=f"Requests {len(KEYS)}").wait_for()
        made[2].kill()
        page.get_by_role("button", name="2 nodes").click()
        page.get_by_text("Not heard of since").wait_for()
        page.get_by_text("Some slots are no node's yet").wait_for(state="detached")
        assert "bad" not in (page.get_by_role("button", name="2 nodes").get_attribute("class") or "").split()
        watched.calm()
        watched.close()


def test_tasks_of_the_last_peer_that_dies_are_shown_again(browser: Any, tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, nodes(redis.url, "one two") as made:
        watched = Watched(browser, SimpleNamespace(url=made[0].url))
        page = watched.open()
        for key in KEYS:
            submit(made[1].url, key)
        page.get_by_role("link", name="Tasks", exact=True).click()
        whole = page.get_by_role("heading", name=f"Tasks {len(KEYS)}")
        whole.wait_for()
        made[1].kill()
        whole.wait_for(state="detached")
        whole.wait_for()
        watched.close()


def test_a_server_alone_shows_no_nodes(browser: Any) -> None:
    with MockServer() as mock:
        watched = Watched(browser, mock)
        page = watched.open()
        page.get_by_text("live", exact=True).wait_for()
        assert page.get_by_role("button", name="node").count() == 0
        watched.calm()
        watched.close()
