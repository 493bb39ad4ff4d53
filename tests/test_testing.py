"""mockserver.testing: the server, what a key sees of it, and the callback receiver, as a test uses them."""

import socket
import ssl
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.testing import (
    DEFAULT_KEY,
    CallbackReceiver,
    ControlError,
    MockServer,
    MockTenant,
    UnknownError,
)
from mockserver.testing.tenant import _missed
from mockserver.web.app import OptionsError
from tests.house import CREATE, MINIMAL, START_MS


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture
def mock(server: MockServer) -> Iterator[MockServer]:
    yield server
    server.reset()


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with CallbackReceiver() as receiver:
        yield receiver


def submit(mock: MockTenant, **fields: Any) -> str:
    response = httpx.post(f"{mock.url}{CREATE}", json={**MINIMAL, **fields}, headers=mock.headers, trust_env=False)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


# --- the life of a server


def test_a_server_starts_stops_and_starts_again() -> None:
    mock = MockServer()
    mock.stop()
    mock.start()
    with pytest.raises(RuntimeError, match="runs already, at http:"):
        mock.start()
    submit(mock)
    mock.stop()
    mock.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        mock.advance(seconds=1)
    with mock:
        assert mock.tasks == ()


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port}: .*port=0 takes a free one"):
            MockServer(port=port).start()
    with MockServer(port=port) as mock:
        assert mock.url == f"http://127.0.0.1:{port}"


def test_two_servers_are_two_worlds() -> None:
    with MockServer() as one, MockServer() as other:
        submit(one)
        assert (len(one.tasks), len(other.tasks)) == (1, 0)


@pytest.mark.parametrize("wrong", [{"profile": "imagined"}, {"clock": "sundial"}, {"colour": "red"}])
def test_an_option_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong.values())) + "|" + next(iter(wrong))):
        MockServer(**wrong)


def test_options_are_taken_by_name() -> None:
    with MockServer(profile="observed", seed=3, scenarios=["content-policy"], control_token="t0ken") as mock:
        health = mock.get("/health")
        assert (health["profile"], health["seed"]) == ("observed", 3)
        assert [one["name"] for one in mock.get("/scenarios")["scenarios"]] == ["content-policy"]


def test_reset_takes_a_run_back_to_its_first_byte(mock: MockServer) -> None:
    ids = []
    for _ in range(2):
        ids.append(submit(mock))
        mock.advance(seconds=7)
        mock.reset()
        assert mock.now_ms == START_MS
    assert ids[0] == ids[1]


class TestUnderUnittest(unittest.TestCase):
    """As a class of unittest uses it."""

    mock: MockServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.mock = MockServer().start()
        cls.addClassCleanup(cls.mock.stop)

    def setUp(self) -> None:
        self.addCleanup(self.mock.reset)

    def test_a_task_completes(self) -> None:
        task_id = submit(self.mock)
        self.mock.advance(seconds=7)
        assert self.mock.task(task_id).state == "completed"

    def test_a_task_waits(self) -> None:
        assert self.mock.tasks == ()


# --- time and tasks


def test_time_passes_by_a_span_to_the_next_event_and_to_the_end(mock: MockServer) -> None:
    task_id = submit(mock)
    started = mock.advance_to_next()
    assert [event.type for event in started] == ["task.started"]
    assert mock.now_ms == started[0].at_ms == mock.task(task_id).starts_ms
    assert mock.advance(seconds=0.5) == []
    ended = mock.run_until_idle()
    assert [event.type for event in ended] == ["task.completed", "credits.charged"]
    assert ended[1].amount_uc == 70_000
    assert mock.task(task_id).ended
    assert mock.run_until_idle() == mock.advance_to_next() == []


def test_tasks_are_steered(mock: MockServer) -> None:
    completed, failed, cancelled = (submit(mock) for _ in range(3))
    assert mock.complete(completed).state == "completed"
    assert mock.fail(failed, code="resource_exhausted", message="no room").failure == "resource_exhausted"
    assert mock.cancel(cancelled).state == "cancelled"
    assert [task.id for task in mock.tasks] == [completed, failed, cancelled]
    assert mock.task(completed).price == mock.credits.charged == 7


def test_what_can_t_be_steered_is_told(mock: MockServer) -> None:
    task_id = submit(mock)
    with pytest.raises(LookupError, match=f"no task 'task-unified-nope' of this key; its newest: {task_id}"):
        mock.task("task-unified-nope")
    with pytest.raises(UnknownError):
        mock.as_key("sk-somebody-else").complete(task_id)
    with pytest.raises(ControlError, match="code: received"):
        mock.fail(task_id, code="bad_luck")
    mock.complete(task_id)
    with pytest.raises(ControlError, match="has ended") as caught:
        mock.cancel(task_id)
    assert (caught.value.status, caught.value.code) == (409, "task_ended")


