"""The mock in process: httpx is answered by the plain function through respx, and nothing touches a socket."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx

from mockserver.testing import InProcessMock, MockServer
from mockserver.testing.in_process import URL
from tests.house import CREATE, MINIMAL

HOOK = "https://client.example/hook?secret=s3cr3t"
_touched: list[str] | None = None
_NET = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _touched is not None and event in _NET:
        _touched.append(event)


sys.addaudithook(_watch)


@pytest.fixture
def mock() -> Iterator[InProcessMock]:
    """A mock in process; whatever touches the network while it runs fails the test."""
    global _touched  # noqa: PLW0603 - an audit hook is for the whole process
    _touched = []
    with InProcessMock() as mock:
        yield mock
    touched, _touched = _touched, None
    assert touched == []


def submit(mock: InProcessMock, **fields: Any) -> httpx.Response:
    return httpx.post(f"{mock.url}{CREATE}", json={**MINIMAL, **fields}, headers=mock.headers)


def test_a_synchronous_client_sees_a_task_through(mock: InProcessMock) -> None:
    task = submit(mock).json()
    assert (task["status"], task["usage"]["credits_reserved"]) == ("pending", mock.credits.reserved)
    mock.advance(seconds=7)
    done = httpx.get(f"{URL}/v1/tasks/{task['id']}", headers=mock.headers).json()
    assert done["status"] == mock.task(task["id"]).state == "completed"
    assert mock.credits.charged == 7
    assert mock.verify(path=CREATE, body={"prompt": MINIMAL["prompt"]}) == 1


def test_result_links_lead_to_files(mock: InProcessMock) -> None:
    task_id = submit(mock).json()["id"]
    mock.complete(task_id)
    link = httpx.get(f"{URL}/v1/tasks/{task_id}", headers=mock.headers).json()["results"][0]
    assert link.startswith("https://files.evolink.ai/")
    whole, part = httpx.get(link), httpx.get(link, headers={"range": "bytes=4-7"})
    assert (whole.status_code, part.status_code, part.content) == (200, 206, b"ftyp")
    assert whole.headers["content-type"] == "video/mp4"
    mock.advance(seconds=25 * 3600)
    assert httpx.get(link).status_code == 410


def test_an_asynchronous_client_is_answered_on_its_own_loop(mock: InProcessMock) -> None:
    async def journey() -> tuple[httpx.Response, bytes]:
        async with httpx.AsyncClient(base_url=URL, headers=mock.headers) as client:
            tasks = await asyncio.gather(*(client.post(CREATE, json=MINIMAL) for _ in range(3)))
            mock.run_until_idle()
            first = await client.get(f"/v1/tasks/{tasks[0].json()['id']}")
            return first, (await client.get(first.json()["results"][0])).content

    task, content = asyncio.run(journey())
    assert task.json()["status"] == "completed"
    assert content[4:8] == b"ftyp"
    assert len(mock.tasks) == 3


def test_callbacks_are_sent_through_httpx_within_advance(mock: InProcessMock) -> None:
    hook = mock.router.post(HOOK).mock(side_effect=[httpx.Response(500), httpx.ReadTimeout, httpx.Response(200)])
    task_id = submit(mock, callback_url=HOOK).json()["id"]
    mock.advance(seconds=60)
    callbacks = mock.callbacks.for_task(task_id)
    assert callbacks.outcomes == [500, "no answer within 10 s", 200]
    assert callbacks.gaps == [1, 2]
    assert callbacks.attempts[1].ended_ms == callbacks.attempts[1].at_ms + 10_000
    assert [call.request.url for call in hook.calls] == [HOOK] * 3
    assert hook.calls[0].request.headers["content-type"] == "application/json"


def test_a_receiver_may_ask_the_mock_while_it_is_asked(mock: InProcessMock) -> None:
    seen = []

    async def receive(request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(headers=mock.headers) as client:
            task = (await client.get(f"{URL}/v1/tasks/{mock.tasks[0].id}")).json()
            seen.append((task["status"], (await client.get(task["results"][0])).status_code, mock.credits.charged))
        return httpx.Response(204)

    def receive_again(request: httpx.Request) -> httpx.Response:
        return httpx.Response(httpx.get(f"{URL}/v1/credits", headers=mock.headers).status_code)

    mock.router.post("https://one.example/").mock(side_effect=receive)
    mock.router.post("https://two.example/").mock(side_effect=receive_again)
    submit(mock, callback_url="https://one.example/")
    other = submit(mock, callback_url="https://two.example/").json()["id"]
    mock.run_until_idle()
    assert seen in ([("completed", 200, 7)], [("completed", 200, 14)])
    assert mock.callbacks.for_task(other).outcomes == [200]


def test_a_callback_that_nobody_takes_fails_and_stays_here(mock: InProcessMock) -> None:
    task_id = submit(mock, callback_url=HOOK).json()["id"]
    mock.run_until_idle()
    outcomes = mock.callbacks.for_task(task_id).outcomes
    assert len(outcomes) == 4
    assert all("not mocked" in str(outcome) for outcome in outcomes)


def test_a_receiver_that_breaks_is_told_in_its_own_words(mock: InProcessMock) -> None:
    mock.router.post(HOOK).mock(side_effect=ZeroDivisionError("one by none"))
    task_id = submit(mock, callback_url=HOOK).json()["id"]
    mock.complete(task_id)
    assert mock.callbacks.for_task(task_id).outcomes == ["no HTTP answer: one by none"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("closed_before_answer", httpx.RemoteProtocolError),
        ("closed_after_accept", httpx.RemoteProtocolError),
        ("truncated_body", httpx.RemoteProtocolError),
        ("stalled", httpx.ReadTimeout),
    ],
)
def test_a_broken_wire_is_the_error_that_it_is_on_a_socket(fault: str, error: type[Exception]) -> None:
    create = {"json": MINIMAL, "timeout": 0.2, "trust_env": False}
    with MockServer() as server:
        server.script(fault=fault)
        with pytest.raises(error) as real:
            httpx.post(f"{server.url}{CREATE}", headers=server.headers, **create)
        accepted = len(server.tasks)
    with InProcessMock() as mock:
        mock.script(fault=fault)
        with pytest.raises(error) as played:
            httpx.post(f"{mock.url}{CREATE}", headers=mock.headers, **create)
        assert len(mock.tasks) == accepted
    assert type(played.value) is type(real.value)


def test_a_patient_client_gets_a_stalled_answer_and_a_malformed_one_as_it_is(mock: InProcessMock) -> None:
    mock.script(fault="stalled", stall_seconds=4, times=1).script(fault="malformed_json", times=1)
    assert submit(mock).status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        submit(mock).json()


def test_other_hosts_are_not_reached_and_not_the_control_api(mock: InProcessMock) -> None:
    with pytest.raises(respx.models.AllMockedAssertionError):
        httpx.get("https://example.com/")
    assert httpx.get(f"{URL}/_mock/health").status_code == 403
    assert httpx.get("https://files-api.evolink.ai/nothing", headers=mock.headers).status_code == 404
    mock.router.route(host="proxy.example").mock(side_effect=mock.answer)
    assert httpx.get("https://proxy.example/v1/credits", headers=mock.headers).status_code == 200


def test_httpx_is_itself_again_afterwards() -> None:
    with InProcessMock() as mock:
        submit(mock)
    with pytest.raises(RuntimeError, match="does not run"):
        mock.answer(httpx.Request("GET", URL))
    with MockServer() as server:
        assert httpx.get(f"{server.url}/v1/credits", headers=server.headers, trust_env=False).status_code == 200


def test_both_kinds_answer_alike() -> None:
    with MockServer(public_url="https://files.evolink.ai", seed=5) as server:
        real = httpx.post(f"{server.url}{CREATE}", json=MINIMAL, headers=server.headers, trust_env=False)
        server.run_until_idle()
    with InProcessMock(seed=5) as mock:
        played = submit(mock)
        mock.run_until_idle()
        assert played.content == real.content
        unserved = {"date", "connection"}
        assert set(played.headers.multi_items()) >= {
            pair for pair in real.headers.multi_items() if pair[0] not in unserved
        }


def test_without_respx_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "respx", None)
    with pytest.raises(ImportError, match=r"needs respx: pip install 'evolink-mock\[pytest\]'"):
        InProcessMock()


def test_of_two_mocks_in_process_the_last_one_answers_until_it_ends() -> None:
    with InProcessMock(credits=1) as outer, httpx.Client(base_url=outer.url, headers=outer.headers) as client:
        with InProcessMock(credits=2) as inner:
            assert remaining(client) == 2
            assert inner.requests
        assert remaining(client) == 1


def remaining(client: httpx.Client) -> float:
    return float(client.get("/v1/credits").json()["data"]["user"]["remaining_credits"])


def test_a_route_of_whoever_used_respx_before_keeps_its_place() -> None:
    with respx.mock(assert_all_called=False) as theirs, InProcessMock() as mock:
        theirs.get("https://api.evolink.ai/v1/credits").respond(503)
        assert httpx.get(f"{mock.url}/v1/credits", headers=mock.headers).status_code == 503
        assert httpx.get(f"{mock.url}/healthz").status_code == 200


def test_a_route_of_the_test_comes_before_the_mock_and_one_for_everything_behind_it(mock: InProcessMock) -> None:
    everything = mock.router.route().respond(418)
    any_post = mock.router.route(method="POST", scheme="https").respond(418)
    refused = mock.router.post(f"{URL}{CREATE}").mock(side_effect=[httpx.ConnectError, mock.answer])
    by_path = mock.router.get("/v1/credits", name="credits").respond(502)
    with pytest.raises(httpx.ConnectError):
        submit(mock)
    assert submit(mock).json()["status"] == "pending"
    assert httpx.get(f"{URL}/v1/tasks/{mock.tasks[0].id}", headers=mock.headers).status_code == 200
    assert httpx.get(f"{URL}/v1/credits", headers=mock.headers).status_code == 502
    assert httpx.get("https://other.example/").status_code == 418
    assert [one.call_count for one in (everything, any_post, refused, by_path)] == [1, 0, 2, 1]


def test_a_route_that_is_taken_back_leaves_the_mock(mock: InProcessMock) -> None:
    mock.router.get(f"{URL}/v1/credits", name="credits").respond(502)
    mock.router.pop("credits")
    assert httpx.get(f"{URL}/v1/credits", headers=mock.headers).status_code == 200
