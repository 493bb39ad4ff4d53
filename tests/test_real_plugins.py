"""The fixtures among the plugins that projects really use, in runs of pytest of their own."""

import importlib.util
from pathlib import Path

import pytest

from tests.project import Project

SEES_A_TASK_THROUGH = """
def sees_a_task_through(mock, **fields):
    task = submit(mock, **fields).json()
    mock.advance(seconds=10)
    assert mock.task(task["id"]).state == "completed"
    assert mock.credits.charged == 7
    return mock.callbacks.for_task(task["id"]).outcomes
"""
HOOK = "https://client.example/hook"
BOTH = f"""
def test_on_a_socket(evolink_mock, evolink_receiver):
    evolink_receiver.script(500, 200)
    assert sees_a_task_through(evolink_mock, callback_url=evolink_receiver.url) == [500, 200]

def test_in_process(evolink_respx):
    evolink_respx.router.post("{HOOK}").mock(side_effect=[httpx.Response(500), httpx.Response(200)])
    assert sees_a_task_through(evolink_respx, callback_url="{HOOK}") == [500, 200]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def plugged(name: str, module: str = "") -> list[str]:
    """Arguments that load a plugin by its module; skips where it is not installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return ["-p", module or name]


def test_where_sockets_are_forbidden_the_mock_in_process_works(project: Project) -> None:
    tests = SEES_A_TASK_THROUGH + BOTH.partition("\n\n")[2]
    project.passes(1, tests, *plugged("pytest_socket"), "--disable-socket")


@pytest.mark.long
def test_where_sockets_are_forbidden_the_mock_on_one_says_so_at_once(project: Project) -> None:
    done = project.run(SEES_A_TASK_THROUGH + BOTH, *plugged("pytest_socket"), "--disable-socket")
    assert "SocketBlockedError" in done.stdout
    assert "1 passed, 1 error" in done.stdout or "1 failed, 1 passed" in done.stdout, done.stdout


@pytest.mark.long
def test_where_this_machine_alone_is_allowed_both_work(project: Project) -> None:
    project.passes(2, SEES_A_TASK_THROUGH + BOTH, *plugged("pytest_socket"), "--allow-hosts=127.0.0.1")


@pytest.mark.long
def test_pytest_httpx_catches_nothing_of_the_mocks_own(project: Project) -> None:
    """Not its callbacks, nor what the fixture asks of it; what it is told to leave alone reaches the mock."""
    tests = """
@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host != "127.0.0.1")
def test_on_a_socket(httpx_mock, evolink_mock, evolink_receiver):
    httpx_mock.add_response(url="https://elsewhere.example/", text="caught")
    assert httpx.get("https://elsewhere.example/").text == "caught"
    evolink_receiver.script(500, 200)
    assert sees_a_task_through(evolink_mock, callback_url=evolink_receiver.url) == [500, 200]
    assert len(httpx_mock.get_requests()) == 1
"""
    project.passes(1, SEES_A_TASK_THROUGH + tests, *plugged("pytest_httpx"))


@pytest.mark.long
def test_pytest_asyncio(project: Project) -> None:
    tests = """
import asyncio

async def test_on_a_socket(evolink_mock, evolink_receiver):
    async with httpx.AsyncClient(base_url=evolink_mock.url, headers=evolink_mock.headers) as client:
        body = {"model": "kling-o1-video-edit-fast", "prompt": "x", "video_urls": ["https://example.com/s.mp4"]}
        task = (await client.post(CREATE, json={**body, "callback_url": evolink_receiver.url})).json()
        await asyncio.to_thread(evolink_mock.advance, seconds=10)
        assert (await client.get(f"/v1/tasks/{task['id']}")).json()["status"] == "completed"
    assert evolink_mock.callbacks.for_task(task["id"]).outcomes == [200]

async def test_in_process(evolink_respx):
    async with httpx.AsyncClient(base_url=evolink_respx.url, headers=evolink_respx.headers) as client:
        assert (await client.get("/v1/credits")).status_code == 200
        evolink_respx.advance(seconds=1)
"""
    ini = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    project.passes(2, tests, *plugged("pytest_asyncio", "pytest_asyncio.plugin"), ini=ini)


@pytest.mark.long
def test_anyio(project: Project) -> None:
    tests = """
import anyio
pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def test_on_a_socket(evolink_mock):
    async with httpx.AsyncClient(base_url=evolink_mock.url, headers=evolink_mock.headers) as client:
        assert (await client.get("/v1/credits")).status_code == 200
    await anyio.to_thread.run_sync(lambda: evolink_mock.advance(seconds=10))

async def test_in_process(evolink_respx):
    async with httpx.AsyncClient(base_url=evolink_respx.url, headers=evolink_respx.headers) as client:
        assert (await client.get("/v1/credits")).status_code == 200
"""
    project.passes(2, tests, *plugged("anyio", "anyio.pytest_plugin"))


@pytest.mark.long
def test_time_machine(project: Project) -> None:
    """Time stands still, or is far away: the mock has a clock of its own, and its threads go on."""
    tests = """
import datetime, time_machine

@pytest.fixture(autouse=True)
def far_away():
    with time_machine.travel(datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc), tick=False):
        yield
"""
    project.passes(2, SEES_A_TASK_THROUGH + tests + BOTH, *plugged("time_machine"))


@pytest.mark.long
def test_freezegun(project: Project) -> None:
    """It stops the clocks of the event loop, too."""
    plugged("freezegun")
    tests = """
import freezegun

@pytest.fixture(autouse=True)
def frozen():
    with freezegun.freeze_time("1999-12-31"):
        yield
"""
    project.passes(2, SEES_A_TASK_THROUGH + tests + BOTH)


@pytest.mark.long
def test_vcrpy(project: Project) -> None:
    """A cassette holds what the program asked, and nothing of the mock's own."""
    plugged("vcr")
    tests = """
import vcr

def test_on_a_socket(evolink_mock, evolink_receiver, tmp_path):
    tape = tmp_path / "tape.yaml"
    with vcr.use_cassette(str(tape)):
        assert sees_a_task_through(evolink_mock, callback_url=evolink_receiver.url) == [200]
    assert tape.read_text().count("uri:") == 1
"""
    project.passes(1, SEES_A_TASK_THROUGH + tests)


@pytest.mark.long
def test_xdist(project: Project) -> None:
    tests = SEES_A_TASK_THROUGH + BOTH + BOTH.replace("def test_", "def test_again_")
    project.passes(4, tests, *plugged("xdist", "xdist.plugin"), "-n", "2")


def test_all_of_them_at_once(project: Project) -> None:
    named = [
        *plugged("pytest_socket"),
        *plugged("pytest_httpx"),
        *plugged("pytest_asyncio", "pytest_asyncio.plugin"),
        *plugged("anyio", "anyio.pytest_plugin"),
        *plugged("time_machine"),
        *plugged("xdist", "xdist.plugin"),
    ]
    ini = "asyncio_default_fixture_loop_scope = function\n"
    project.passes(2, SEES_A_TASK_THROUGH + BOTH, *named, "--allow-hosts=127.0.0.1", ini=ini)