# --- keys


def test_each_key_is_a_world_of_its_own_under_one_clock(mock: MockServer) -> None:
    other = mock.as_key("sk-other key with?odd=letters&all")
    mine = submit(mock)
    other.account(credits=3)
    other.script(answer={"status": 429})
    assert (other.tasks, other.requests, other.credits.available) == ((), (), 3)
    assert other.url == mock.url
    submit(mock)
    other.reset()
    assert other.credits.available == 10_000_000
    assert mock.task(mine).state == "pending"
    mock.advance(seconds=1)
    assert other.now_ms == mock.now_ms


def test_no_key_is_told(mock: MockServer) -> None:
    submit(mock)
    assert DEFAULT_KEY not in repr((mock.requests, mock.tasks, mock.get("/ledger")))


# --- money


def test_credits_are_the_numbers_that_the_api_speaks_of() -> None:
    with MockServer(profile="observed") as mock:
        response = httpx.post(f"{mock.url}{CREATE}", json=MINIMAL, headers=mock.headers)
        reserved = response.json()["usage"]["credits_reserved"]
        assert mock.credits.reserved == reserved == 61.2
        mock.run_until_idle()
        told = mock.credits
        assert (told.reserved, told.charged, told.granted) == (0, reserved, 10_000_000)
        assert told.granted_uc == told.available_uc + told.reserved_uc + told.charged_uc


def test_an_account_is_changed(mock: MockServer) -> None:
    assert mock.account(credits=6.5, requests_per_minute=1).available == 6.5
    refused = httpx.post(f"{mock.url}{CREATE}", json=MINIMAL, headers=mock.headers)
    assert refused.status_code == 402
    with pytest.raises(ControlError, match="credits: received"):
        mock.account(credits=-1)


# --- scenarios


