"""Where a mock runs: containers, both stacks, taken ports, read-only file systems, web pages; and its end."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.interception.authority import Authority, InterceptionError
from mockserver.testing import MockServer
from mockserver.web import listening
from tests.conftest import MakeMock
from tests.fuzzing import PNG
from tests.house import CREATE, MINIMAL, Mock

SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--log-format", "json"]
PAGE = {"origin": "http://localhost:3000"}
PREFLIGHT = {
    **PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, idempotency-key",
}


# --- links that follow the host


def links(mock: Mock, task_id: str, **headers: str) -> str:
    [link] = mock.get(f"/v1/tasks/{task_id}", headers=headers).json()["results"]
    return link.partition("/media/")[0]


def test_links_lead_to_where_the_client_reached_the_mock(make_mock: MakeMock) -> None:
    mock = make_mock(links_follow_host=True)
    task_id = mock.task_id()
    mock.advance(10)
    assert links(mock, task_id, host="localhost:49153") == "http://localhost:49153"
    assert links(mock, task_id, host="mock") == "http://mock"
    assert links(mock, task_id, host="[::1]:80") == "http://[::1]:80"
    assert links(mock, task_id, **{"host": "mock.example", "x-forwarded-proto": "https"}) == "https://mock.example"
    for odd in ("a b", "a/b", "", 'a"b', "a:b", "user@a"):
        assert links(mock, task_id, host=odd) == mock.app.public_url


def test_links_do_not_follow_unless_asked(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.advance(10)
    assert links(mock, task_id, host="elsewhere") == mock.app.public_url


def test_a_callbacks_links_lead_to_where_its_key_asked(make_mock: MakeMock) -> None:
    mock = make_mock(links_follow_host=True)
    mine, others = (mock.post(CREATE, MINIMAL, key=key, headers={"host": host}).json()["id"] for key, host in KEYS)
    mock.advance(10)
    for (key, host), task_id in zip(KEYS, (mine, others), strict=True):
        told = json.loads(mock.app._bodies.callback(mock.world(key), task_id))
        assert told["results"][0].startswith(f"http://{host}/media/")


KEYS = (("sk-of-the-first-one", "first:1"), ("sk-of-the-second-one", "second:2"))


def test_a_file_is_recognised_by_any_link_that_was_given(make_mock: MakeMock) -> None:
    mock = make_mock(links_follow_host=True)
    form = {"file": ("a.png", base64.b64decode(PNG), "image/png")}
    made = mock.request("POST", "/api/v1/files/upload/stream", files=form, headers={"host": "mapped:1"}).json()
    mock.get("/v1/credits", headers={"host": "other:2"})
    link = made["data"]["file_url"]
    assert link.startswith("http://mapped:1/")
    mock.request("DELETE", f"/api/v1/files/{made['data']['file_id']}")
    body = {**MINIMAL, "image_urls": [link]}
    task_id = mock.post(CREATE, body, headers={"host": "other:2"}).json()["id"]
    mock.advance(10)
    assert mock.task(task_id)["error"]["code"] == "resource_not_found"


# --- web pages


def test_without_the_option_a_page_is_told_what_to_do(mock: Mock) -> None:
    response = mock.request("OPTIONS", CREATE, key=None, headers=PREFLIGHT)
    assert response.status_code == 405
    assert "--cors ORIGIN" in response.json()["error"]["message"]
    assert response.headers["allow"] == "POST"
    assert "--cors" not in mock.request("OPTIONS", CREATE).text


@pytest.mark.parametrize(
    ("told", "sent"), [("HTTP://B.test:80", "http://b.test"), ("https://b.test:443/", "https://b.test")]
)
def test_an_origin_is_named_as_a_browser_sends_it(make_mock: MakeMock, told: str, sent: str) -> None:
    answer = make_mock(cors=(told,)).get("/v1/credits", headers={**PAGE, "origin": sent})
    assert answer.headers["access-control-allow-origin"] == sent


@pytest.mark.parametrize("origins", [("*",), ("http://localhost:3000",), ("http://LOCALHOST:3000/", "http://b")])
@pytest.mark.parametrize("path", [CREATE, "/v1/credits", "/api/v1/files/quota", "/media/x/0.mp4"])
def test_a_page_of_a_named_origin_may_ask(make_mock: MakeMock, origins: tuple[str, ...], path: str) -> None:
    mock = make_mock(cors=origins)
    asked = mock.request("OPTIONS", path, key=None, headers=PREFLIGHT)
    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
    assert "POST" in asked.headers["access-control-allow-methods"]
    answer = mock.get(path, headers=PAGE)
    assert answer.headers["access-control-allow-origin"] in ("*", PAGE["origin"])
    assert "retry-after" in answer.headers["access-control-expose-headers"]


def test_other_pages_may_not(make_mock: MakeMock) -> None:
    mock = make_mock(cors=("http://localhost:3000",))
    elsewhere = {**PREFLIGHT, "origin": "http://elsewhere.example"}
    refused = mock.request("OPTIONS", CREATE, key=None, headers=elsewhere)
    assert refused.status_code == 405
    for response in (refused, mock.get("/v1/credits", headers=elsewhere), mock.get("/v1/credits")):
        assert "access-control-allow-origin" not in response.headers


def test_the_control_api_is_for_no_page_of_another_origin(make_mock: MakeMock) -> None:
    mock = make_mock(cors=("*",))
    assert mock.get("/_mock/health", headers=PAGE).status_code == 403
    assert mock.request("OPTIONS", "/_mock/health", headers=PREFLIGHT).status_code == 403


@pytest.mark.parametrize("origin", ["localhost:3000", "http://a/b", "", "http://"])
def test_what_is_no_origin_is_wrong_usage(origin: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--cors", origin])
    assert (done.exit_code, "--cors: received" in done.output) == (2, True)


# --- addresses


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    return False


@contextlib.contextmanager
def serving(*arguments: str, **more: Any) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server and its address."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*SERVE, *arguments], **pipes, **more) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            yield process, json.loads(line)["url"]
        finally:
            process.kill()


def has_ipv6() -> bool:
    try:
        listening.bind("::1", 0).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(("host", "token"), [("localhost", ()), ("::", ("--control-token", "t" * 20))])
def test_both_stacks_are_served(host: str, token: tuple[str, ...]) -> None:
    with serving("--host", host, *token) as (_, url):
        port = httpx.URL(url).port
        assert answers(f"http://127.0.0.1:{port}")
        assert answers(f"http://[::1]:{port}")
        assert answers(url)


def test_localhost_is_served_where_there_is_one_stack_only(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listening.bind

    def without_ipv6(host: str, port: int) -> socket.socket:
        if ":" in host:
            raise OSError(97, "Address family not supported by protocol")
        return bind(host, port)

    monkeypatch.setattr(listening, "bind", without_ipv6)
    [only] = listening.listeners("localhost", 0)
    assert only.getsockname()[0] == "127.0.0.1"
    only.close()


def test_a_taken_port_names_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["serve", "--port", str(port)])
    assert done.exit_code == 1
    expected = f"process {os.getpid()} (" if os.path.exists("/proc/net/tcp") else "names who has it"
    assert expected in done.output
    assert "--port 0 takes a free one" in done.output


def test_a_port_that_a_mock_has_is_told_so() -> None:
    with MockServer() as mock:
        done = CliRunner().invoke(main, ["serve", "--port", str(httpx.URL(mock.url).port)])
    assert "a mock listens there already" in done.output


# --- file systems


def test_where_nothing_can_be_written_tmpdir_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", "/tmp/x")

    pytest.importorskip("trustme")
    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    with pytest.raises(InterceptionError, match="set TMPDIR"):
        Authority.of(["api.evolink.ai"])


# --- the end


def test_a_signal_ends_it_within_a_second_whatever_goes_on(tmp_path: Any) -> None:
    """A callback that nobody answers, an advance that waits for it, half a request, a stream of events."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        serving("--clock", "manual", "--allow-local-callbacks", "--log", f"sqlite:{tmp_path}/log.db") as (
            process,
            url,
        ),
    ):
        hook = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        key = {"authorization": "Bearer sk-of-a-signal"}
        httpx.post(url + CREATE, json={**MINIMAL, "callback_url": hook}, headers=key)
        waiting = threading.Thread(target=until_it_ends, args=[url], daemon=True)
        waiting.start()
        under_way, _ = silent.accept()
        address = ("127.0.0.1", httpx.URL(url).port or 0)
        with under_way, socket.create_connection(address) as half, socket.create_connection(address) as events:
            half.sendall(b"POST /v1/videos/generations HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{")
            events.sendall(b"GET /_mock/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert events.recv(10) == b"HTTP/1.1 2"
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(10)
            took_s = time.monotonic() - began
        assert process.stderr is not None
        assert (code, process.stderr.read()) == (0, "")
        assert took_s < 3, "a second, and what a busy machine adds"


def until_it_ends(url: str) -> None:
    with contextlib.suppress(httpx.TransportError):
        httpx.post(f"{url}/_mock/clock/advance", json={"ms": 10_000}, timeout=20)
