"""Three nodes behind nginx answer, byte for byte, what one server in memory answers: drawn talks, asked of both."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server.run import Options, judge_server, opened
from contract_tests.server.talk.target import Settings
from mockserver.log.replay import read
from mockserver.simulation import snapshot
from mockserver.testing import MockServer
from tests.house import CREATE, MINIMAL
from tests.nodes import EXAMPLES, front, needs_nginx, needs_redis, nodes, redis_server, wait_until

pytestmark = [needs_redis, needs_nginx, pytest.mark.long]
KEYS = [f"sk-of-a-talk-{number}" for number in range(9)]
STEPS = 1_500
PUBLIC = "https://files.example"
IMAGE = "https://example.com/winter.jpg"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_OWN_HEADERS = {"date", "content-length", "connection", "server", "transfer-encoding", "etag", "last-modified"}
Answer = tuple[int, dict[str, str], bytes]


class Side:
    """One of the two that are compared: a place, or several of which any is asked."""

    def __init__(self, places: list[str], seed: int) -> None:
        self._places, self._drawn = places, random.Random(seed)
        self._client = httpx.Client(timeout=30, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, key: str | None, body: Any = None) -> Answer:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        place = self._drawn.choice(self._places)
        try:
            answer = self._client.request(method, place + path, headers=headers, json=body)
        except httpx.TransportError as error:
            return 0, {}, type(error).__name__.encode()
        kept = {name: value for name, value in answer.headers.items() if name not in _OWN_HEADERS}
        return answer.status_code, kept, answer.content


class Talk:
    """Draws what is asked next; it knows the ids that were given so far."""

    def __init__(self, drawn: random.Random) -> None:
        self.drawn = drawn
        self.tasks: dict[str, list[str]] = {key: [] for key in KEYS}
        self.files: dict[str, list[str]] = {key: [] for key in KEYS}
        self.links: list[str] = []

    def next(self) -> tuple[str, str, str | None, Any]:
        key = self.drawn.choice(KEYS)
        kinds: list[Callable[[str], tuple[str, str, str | None, Any]]] = [
            *[self._submit] * 6,
            *[self._read] * 5,
            *[self._advance] * 3,
            self._wrong,
            self._look,
            self._control,
            self._file,
            self._account,
        ]
        return self.drawn.choice(kinds)(key)

    def learn(self, key: str | None, path: str, answer: dict[str, Any]) -> None:
        if key in KEYS and path == CREATE and "id" in answer:
            self.tasks[key].append(answer["id"])
        if key in KEYS and "file_id" in answer.get("data", {}):
            self.files[key].append(answer["data"]["file_id"])
            self.links.append(answer["data"]["file_url"])

    def _submit(self, key: str) -> tuple[str, str, str | None, Any]:
        words = self.drawn.choice(
            [
                "snow",
                "mock:seconds=2",
                "mock:fail=service_error",
                "mock:answer=429",
                "mock:link_seconds=3",
                "mock:no=1",
            ]
        )
        body = {**MINIMAL, "prompt": words}
        if self.links and self.drawn.random() < 0.3:
            body["image_urls"] = [self.drawn.choice(self.links)]
        return "POST", CREATE, key, body

    def _read(self, key: str) -> tuple[str, str, str | None, Any]:
        """Mostly of its own tasks, sometimes of others'."""
        whose = key if self.drawn.random() < 0.7 else self.drawn.choice(KEYS)
        task = self._one(self.tasks[whose], "task-unified-1757169743-abcdefgh")
        return "GET", f"/v1/tasks/{task}", key, None

    def _advance(self, key: str) -> tuple[str, str, str | None, Any]:
        body = self.drawn.choice([{"ms": 1_500}, {"to_next": True}, {"until_idle": True}])
        return "POST", f"/_mock/clock/advance?key={key}", None, body

    def _wrong(self, key: str) -> tuple[str, str, str | None, Any]:
        return self.drawn.choice(
            [
                ("POST", CREATE, key, {"model": "kling-o1-video-edit-fast"}),
                ("POST", CREATE, None, MINIMAL),
                ("GET", "/v1/nothing", key, None),
                ("GET", "/v1/tasks/not-a-task", key, None),
                ("DELETE", "/v1/credits", key, None),
                ("POST", "/_mock/tasks/task-unified-1-aaaaaaaa/complete", None, None),
                ("PUT", f"/_mock/clock?key={key}", None, {"mode": "odd"}),
            ]
        )

    def _look(self, key: str) -> tuple[str, str, str | None, Any]:
        task = self._one(self.tasks[key], "task-unified-1757169743-abcdefgh")
        return self.drawn.choice(
            [
                ("GET", "/v1/credits", key, None),
                ("GET", "/v1/tasks?page=1&page_size=20", key, None),
                ("GET", "/v1/models", key, None),
                ("GET", f"/media/{task}/0.mp4", None, None),
                ("GET", f"/_mock/tasks?key={key}", None, None),
                ("GET", f"/_mock/ledger?key={key}", None, None),
                ("GET", f"/_mock/callbacks?key={key}", None, None),
                ("GET", f"/_mock/scenarios?key={key}", None, None),
                ("GET", f"/_mock/clock?key={key}", None, None),
                ("GET", f"/_mock/tasks/{task}", None, None),
            ]
        )

    def _control(self, key: str) -> tuple[str, str, str | None, Any]:
        task = self._one(self.tasks[key], "task-unified-1757169743-abcdefgh")
        how, body = self.drawn.choice([("complete", None), ("cancel", None), ("fail", {"code": "service_error"})])
        rules = [{"when": {"operation": "query"}, "times": 1, "then": {"answer": {"status": 500}}}]
        return self.drawn.choice(
            [
                ("POST", f"/_mock/tasks/{task}/{how}", None, body),
                ("POST", f"/_mock/scenarios?key={key}", None, {"name": "once", "rules": rules}),
                ("DELETE", f"/_mock/scenarios?key={key}", None, None),
            ]
        )

    def _file(self, key: str) -> tuple[str, str, str | None, Any]:
        file = self._one(self.files[self.drawn.choice(KEYS)], "file_of_nobody")
        return self.drawn.choice(
            [
                ("POST", "/api/v1/files/upload/base64", key, {"base64_data": DOT, "file_name": "dot.png"}),
                ("GET", "/api/v1/files/quota", key, None),
                ("GET", "/api/v1/files/list?page=1&pageSize=5", key, None),
                ("DELETE", f"/api/v1/files/{file}", key, None),
                ("GET", f"/api/v1/files/download/{file}", None, None),
            ]
        )

    def _account(self, key: str) -> tuple[str, str, str | None, Any]:
        body = self.drawn.choice([{"credits": 40}, {"requests_per_minute": 5}, {"requests_per_minute": None}])
        return "PUT", f"/_mock/accounts/{key}", None, body

    def _one(self, known: list[str], other: str) -> str:
        return self.drawn.choice(known) if known else other


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """nginx, then each node."""
    options = ("--public-url", PUBLIC, "--profile", "observed", "--task-seconds", "5")
    with (
        redis_server(tmp_path_factory.mktemp("redis")) as redis,
        nodes(redis.url, "a b c", *options) as made,
        front("nginx", tmp_path_factory.mktemp("nginx"), made) as proxy,
    ):
        yield [proxy.url, *(node.url for node in made)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_several_nodes_answer_is_what_one_answers(
    request: pytest.FixtureRequest, places: list[str], seed: int
) -> None:
    with MockServer(public_url=PUBLIC, profile="observed", task_seconds=5, allow_local_callbacks=True) as mock:
        one, several = Side([mock.url], seed), Side(places, seed)
        for side in (one, several):
            request.addfinalizer(side.close)
        for key in KEYS:
            for side in (one, several):
                side.ask("POST", "/_mock/reset", None, {"key": key})
                side.ask("PUT", f"/_mock/clock?key={key}", None, {"mode": "manual"})
                side.ask("POST", "/_mock/reset", None, {"key": key})
        talk = Talk(random.Random(seed))
        for number in range(STEPS):
            method, path, key, body = talk.next()
            expected, got = one.ask(method, path, key, body), several.ask(method, path, key, body)
            assert _plain(got) == _plain(expected), _told(f"{number}: {method} {path} {key} {body}", got, expected)
            if expected[2][:1] == b"{" and not path.startswith("/_mock"):
                talk.learn(key, path, httpx.Response(200, content=expected[2]).json())
        for key in KEYS:
            expected, got = (_worlds(side.ask("GET", f"/_mock/log?key={key}", None)[2]) for side in (one, several))
            assert got == expected


def _worlds(log: bytes) -> list[list[bytes]]:
    """Every world of a replay file, as its last line leaves it."""
    return [list(snapshot.dump(one.world)) for one in read(log.splitlines())]


def _told(what: str, got: Answer, expected: Answer) -> str:
    """The first lines that differ."""
    pairs = zip(got[2].splitlines(), expected[2].splitlines(), strict=False)
    found = next((pair for pair in pairs if pair[0] != pair[1]), (got[:2], expected[:2]))
    return f"{what}\n{found[0]!r}\n{found[1]!r}"


def _plain(answer: Answer) -> Answer:
    """Without what is of the server, not of the key: the request's id, and hints, which tell of real time."""
    status, headers, body = answer
    kept = {name: value for name, value in headers.items() if "request-id" not in name and name != "x-mock-hint"}
    return status, kept, body


def test_several_nodes_hold_the_contract_in_real_time(tmp_path: Path) -> None:
    """Nobody can hold a clock that several nodes share, so they are judged as the live API is."""
    first, second = KEYS[:2]
    own = ("--profile", "observed", "--task-seconds", "1", "--only-key", first, "--only-key", second)
    with (
        redis_server(tmp_path) as redis,
        nodes(redis.url, "a b c", *own) as made,
        front("nginx", tmp_path, made) as proxy,
    ):
        for url in (proxy.url, made[1].url):
            settings = Settings(url=url, key=first, other_key=second, poll_s=0.2, image_url=IMAGE)
            report = judged_as_live(settings)
            assert [(one.check.id, one.finding) for one in report.of(Outcome.BROKEN)] == []
            assert len(report.of(Outcome.HELD)) > 60
            assert not report.aborted


def judged_as_live(settings: Settings) -> Report:
    options = Options(settings=settings, profile="observed", control=False, quick=True, examples=5, max_credits=1_000)
    with opened(options) as run:
        return judge_server(run, lambda *_: None)


def test_a_key_stays_at_the_node_to_which_the_proxy_sends_it(places: list[str]) -> None:
    """Its slot moves to where its requests arrive; then nobody has to pass on."""
    proxy, *direct = places
    keys = [f"sk-of-affinity-{number}" for number in range(12)]
    with httpx.Client(trust_env=False) as client:

        def asked() -> int:
            """How many of so many requests were passed on."""
            before = sum(client.get(f"{one}/_mock/health").json()["node"]["passed_on"] for one in direct)
            for key in keys * 5:
                answer = client.post(proxy + CREATE, headers={"authorization": f"Bearer {key}"}, json=MINIMAL)
                assert answer.status_code == 200
            return sum(client.get(f"{one}/_mock/health").json()["node"]["passed_on"] for one in direct) - before

        first = asked()
        wait_until("hardly any is passed on", lambda: asked() <= 10)
        assert first > 10


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_haproxy_leads_to_every_node(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as redis,
        nodes(redis.url, "a b c") as made,
        front("haproxy", tmp_path, made) as proxy,
        httpx.Client(trust_env=False) as client,
    ):
        for key in KEYS:
            answer = client.post(proxy.url + CREATE, headers={"authorization": f"Bearer {key}"}, json=MINIMAL)
            assert answer.status_code == 200


def test_the_compose_file_is_one() -> None:
    told = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
    assert set(told["services"]) == {"redis", "a", "b", "nginx"}
    assert told["services"]["b"]["image"] == "evolink-mock"
