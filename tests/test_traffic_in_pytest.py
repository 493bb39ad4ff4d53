"""`--evolink-judge`: what each test of a project sent to its mock is judged after it, as a warning or a failure."""

import sys

import pytest

from mockserver.testing import MockServer

pytest_plugins = ["pytester"]
SUITE = """
import httpx

VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}


def submit(mock):
    return httpx.post(f"{mock.url}/v1/videos/generations", json=VIDEO, headers=mock.headers)


def ask(mock, task_id):
    return httpx.get(f"{mock.url}/v1/tasks/{task_id}", headers=mock.headers).json()


def test_right(evolink_mock):
    task_id = submit(evolink_mock).json()["id"]
    evolink_mock.run_until_idle()
    httpx.get(ask(evolink_mock, task_id)["results"][0])


def test_pays_twice(evolink_mock):
    evolink_mock.script(times=1, fault="closed_after_accept")
    try:
        submit(evolink_mock)
    except httpx.HTTPError:
        submit(evolink_mock)


def test_asks_for_ever(evolink_mock):
    task_id = submit(evolink_mock).json()["id"]
    evolink_mock.run_until_idle()
    assert [ask(evolink_mock, task_id)["status"] for _ in range(5)] == ["completed"] * 5


def test_shows_its_key(evolink_respx):
    client = httpx.Client(headers=evolink_respx.headers)
    task_id = client.post("https://api.evolink.ai/v1/videos/generations", json=VIDEO).json()["id"]
    evolink_respx.run_until_idle()
    client.get(client.get(f"https://api.evolink.ai/v1/tasks/{task_id}").json()["results"][0])


def test_without_a_mock():
    pass


def test_that_fails_anyway(evolink_mock):
    submit(evolink_mock)
    assert False, "its own reason"
"""
MISTAKES = ["CLIENT-PAYS-ONCE", "CLIENT-STOPS-AT-TERMINAL", "CLIENT-KEY-STAYS"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(SUITE)
    return pytester


def test_pytest_fails_the_tests_that_make_a_mistake(suite: pytest.Pytester) -> None:
    done = suite.runpytest("--evolink-judge=fail", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=4)
    shown = done.stdout.str()
    assert all(f"{name}: " in shown for name in MISTAKES)
    assert "curl -sS https://files.evolink.ai/media/" in shown
    assert shown.count("its own reason") >= 1


def test_pytest_warns_of_them(suite: pytest.Pytester) -> None:
    done = suite.runpytest("--evolink-judge=warn", "-W", "always", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=5, failed=1, warnings=3)
    assert all(f"EvolinkTrafficWarning: {name}" in done.stdout.str() for name in MISTAKES)


def test_without_the_option_pytest_says_nothing(suite: pytest.Pytester) -> None:
    suite.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=5, failed=1)


def test_a_mock_for_many_tests_is_judged_by_what_each_sent(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx, pytest
        from mockserver.testing import MockServer

        @pytest.fixture(scope="module")
        def shared():
            with MockServer() as mock:
                yield mock

        def test_wrong(shared):
            httpx.post(f"{shared.url}/v1/videos/generations", json={}, headers=shared.headers)

        def test_right(shared):
            httpx.get(f"{shared.url}/v1/credits", headers=shared.headers)

        def test_ends_it(shared):
            shared.stop()
        """
    )
    done = pytester.runpytest("--evolink-judge", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=1)


def test_of_a_mock_that_runs_elsewhere_only_the_keys_of_a_test_are_judged(pytester: pytest.Pytester) -> None:
    """Other workers use it at the same time."""
    pytester.makepyfile(
        """
        import httpx, pytest
        from mockserver.testing import RunningMock

        def wrong(mock):
            httpx.post(f"{mock.url}/v1/videos/generations", json={}, headers=mock.headers)

        def test_beside_another(evolink_mock):
            httpx.get(f"{evolink_mock.url}/v1/credits", headers=evolink_mock.headers)
            wrong(RunningMock(evolink_mock.url).as_key("sk-of-another-worker"))

        def test_wrong(evolink_mock):
            wrong(evolink_mock)

        def test_wrong_with_its_second_key(evolink_mock):
            wrong(evolink_mock.as_key("sk-the-second-of-a-test"))
        """
    )
    with MockServer() as running:
        pytester.makeini(f"[pytest]\nevolink_url = {running.url}\n")
        done = pytester.runpytest("--evolink-judge=fail", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, failed=2)


@pytest.mark.parametrize("option", ["--evolink-judge", "--evolink-url=fake"])
def test_a_judge_without_its_libraries_is_wrong_usage(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    for module in ("contract_tests.traffic.listening", "contract_tests.server.course"):
        monkeypatch.setitem(sys.modules, module, None)
    done = pytester.runpytest(option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*is not installed: pip install 'evolink-mock[[]contract]'"])
