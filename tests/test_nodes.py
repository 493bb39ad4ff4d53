"""Several nodes on one Redis: any of them answers for every key, and when one goes, the others go on."""

import contextlib
import http.client
import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from tests.house import CREATE
from tests.nodes import Node, RedisServer, ask, needs_redis, nodes, redis_server, submit, wait_until

pytestmark = needs_redis
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
LEASE_S = 3.0
"""What comes sooner was not waited for until a lease ran out; how soon, `make bench` measures."""
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
        node.stop()


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


def test_a_foreign_task_is_forbidden_and_one_of_nobody_is_not_found_whoever_is_asked(pair: list[Node]) -> None:
    a, _ = pair
    tasks = [submit(a.url, key)[1]["id"] for key in KEYS]
    for node in pair:
        for key in KEYS:
            foreign = {ask(node.url, "GET", f"/v1/tasks/{one}", key + "-other")[0] for one in tasks}
            assert foreign == {403}
            assert ask(node.url, "GET", "/v1/tasks/task-unified-1757169743-abcdefgh", key)[0] == 404


def test_a_file_of_another_key_and_another_node_is_an_input_and_is_shown(pair: list[Node]) -> None:
    body = {"base64_data": DOT, "file_name": "dot.png"}
    for key in KEYS:
        link = ask(pair[0].url, "POST", "/api/v1/files/upload/base64", key, body)[1]["data"]["file_url"]
        path = link[link.index("/media/") :]
        for node in pair:
            status, task = submit(node.url, key + "-other", image_urls=[link], prompt="mock:seconds=0")
            assert status == 200
            ended = wait_until(
                "it ends", lambda node=node, task=task, key=key: _ended(node, task["id"], key + "-other")
            )
            assert ended["status"] == "completed"
            assert ask(node.url, "GET", path)[0] == 200


def _ended(node: Node, task: str, key: str) -> Any:
    def told() -> Any:
        told = ask(node.url, "GET", f"/v1/tasks/{task}", key)[1]
        return told if told["status"] in ("completed", "failed") else None

    return wait_until("it ends", told)


def test_calls_for_all_keys_are_put_to_every_node(pair: list[Node]) -> None:
    for node in pair:
        assert ask(node.url, "POST", "/_mock/reset")[0] == 200
        tasks = [submit(one.url, key)[1]["id"] for key in KEYS for one in pair]
        status, told = ask(node.url, "GET", "/_mock/tasks")
        assert (status, told["total"]) == (200, len(tasks))
        assert sorted(one["id"] for one in told["tasks"]) == sorted(tasks)
        times = [one["submitted_ms"] for one in told["tasks"]]
        assert times == sorted(times, reverse=True)
        part = ask(node.url, "GET", "/_mock/tasks?offset=3&limit=4")[1]["tasks"]
        assert [one["id"] for one in part] == [one["id"] for one in told["tasks"]][3:7]
        assert len(ask(node.url, "GET", "/_mock/ledger")[1]["accounts"]) == len(KEYS)
        journal = ask(node.url, "GET", "/_mock/requests?limit=1000")[1]["requests"]
        assert sum(one["path"] == CREATE for one in journal) == len(tasks)
        for one in journal:
            assert ask(node.url, "GET", f"/_mock/requests/{one['sequence']}")[1]["method"] == one["method"]
        verified = ask(node.url, "POST", "/_mock/requests/verify", body={"path": CREATE, "count": len(tasks)})[1]
        assert verified == {"verified": True, "matched": len(tasks)}
        log = ask(node.url, "GET", "/_mock/log")[1]
        assert log.count('{"replay":2') == len(KEYS)
        alone = ask(node.url, "GET", "/_mock/tasks", **{"x-mock-gathered": "somebody"})[1]["total"]
        assert 0 < alone < len(tasks)
        assert "unanswered" not in told


def test_a_scenario_of_the_server_is_in_force_at_every_node_at_once(pair: list[Node]) -> None:
    busy = {"name": "busy", "rules": [{"then": {"answer": {"status": 429}}}]}
    for node in pair:
        assert ask(node.url, "POST", "/_mock/scenarios", body=busy)[0] == 201
        assert {submit(one.url, f"{key}-busy")[0] for one in pair for key in KEYS} == {429}
        assert len(ask(node.url, "GET", "/_mock/scenarios")[1]["scenarios"]) == 1
        assert ask(node.url, "DELETE", "/_mock/scenarios?name=busy")[0] == 200
        assert {submit(one.url, f"{key}-busy")[0] for one in pair for key in KEYS} == {200}


