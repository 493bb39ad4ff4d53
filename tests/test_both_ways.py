"""In process is the same as on a socket: one list of requests both ways, and every answer compared."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest

from mockserver.testing import InProcessMock, MockServer
from mockserver.testing.in_process import LINKS_URL, URL
from mockserver.testing.server import LocalMock
from tests import fuzzing
from tests.house import CREATE, MINIMAL

HOST = {"host": "api.evolink.ai"}
_OF_THE_WIRE = {"date", "connection", "transfer-encoding"}
Asked = tuple[str, str, dict[str, Any]]
FORM = {"content": fuzzing.FORM, "headers": {"content-type": "multipart/form-data; boundary=line"}}
JSON = {"content-type": "application/json"}
ASKED: tuple[Asked, ...] = (
    ("POST", CREATE, {"json": MINIMAL}),
    ("POST", CREATE, {"json": MINIMAL, "headers": {"idempotency-key": "0123456789abcdef"}}),
    ("POST", CREATE, {"json": MINIMAL, "headers": {"idempotency-key": "0123456789abcdef"}}),
    ("POST", CREATE, {"json": {**MINIMAL, "prompt": ""}, "headers": {"idempotency-key": "0123456789abcdef"}}),
    ("POST", CREATE, {"json": {**MINIMAL, "prompt": 5}}),
    ("POST", CREATE, {"json": {**MINIMAL, "prompt": "mock:answer=429 mock:retry_after=3"}}),
    ("POST", CREATE, {"json": {**MINIMAL, "prompt": "mock:fault=unknown_fields"}}),
    ("POST", CREATE, {"json": {**MINIMAL, "prompt": "mock:fault=malformed_json"}}),
    ("POST", CREATE, {"content": b"{", "headers": JSON}),
    ("POST", CREATE, {"content": b"[" * 300 + b"]" * 300, "headers": JSON}),
    ("POST", CREATE, {"content": b"x" * 1_100_000, "headers": JSON}),
    ("POST", CREATE, {"content": b"{}", "headers": {**JSON, "content-encoding": "gzip"}}),
    ("POST", CREATE, {"content": b"{}"}),
    ("GET", CREATE, {}),
    ("HEAD", "/v1/credits", {}),
    ("HEAD", "/v1/nothing", {}),
    ("OPTIONS", CREATE, {}),
    ("GET", "/v1/credits", {}),
    ("GET", "/v1/credits", {"headers": {"authorization": ""}}),
    ("GET", "/v1/credits", {"headers": {"authorization": "Basic abc"}}),
    ("GET", "/v1/tasks?page=no", {}),
    ("GET", "/v1/tasks?page=1&page_size=2&status=processing", {}),
    ("GET", "/v1/tasks?page=1&page=2", {}),
    ("GET", "/v1/tasks?status=%E2%98%83", {}),
    ("POST", "/v1/tasks/batch", {"json": {"task_ids": ["a"] * 51}}),
    ("GET", "/v1/models", {}),
    ("GET", "/v1/cr%65dits?", {}),
    ("GET", "/v1/credits/", {}),
    ("GET", "/v1/tasks/task-unified-1-a%2Fb", {}),
    ("GET", "/v1/tasks/nonsense", {}),
    ("GET", "/", {}),
    ("POST", "/api/v1/files/upload/stream", FORM),
    ("POST", "/api/v1/files/upload/base64", {"json": {"base64_data": fuzzing.PNG}}),
    ("GET", "/api/v1/files/quota", {}),
    ("GET", "/api/v1/files/list?page=0", {}),
    ("GET", "/api/v1/files/list?page=1&pageSize=1", {}),
    ("DELETE", "/api/v1/files/file_nothing", {}),
    ("GET", "/api/v1/files/download/file_nothing", {}),
    ("GET", "/media/files/file_nothing/a.png", {}),
    ("GET", "/media/task-unified-1-a/0.mp4", {}),
    ("HEAD", "/media/task-unified-1-a/0.mp4", {}),
    ("POST", "/media/task-unified-1-a/0.mp4", {}),
    ("GET", "/healthz", {}),
    ("GET", "/_mock/health", {}),
)
RANGES: tuple[dict[str, str], ...] = (
    {},
    {"range": "bytes=1-5"},
    {"range": "bytes=9999999-"},
    {"if-range": "x", "range": "bytes=0-0"},
)


def answer_of(client: httpx.Client, method: str, target: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """All of an answer but what only a wire has."""
    headers = {**HOST, **arguments.get("headers", {})}
    response = client.request(method, target, **{**arguments, "headers": headers})
    told = sorted(
        (name, value.partition(":")[0] if name == "x-mock-hint" else value)  # which tells real time
        for name, value in response.headers.multi_items()
        if name not in _OF_THE_WIRE
    )
    return response.status_code, told, response.content


Seen = Callable[[LocalMock, httpx.Client], list[Any]]


def both(see: Seen, profile: str = "documented") -> tuple[list[Any], list[Any]]:
    """What is seen on a socket, and in process."""
    options = {"seed": 11, "profile": profile}
    seen = []
    for kind, links in ((MockServer, LINKS_URL), (InProcessMock, None)):
        with kind(**options, **({"public_url": links} if links else {})) as mock:
            url = URL if kind is InProcessMock else mock.url
            with httpx.Client(base_url=url, headers=mock.headers, trust_env=False) as client:
                seen.append(see(mock, client))
    return seen[0], seen[1]


def asking(asked: Iterable[Asked]) -> Seen:
    return lambda _, client: [answer_of(client, *one) for one in asked]


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_a_list_of_requests_is_answered_alike(profile: str) -> None:
    for asked, real, played in zip(ASKED, *both(asking(ASKED), profile), strict=True):
        assert played == real, asked[:2]


def test_a_task_with_its_links_is_seen_alike() -> None:
    def see(mock: LocalMock, client: httpx.Client) -> list[Any]:
        task = client.post(CREATE, json=MINIMAL).json()
        answers: list[Any] = [task]
        for _ in range(4):
            mock.advance(seconds=3)
            answers.append(answer_of(client, "GET", f"/v1/tasks/{task['id']}", {}))
        link = httpx.URL(client.get(f"/v1/tasks/{task['id']}").json()["results"][0]).raw_path.decode()
        answers += [answer_of(client, "GET", link, {"headers": one}) for one in RANGES]
        mock.advance(seconds=25 * 3600)
        return [*answers, answer_of(client, "GET", link, {})]

    real, played = both(see)
    assert played == real


def test_requests_by_chance_are_answered_alike() -> None:
    asked = list(_by_chance(400))
    assert len(asked) > 100
    for one, real, played in zip(asked, *both(asking(asked)), strict=True):
        assert played == real, one


def _by_chance(count: int) -> Iterator[Asked]:
    """What of the fuzzer's requests an HTTP client can be made to send."""
    for sent in fuzzing.requests(12, count):
        head, _, content = b"".join(sent.pieces).partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        if not sent.is_whole or line.count(" ") != 2:
            continue
        method, target, _ = line.split(" ")
        pairs = [field.partition(": ")[::2] for field in fields]
        named = {name: value for name, value in pairs if name not in ("host", "content-length")}
        if (
            target.startswith("/")
            and not target.startswith("//")
            and all(one.isascii() and one == one.strip() for one in named.values())
        ):
            yield method, target, {"content": content, "headers": named}
