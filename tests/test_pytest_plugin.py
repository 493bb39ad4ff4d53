"""The pytest plugin, as the tests of a project use it: every run of pytest is a process and a project of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.testing import MockServer
from tests.project import ENTRY_POINT, ROOT, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_plugin_is_registered_under_its_name() -> None:
    assert ENTRY_POINT["evolink"] == "mockserver.pytest_plugin"


def test_a_server_and_a_receiver(project: Project) -> None:
    project.passes(
        1,
        """
def test_retries(evolink_mock, evolink_receiver):
    evolink_receiver.script(500, 500, 200)
    task = submit(evolink_mock, callback_url=evolink_receiver.url).json()
    evolink_mock.advance(seconds=10)
    assert evolink_mock.callbacks.for_task(task["id"]).outcomes == [500, 500, 200]
    assert evolink_mock.credits.charged == 7
""",
    )


def test_every_test_begins_afresh_and_alone(project: Project) -> None:
    project.passes(
        6,
        """
seen = {}
@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("kind", ["evolink_mock", "evolink_respx"])
def test_alike(request, kind, time):
    mock = request.getfixturevalue(kind)
    mock.account(credits=100)
    mock.script(queue_seconds=0)
    task = submit(mock).json()
    mock.advance(seconds=7)
    assert len(mock.tasks) == len(mock.requests) == 1
    assert mock.now_ms == 1_757_169_750_000
    other = mock.as_key("sk-of-another-team").as_key("sk-of-a-third")
    submit(other)
    assert len(other.tasks) == 1
    assert seen.setdefault(mock.key, time) == time or kind == "evolink_respx"
    assert seen.setdefault(kind, mock.url) == mock.url
""",
    )


def test_a_test_that_fails_leaves_nothing_behind(project: Project) -> None:
    done = project.run(
        """
def test_fails(evolink_respx):
    submit(evolink_respx)
    assert False

def test_goes_on(evolink_respx, evolink_mock):
    assert evolink_respx.tasks == evolink_mock.tasks == ()

def test_httpx_is_free(evolink_mock):
    assert submit(evolink_mock).status_code == 200
"""
    )
    assert "1 failed, 2 passed" in done.stdout


def test_options_come_from_the_ini_file_and_nearer_markers_win(project: Project) -> None:
    project.passes(
        5,
        """
def test_ini(evolink_mock):
    health = evolink_mock.get("/health")
    assert (health["profile"], health["seed"], evolink_mock.credits.available) == ("observed", 7, 50)

@pytest.mark.evolink(seed=3, scenario="rate-limited")
class TestMarked:
    def test_class(self, evolink_mock):
        assert evolink_mock.get("/health")["seed"] == 3
        assert submit(evolink_mock).status_code == 429

    @pytest.mark.evolink(profile="documented", scenario=["fails-then-works"])
    def test_nearer(self, evolink_mock):
        health = evolink_mock.get("/health")
        assert (health["profile"], health["seed"]) == ("documented", 3)
        task = submit(evolink_mock).json()
        evolink_mock.run_until_idle()
        assert evolink_mock.task(task["id"]).failure == "service_error"

@pytest.mark.evolink(clock="polls", credits=100)
def test_polls(evolink_respx):
    task = submit(evolink_respx).json()
    before_ms = evolink_respx.now_ms
    httpx.get(f"{evolink_respx.url}/v1/tasks/{task['id']}", headers=evolink_respx.headers)
    assert evolink_respx.now_ms == before_ms + 1000

def test_scenarios_are_gone(evolink_mock):
    assert evolink_mock.get("/scenarios", key=evolink_mock.key)["scenarios"] == []
    assert submit(evolink_mock).status_code == 402
""",
        ini="evolink_profile = observed\nevolink_seed = 7\nevolink_credits = 50\n",
    )


def test_a_marker_that_means_nothing_is_told(project: Project) -> None:
    done = project.run(
        """
@pytest.mark.evolink(colour="red")
def test_unknown(evolink_mock): pass

@pytest.mark.evolink("observed")
def test_unnamed(evolink_mock): pass

@pytest.mark.evolink(scenario="nope")
def test_scenario(evolink_mock): pass
"""
    )
    assert "3 errors" in done.stdout
    for words in (
        "received colour; allowed: profile, seed",
        "received 'observed'; allowed: profile, seed",
        "no scenario 'nope'; there are",
    ):
        assert words in done.stdout


def test_a_wrong_ini_file_is_told(project: Project) -> None:
    done = project.run("def test_it(evolink_mock): pass", ini="evolink_seed = soon")
    assert "evolink_seed: received 'soon'; allowed: a number" in done.stdout


def test_workers_of_xdist_have_servers_of_their_own(project: Project) -> None:
    out = project.passes(
        20,
        """
