"""Several nodes on one Redis: any of them answers for every key, and when one goes, the others go on."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from tests.nodes import Node, RedisServer, ask, needs_redis, nodes, redis_server, submit, wait_until

pytestmark = needs_redis
KEYS = [f"sk-of-several-nodes-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), "--maxmemory-policy", "noeviction") as running:
        yield running


@pytest.fixture(scope="module")
def pair(redis: RedisServer) -> Iterator[list[Node]]:
    with nodes(f"{redis.url}?prefix=pair", "a b") as running:
        yield running


def test_a_killed_node_goes_on_where_it_was(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=alone", "alone") as (node,):
        tasks = [submit(node.url, key)[1]["id"] for key in KEYS]
        node.kill()
        node.start()
        for task, key in zip(tasks, KEYS, strict=True):
            done = wait_until("it completes", lambda task=task, key=key: _completed(node, task, key))
            assert done["id"] == task
        assert node.stop() < 2


def _completed(node: Node, task: str, key: str) -> dict[str, str] | None:
    status, told = ask(node.url, "GET", f"/v1/tasks/{task}", key)
    assert status == 200
    return told if told["status"] == "completed" else None


def test_every_node_answers_for_every_key(pair: list[Node]) -> None:
    for key in KEYS:
        ids = [submit(node.url, key)[1]["id"] for node in pair]
        for node in pair:
            assert [ask(node.url, "GET", f"/v1/tasks/{one}", key)[0] for one in ids] == [200, 200]
            (account,) = ask(node.url, "GET", f"/_mock/ledger?key={key}")[1]["accounts"]
            assert account["user"]["reserved"] + account["user"]["charged"] == 140_000


def test_health_tells_of_slots_and_peers(pair: list[Node]) -> None:
    a, b = (node.health for node in pair)
    assert a["owned"] + b["owned"] == 4096
    assert [one["name"] for one in a["peers"]] == ["b"]
    assert a["warnings"] == []
    assert a["lag_ms"] >= 0


def test_an_orderly_end_hands_over_at_once(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=end", "a b") as (a, b):
        for key in KEYS:
            assert submit(b.url, key)[0] == 200
        b.send(signal.SIGTERM)
        began = time.monotonic()
        for key in KEYS:
            assert ask(a.url, "GET", "/v1/credits", key)[0] == 200
        assert time.monotonic() - began < 0.5
        assert b.stop() < 2
        assert a.health["owned"] == 4096


@pytest.mark.long
def test_a_dead_node_is_followed_within_its_lease(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=death", "a b") as (a, b):
        for key in KEYS:
            assert submit(b.url, key)[0] == 200
        b.kill()
        began = time.monotonic()
        for key in KEYS:
            wait_until("somebody answers", lambda key=key: ask(a.url, "GET", "/v1/credits", key)[0] == 200)
        assert time.monotonic() - began < 5


def test_without_redis_nothing_is_acknowledged_and_service_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, nodes(redis.url, "a") as (node,):
        task = submit(node.url, KEYS[0])[1]["id"]
        redis.kill()
        began = time.monotonic()
        status, told = submit(node.url, KEYS[0])
        assert (status, told["error"]["code"]) == (503, "service_unavailable")
        assert time.monotonic() - began < 1
        redis.start()
        wait_until("it is taken again", lambda: submit(node.url, KEYS[0])[0] == 200, 5)
        status, told = ask(node.url, "GET", f"/v1/tasks/{task}", KEYS[0])
        assert status == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clock", "manual"], "real time"),
        (["--speed", "2"], "real time"),
        (["--seed", "3"], '"seed":0'),
        (["--node-name", "a b"], "--node-name: received"),
    ],
)
@pytest.mark.usefixtures("pair")
def test_what_can_not_be_is_said_at_start(redis: RedisServer, options: list[str], said: str) -> None:
    assert said in refused("--log", f"{redis.url}?prefix=pair", *options)


def test_a_redis_that_is_not_there_is_said_at_start_without_its_password() -> None:
    words = refused("--log", "redis://:hidden@127.0.0.1:1/0")
    assert "redis://***@127.0.0.1:1/0" in words
    assert "hidden" not in words


def refused(*options: str) -> str:
    """What `serve` says when it is used wrongly."""
    done = CliRunner().invoke(main, ["serve", "--port", "0", *options])
    assert done.exit_code == 2
    return done.output