def test_a_node_that_began_just_now_hears_of_a_scenario_too(pair: list[Node]) -> None:
    """The one that is told of it knows of the others by its last beat."""
    a, b = pair
    busy = {"name": "busy", "rules": [{"then": {"answer": {"status": 429}}}]}
    calls = [("POST", "/_mock/scenarios", busy, ["busy"]), ("DELETE", "/_mock/scenarios?name=busy", None, [])]
    for method, path, body, in_force in calls:
        b.stop()
        b.start()
        assert "unanswered" not in ask(a.url, method, path, body=body)[1]
        assert [one["name"] for one in ask(b.url, "GET", "/_mock/scenarios")[1]["scenarios"]] == in_force


def test_a_key_may_have_a_clock_of_its_own_and_the_server_has_not(pair: list[Node]) -> None:
    for node, other in (pair, pair[::-1]):
        for key in KEYS:
            mine = f"{key}-{node.name}-clock"
            assert ask(node.url, "PUT", f"/_mock/clock?key={mine}", body={"mode": "manual"})[0] == 200
            task = submit(other.url, mine)[1]["id"]
            assert ask(other.url, "POST", f"/_mock/clock/advance?key={mine}", body={"ms": 10_000})[0] == 200
            assert ask(node.url, "GET", f"/v1/tasks/{task}", mine)[1]["status"] == "completed"
        assert ask(node.url, "PUT", "/_mock/clock", body={"mode": "manual"})[1]["error"]["code"] == "clock_is_shared"
        assert ask(node.url, "POST", "/_mock/clock/advance", body={"ms": 1})[0] == 409


def test_a_key_that_looks_like_a_name_is_a_key_and_a_name_a_name(pair: list[Node]) -> None:
    for number in range(8):
        key = f"test-{number:012x}"
        for node in pair:
            assert ask(node.url, "PUT", f"/_mock/clock?key={key}", None, {"mode": "manual"})[0] == 200
            assert submit(node.url, key)[1]["created"] == 1757169743
        for node in pair:
            (account,) = ask(node.url, "GET", f"/_mock/ledger?key={key}")[1]["accounts"]
            assert account["user"]["reserved"] == 140_000
            assert ask(node.url, "GET", f"/_mock/ledger?key={account['tenant']}")[1]["accounts"] == [account]
            assert ask(node.url, "PUT", f"/_mock/accounts/{account['tenant']}", None, {"credits": 5})[0] == 200
            assert (
                ask(node.url, "PUT", f"/_mock/accounts/{key}", None, {"credits": 5})[1]["tenant"] == account["tenant"]
            )
        for again in (key, account["tenant"]):
            assert ask(pair[0].url, "POST", "/_mock/reset", None, {"key": again})[0] == 200
        assert ask(pair[1].url, "GET", f"/_mock/ledger?key={key}")[1]["accounts"][0]["user"]["reserved"] == 0


def test_events_of_all_nodes_come_in_one_stream(pair: list[Node]) -> None:
    with urllib.request.urlopen(f"{pair[0].url}/_mock/events", timeout=10) as stream:
        stream.readline()
        tasks = {submit(pair[1].url, key)[1]["id"] for key in KEYS}
        while tasks:
            line = stream.readline()
            tasks -= {task for task in tasks if task.encode() in line}


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
        assert time.monotonic() - began < LEASE_S - 0.5
        b.stop()
        wait_until("the other has all", lambda: a.health["owned"] == 4096)