def test_a_ready_scenario_is_put_in_force_by_its_name(mock: MockServer, tmp_path: Path) -> None:
    mock.scenario("rate-limited")
    answer = httpx.post(f"{mock.url}{CREATE}", json=MINIMAL, headers=mock.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    file = tmp_path / "mine.yaml"
    file.write_text("{name: mine, rules: [{then: {fail: service_error}}]}")
    mock.reset()
    mock.scenario(file)
    task_id = submit(mock)
    mock.run_until_idle()
    assert mock.task(task_id).failure == "service_error"


def test_a_scenario_that_is_not_there_or_not_right_is_told(mock: MockServer) -> None:
    with pytest.raises(LookupError, match=r"no scenario 'rate-limit'; there are .*rate-limited"):
        mock.scenario("rate-limit")
    with pytest.raises(LookupError):
        mock.scenario("../scenarios/rate-limited")
    with pytest.raises(ControlError, match=r"rules\[0\]\.then\.fail"):
        mock.scenario({"name": "wrong", "rules": [{"then": {"fail": "bad_luck"}}]})


def test_rules_follow_one_another(mock: MockServer) -> None:
    mock.script(times=1, answer={"status": 429}).script(times=1, answer={"status": 500})
    create = {"url": f"{mock.url}{CREATE}", "json": MINIMAL, "headers": mock.headers}
    assert [httpx.post(**create).status_code for _ in range(3)] == [429, 500, 200]


# --- the journal


def test_requests_are_kept_and_verified(mock: MockServer) -> None:
    submit(mock, prompt="Let it rain")
    (request,) = mock.requests
    assert (request.method, request.path, request.status) == ("POST", CREATE, 200)
    assert request.body["prompt"] == "Let it rain"
    assert mock.verify(method="POST", body={"prompt": "Let it rain"}, count=1) == 1
    assert mock.verify(path="/v1/credits", at_most=0) == 0


def test_a_request_that_did_not_come_is_told_with_the_nearest(mock: MockServer) -> None:
    with pytest.raises(AssertionError, match="no request came with this key"):
        mock.verify(path=CREATE)
    submit(mock)
    with pytest.raises(AssertionError, match=r"(?s)nearest: POST .*prompt: expected 'Sun', received 'Make it snow'"):
        mock.verify(path=CREATE, body={"prompt": "Sun"})
    with pytest.raises(AssertionError, match="1 requests fitted"):
        mock.verify(path=CREATE, count=2)


def test_where_the_journal_has_forgotten_it_is_not_said_that_nothing_came() -> None:
    told = _missed({"path": CREATE}, {"verified": False, "matched": 0, "forgotten": 7})
    assert told.endswith("7 older requests of this key are forgotten: see --max-journal-entries")
    assert "at all" not in told


# --- callbacks and their receiver


def test_callbacks_are_retried_and_told(mock: MockServer, receiver: CallbackReceiver) -> None:
    receiver.script(500, "reset", ("redirect", "https://example.com/"), 204)
    task_id = submit(mock, callback_url=receiver.url_of("/hook/%7Ea?secret=s%20t"))
    assert mock.callbacks.for_task(task_id).attempts == ()
    mock.advance(seconds=20)
    callbacks = mock.callbacks.for_task(task_id)
    assert [callbacks.outcomes[at] for at in (0, 2, 3)] == [500, 307, 204]
    assert isinstance(callbacks.outcomes[1], str)
    assert callbacks.gaps == [1, 2, 4]
    assert callbacks.delivered
    assert {request.target for request in receiver.requests} == {"/hook/%7Ea?secret=s%20t"}
    assert [request.json["id"] for request in receiver.requests] == [task_id] * 4
    assert receiver.requests[1].answered_with == "reset"


def test_a_callback_is_sent_once_more(mock: MockServer, receiver: CallbackReceiver) -> None:
    task_id = submit(mock, callback_url=receiver.url)
    mock.complete(task_id)
    assert mock.callbacks.replay(task_id).outcomes == [200, 200]
    assert len(mock.callbacks.all()) == 1
    with pytest.raises(UnknownError):
        mock.callbacks.for_task("task-unified-nope")
    assert mock.as_key("sk-other").callbacks.all() == ()


def test_a_receiver_over_tls() -> None:
    with CallbackReceiver(503, tls=True) as receiver:
        ca_file = receiver.ca_file
        with MockServer(callback_ca=ca_file) as mock:
            task_id = submit(mock, callback_url=receiver.url)
            mock.run_until_idle()
            assert mock.callbacks.for_task(task_id).outcomes == [503, 200]
        assert receiver.url.startswith("https://localhost:")
        with pytest.raises(httpx.ConnectError):
            httpx.get(receiver.url, verify=ssl.create_default_context(), trust_env=False)
    assert ca_file is not None
    assert not ca_file.exists()


def test_a_receiver_that_never_answers(receiver: CallbackReceiver) -> None:
    receiver.script("timeout", ("delay", 0.01, 202))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(receiver.url, timeout=0.05)
    began_s = time.monotonic()
    assert httpx.post(receiver.url).status_code == 202
    assert time.monotonic() - began_s >= 0.01
    assert receiver.requests[0].received_s <= began_s <= receiver.requests[1].received_s


@pytest.mark.parametrize("step", ["timeout", ("delay", 3600, 200)])
def test_a_receiver_stops_while_somebody_waits_for_it(step: Any) -> None:
    receiver = CallbackReceiver(step).start()
    with socket.create_connection(("127.0.0.1", int(receiver.url.split(":")[2].split("/")[0]))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        receiver.wait(1)
        receiver.stop()
        receiver.stop()
        assert receiver.count == len(receiver.requests) == 1
    with receiver:
        assert httpx.post(receiver.url).status_code == 200


def test_a_receiver_takes_chunks_and_waits_for_requests(receiver: CallbackReceiver) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        receiver.wait(1, timeout_s=0)
    httpx.put(receiver.url_of("/x"), content=iter([b"[1,", b"2]"]), headers={"X-Some": "Thing"})
    (request,) = receiver.wait(1)
    assert (request.method, request.target, request.json) == ("PUT", "/x", [1, 2])
    assert request.headers["x-some"] == "Thing"
    receiver.forget()
    assert (receiver.count, receiver.requests) == (0, ())


def test_a_receiver_is_bounded(receiver: CallbackReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.testing.receiver.BODY_LIMIT", 10)
    assert httpx.post(receiver.url, content=b"0123456789").status_code == 200
    assert httpx.post(receiver.url, content=b"0123456789a").status_code == 413
    assert receiver.count == 1


def test_what_is_no_http_does_not_stop_a_receiver(receiver: CallbackReceiver) -> None:
    port = int(receiver.base_url.rpartition(":")[2])
    for noise in (b"", b"\x16\x03\x01\r\n\r\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n12"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(noise)
            client.shutdown(socket.SHUT_WR)
            client.recv(100)
    assert httpx.post(receiver.url).status_code == 200
    assert receiver.count == 1


@pytest.mark.parametrize("step", [True, 99, 600, "hang", ("redirect", 3), ("redirect", "a\r\nb"), ("delay", -1, 200)])
def test_a_step_that_means_nothing_is_refused(step: Any) -> None:
    with pytest.raises(ValueError, match=r"a step of the script: received .*; allowed: a status"):
        CallbackReceiver(200, step)


def test_head_is_answered_at_once_on_a_connection_that_stays(server: MockServer) -> None:
    """An answer without a body is complete with its head; nothing else may be waited for."""
    with httpx.Client(base_url=server.url, timeout=2) as client:
        assert client.head("/_mock/health").status_code == 200
        assert client.get("/_mock/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"credits": -1}, "credits: received -1; allowed: 0 to 1,000,000,000"),
        ({"credits": float("nan")}, "credits: received nan"),
        ({"credits": 0.00001}, "credits: received 1e-05; allowed: 0 to 1,000,000,000, with at most 4 decimals"),
        ({"speed": float("nan")}, "speed: received nan"),
        ({"task_seconds": -1}, "task_seconds: received -1"),
        ({"profile": "x"}, "profile: received 'x'; allowed: documented, observed"),
        ({"clock": "sun"}, "clock: received 'sun'; allowed: real, manual, polls"),
        ({"public_url": "nope"}, "public_url: received 'nope'"),
        ({"colour": "red"}, "'colour' is no option of a mock; there are document, specs"),
        ({"credits": "50"}, "credits: received '50'; allowed: a number"),
        ({"task_seconds": "5"}, "task_seconds: received '5'; allowed: a number"),
        ({"seed": "a"}, "seed: received 'a'; allowed: a whole number"),
        ({"seed": True}, "seed: received True; allowed: a whole number"),
        ({"hints": "no"}, "hints: received 'no'; allowed: True or False"),
        ({"bounds": {}}, "bounds: received {}; allowed: mockserver.web.options.Bounds(...)"),
        ({"scenarios": [{"name": "x"}]}, "scenarios: received a dict; allowed: names and files"),
        ({"scenarios": "nope"}, "no scenario 'nope'; there are "),
        ({"key": ""}, "key: received ''; allowed: ASCII without a blank at an end"),
        ({"key": "sk-\u00fc"}, "allowed: ASCII without a blank at an end"),
        ({"key": "sk-a\n"}, "allowed: ASCII without a blank at an end"),
    ],
)
def test_what_no_mock_can_be_is_said_at_once(options: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)) as caught:
        MockServer(**options)
    assert told in str(caught.value)


def test_one_may_stand_for_a_list(tmp_path: Path) -> None:
    file = tmp_path / "busy.yaml"
    file.write_text("name: busy\n")
    with MockServer(key="sk-only", only_keys="sk-only", scenarios=file, cors="*") as mock:
        assert httpx.get(f"{mock.url}/v1/credits", headers=mock.headers).status_code == 200
        assert [one["name"] for one in mock.get("/scenarios")["scenarios"]] == ["busy"]


def test_a_receiver_that_does_not_run_has_no_url() -> None:
    receiver = CallbackReceiver()
    with pytest.raises(RuntimeError, match="this receiver does not run"):
        receiver.url  # noqa: B018
    with receiver:
        url = receiver.url
    assert receiver.url == url  # nobody is there any more: so it is for whoever tests a dead one


def test_a_log_in_memory_is_no_file() -> None:
    with pytest.raises(OptionsError, match="received 'sqlite::memory:'; allowed: memory, sqlite:PATH"):
        MockServer(log="sqlite::memory:").start()


def test_a_task_is_found_past_those_that_are_listed(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = submit(mock), submit(mock)
    monkeypatch.setattr("mockserver.testing.tenant._MOST", 1)
    assert [task.id for task in mock.tasks] == [second]
    assert mock.cancel(first).state == "cancelled"
    assert mock.callbacks.for_task(first).outcomes == []
    with pytest.raises(UnknownError, match=f"no task 'task-unified' of this key; its newest: {second}"):
        mock.task("task-unified")


def test_a_log_in_a_file_goes_on_in_the_next_mock(tmp_path: Path) -> None:
    tasks = []
    for _ in range(2):
        with MockServer(log=f"sqlite:{tmp_path / 'worlds.db'}") as mock:
            submit(mock)
            tasks.append(len(mock.tasks))
    assert tasks == [1, 2]