@pytest.mark.parametrize("time", range(20))
def test_alone(evolink_mock, evolink_receiver, worker_id, time):
    assert evolink_mock.tasks == ()
    task = submit(evolink_mock, callback_url=evolink_receiver.url).json()
    evolink_mock.advance(seconds=7)
    assert evolink_receiver.count == evolink_mock.now_ms - 1_757_169_749_999 == 1
    print("at", worker_id, evolink_mock.url)
""",
        "-p",
        "xdist",
        "-n",
        "2",
    )
    urls = {line for line in out.splitlines() if line.startswith("at ")}
    assert len(urls) == 2


ON_ONE = """
@pytest.mark.parametrize("time", range(20))
def test_alone(evolink_mock, evolink_receiver, time):
    assert (evolink_mock.tasks, evolink_mock.credits.available) == ((), 50)
    ids = [submit(evolink_mock, callback_url=evolink_receiver.url).json()["id"] for _ in range(2)]
    submit(evolink_mock.as_key(f"{evolink_mock.key}-of-a-friend").as_key(f"{evolink_mock.key}-of-another"))
    for second in range(4):
        evolink_mock.advance(seconds=1)
    assert [task.state for task in evolink_mock.tasks] == ["processing"] * 2
    evolink_mock.advance(seconds=1)
    assert evolink_receiver.count == evolink_mock.now_ms - 1_757_169_747_998 == 2
    assert "1757169743" in ids[0]
"""


def test_one_running_mock_serves_all_workers(project: Project) -> None:
    """Four workers at once, each test moving its own time, on a server whose own time is real."""
    with MockServer(clock="real") as running:
        ini = f"evolink_url = {running.url}\nevolink_credits = 50\n"
        project.passes(20, ON_ONE, "-p", "xdist", "-n", "4", ini=ini)
        assert running.get("/health")["worlds"]["known"] == 0


def test_a_running_mock_that_is_not_as_asked_or_not_there_is_told(project: Project) -> None:
    with MockServer(seed=3) as running:
        ini, test = f"evolink_url = {running.url}\n", "def test_it(evolink_mock): pass"
        done = project.run(test, ini=ini)
    assert "received seed 3; the test asks for 0" in done.stdout
    assert "no mock answers at" in project.run(test, ini=ini).stdout


def test_a_running_mock_has_its_own_pace_unless_a_test_asks_for_another(project: Project) -> None:
    with MockServer(task_seconds=60) as running:
        ini = f"evolink_url = {running.url}\n"
        test = "@pytest.mark.evolink(task_seconds={})\ndef test_it(evolink_mock): pass"
        project.passes(1, "def test_it(evolink_mock): pass", ini=ini)
        project.passes(1, test.format(60), ini=ini)
        done = project.run(test.format(5), ini=ini)
        other = project.run("def test_it(evolink_mock): pass", ini=f"{ini}evolink_task_seconds = 2\n")
    assert "received task_seconds 60; the test asks for 5" in done.stdout
    assert "received task_seconds 60; the test asks for 2.0" in other.stdout


def test_it_is_found_by_itself_and_can_be_left_out(project: Project) -> None:
    test = "def test_it(evolink_mock): pass"
    others = ("-p", "no:asyncio")  # which asks for a setting of its own
    assert "1 passed" in project.run(test, *others, autoload=True).stdout
    assert "fixture 'evolink_mock' not found" in project.run(test, *others, "-p", "no:evolink", autoload=True).stdout


def test_without_respx_the_other_fixtures_work(project: Project) -> None:
    (project.folder / "conftest.py").write_text("import sys\nsys.modules['respx'] = None\n")
    done = project.run(
        """
def test_server(evolink_mock, evolink_receiver): submit(evolink_mock)
def test_in_process(evolink_respx): pass
"""
    )
    assert "1 passed, 1 error" in done.stdout
    assert "needs respx: pip install 'evolink-mock[pytest]'" in done.stdout


def test_a_run_that_uses_no_fixture_loads_next_to_nothing() -> None:
    source = (
        "import pytest, sys\n"
        "before = set(sys.modules)\n"
        "import mockserver.pytest_plugin\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['mockserver']"