def test_a_clock_of_its_own_that_runs_is_handed_over_with_what_it_showed(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=clock", "a b") as (a, b):
        ids = {key: submit(b.url, key)[1]["id"] for key in KEYS}
        owned = [key for key in KEYS if ask(b.url, "GET", f"/_mock/owners/{ids[key]}")[1]["node"] == "b"]
        for key in owned:
            assert ask(b.url, "PUT", f"/_mock/clock?key={key}", body={"mode": "real", "speed": 100_000})[0] == 200
        seen = {key: ask(b.url, "GET", f"/_mock/clock?key={key}")[1]["now_ms"] for key in owned}
        b.stop()
        for key, seen_ms in seen.items():
            last = ask(a.url, "GET", f"/_mock/log?key={key}")[1].splitlines()[-1]
            assert json.loads(last)["at_ms"] >= seen_ms
    assert owned


@pytest.mark.long
def test_a_node_whose_name_another_took_says_so(redis: RedisServer) -> None:
    log = f"{redis.url}?prefix=namesakes"
    with nodes(log, "a") as (older,), nodes(log, "a") as (younger,):
        words = "This node serves nothing any more: another one began later under its name, a"
        wait_until("it says so", lambda: _refusal(older, "/_mock/health") == words)
        assert _refusal(older, "/v1/credits") == words
        assert submit(younger.url, KEYS[0])[0] == 200


def _refusal(node: Node, path: str) -> str | None:
    status, told = ask(node.url, "GET", path, KEYS[0])
    return told["error"]["message"] if status == 503 else None


def test_a_dead_node_is_followed_within_its_lease(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=death", "a b") as (a, b):
        for key in KEYS:
            assert submit(b.url, key)[0] == 200
        b.kill()
        began = time.monotonic()
        for key in KEYS:
            wait_until("somebody answers", lambda key=key: ask(a.url, "GET", "/v1/credits", key)[0] == 200)
        assert time.monotonic() - began < 5


def test_no_key_is_missing_in_silence_while_slots_change_hands(redis: RedisServer) -> None:
    with nodes(f"{redis.url}?prefix=passing", "a b") as (a, b):
        for key in KEYS:
            assert submit(b.url, key)[0] == 200
        for end in (b.kill, lambda: b.send(signal.SIGTERM)):
            end()
            while a.health["owned"] < 4096:
                _is_whole_or_says_so(a)
            _is_whole_or_says_so(a)
            b.stop()
            b.start(wait=False)
            while (told := a.health)["owned"] == 4096 or b.answers() is not True or not told["peers"]:
                _is_whole_or_says_so(a)
            for _ in range(10):
                _is_whole_or_says_so(a)
        assert ask(b.url, "POST", "/_mock/reset")[1] == {"done": True}


def _is_whole_or_says_so(node: Node) -> None:
    for path, records in (("/_mock/ledger", "accounts"), ("/_mock/tasks", "tasks"), ("/_mock/accounts", "accounts")):
        told = ask(node.url, "GET", path)[1]
        assert len(told[records]) == len(KEYS) or "b" in told["unanswered"], told
    with contextlib.suppress(http.client.IncompleteRead):
        status, log = ask(node.url, "GET", "/_mock/log")
        assert status == 503 or log.count('{"replay":2') == len(KEYS)


def test_without_redis_nothing_is_acknowledged_and_service_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, nodes(redis.url, "a") as (node,):
        task = submit(node.url, KEYS[0])[1]["id"]
        redis.kill()
        began = time.monotonic()
        status, told = submit(node.url, KEYS[0])
        assert (status, told["error"]["code"]) == (503, "service_unavailable")
        assert time.monotonic() - began < LEASE_S - 0.5
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


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/0?prefx=a", "unexpected keyword argument 'prefx'"),
        ("/zero", "DB: received 'zero'"),
        ("/0?prefix=a&prefix=b", "several values"),
        ("/0?prefix=", "prefix: received ''"),
    ],
)
def test_an_address_that_means_another_place_is_said_at_start(address: str, said: str) -> None:
    assert said in refused("--log", f"redis://127.0.0.1:1{address}")


def test_a_redis_that_is_not_there_is_said_at_start_without_its_password() -> None:
    words = refused("--log", "redis://:hidden@127.0.0.1:1/0")
    assert "redis://***@127.0.0.1:1/0" in words
    assert "hidden" not in words


def refused(*options: str) -> str:
    """What `serve` says when it is used wrongly."""
    done = CliRunner().invoke(main, ["serve", "--port", "0", *options])
    assert done.exit_code == 2
    return done.output
