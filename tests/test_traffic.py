"""`contract-tests traffic` and `--evolink-judge`: whatever talked to a mock is judged from its journal."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract_tests.judge import Outcome
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS, USAGE, Report
from contract_tests.traffic.command import traffic
from contract_tests.traffic.judging import judge_traffic
from contract_tests.traffic.source import Traffic, UnreadableError, of_control, of_file
from mockserver.testing import MockServer, MockTenant
from tests.test_node_example import EXAMPLE, needs_node, run_node

VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
NEEDS_END = {"CLIENT-ENDS-IN-TIME", "CLIENT-FAILURE-IS-ERROR", "CLIENT-KEY-NOT-PRINTED"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(traffic, arguments)


def submit(mock: MockTenant, *, idempotency_key: str | None = None, **more: Any) -> httpx.Response:
    headers = mock.headers | ({"idempotency-key": idempotency_key} if idempotency_key else {})
    with httpx.Client(trust_env=False) as http:
        return http.post(f"{mock.url}/v1/videos/generations", json=VIDEO | more, headers=headers)


def ask(mock: MockTenant, task_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{mock.url}/v1/tasks/{task_id}", headers=mock.headers).json()
    return answer


def judged(mock: MockTenant) -> Report:
    return judge_traffic(of_control(mock.get), "a mock")


def broken(report: Report) -> list[str]:
    return [result.check.id for result in report.of(Outcome.BROKEN)]


def well_behaved(mock: MockTenant) -> None:
    task_id = submit(mock).json()["id"]
    ask(mock, task_id)
    mock.run_until_idle()
    httpx.get(ask(mock, task_id)["results"][0])


def test_a_service_that_does_it_right_holds_and_what_needs_its_end_is_not_judged() -> None:
    with MockServer() as mock:
        well_behaved(mock)
        well_behaved(mock.as_key("sk-of-another-team"))
        report = judged(mock)
    assert (report.exit_code, broken(report)) == (HOLDS, [])
    assert (report.facts["keys"], report.facts["tasks"]) == ("2", "2")
    unjudged = {result.check.id: result for result in report.of(Outcome.NOT_JUDGED)}
    assert unjudged.keys() >= NEEDS_END | {"CLIENT-RETRY-AFTER"}
    assert "moved by hand" in unjudged["CLIENT-RETRY-AFTER"].reason
    assert "contract-tests client" in unjudged["CLIENT-ENDS-IN-TIME"].remedy


def test_a_lost_submission_that_is_paid_twice_is_found_and_one_with_the_same_key_is_not() -> None:
    lost = {"times": 1, "fault": "closed_after_accept"}
    with MockServer() as mock:
        for key, idempotency in (("sk-careful-client", "same-key-for-both-0"), ("sk-careless-client", None)):
            tenant = mock.as_key(key)
            tenant.script(**lost)
            with pytest.raises(httpx.HTTPError):
                submit(tenant, idempotency_key=idempotency)
            submit(tenant, idempotency_key=idempotency)
        submit(mock)
        submit(mock)
        report = judged(mock)
    assert broken(report) == ["CLIENT-PAYS-ONCE"]
    finding = report.of(Outcome.BROKEN)[0].finding
    assert finding is not None
    assert "2 charges for 1 intended" in finding.received
    assert "key ...ient-" in finding.when[0]


def test_two_who_want_the_same_at_the_same_time_are_told_apart() -> None:
    with MockServer() as mock:
        mock.script(times=1, fault="closed_after_accept")
        with pytest.raises(httpx.HTTPError):
            submit(mock, idempotency_key="one-of-the-first-0")
        submit(mock, idempotency_key="one-of-the-other-0")
        submit(mock, idempotency_key="one-of-the-first-0")
        assert broken(judged(mock)) == []


def test_going_on_after_the_end_and_the_key_at_the_results_are_found() -> None:
    with MockServer() as mock:
        task_id = submit(mock).json()["id"]
        mock.run_until_idle()
        for _ in range(5):
            link = ask(mock, task_id)["results"][0]
        httpx.get(link, headers=mock.headers)
        submit(mock, video_urls=[])
        report = judged(mock)
    assert broken(report) == ["CLIENT-REQUEST-VALID", "CLIENT-KEY-STAYS", "CLIENT-STOPS-AT-TERMINAL"]
    assert not [result for result in report.of(Outcome.BROKEN) if "exit" in str(result.finding)]


def test_reading_a_finished_task_again_for_what_a_test_asserts_is_no_mistake() -> None:
    with MockServer() as mock:
        task_id = submit(mock).json()["id"]
        mock.run_until_idle()
        assert [ask(mock, task_id)["status"] for _ in range(4)] == ["completed"] * 4
        report = judged(mock)
    assert (report.exit_code, broken(report)) == (HOLDS, [])


def test_a_member_that_does_nothing_is_told() -> None:
    with MockServer() as mock:
        submit(mock, calback_url="https://example.com/hook")
        report = judged(mock)
    assert [result.check.id for result in report.of(Outcome.WARNED)] == ["CLIENT-REQUEST-MEANT"]
    assert (report.exit_code, broken(report)) == (HOLDS, [])


def test_refusals_that_a_test_asked_for_accuse_nobody() -> None:
    with MockServer() as mock:
        for status in (400, 401, 403):
            mock.script(times=1, answer={"status": status})
            assert submit(mock).status_code == status
        task_id = submit(mock).json()["id"]
        mock.script(times=1, answer={"status": 404})
        ask(mock, task_id)
        mock.script(times=1, answer={"status": 404, "code": "task_not_found"}, when={"operation": "getTask"})
        assert ask(mock, task_id)["error"]["code"] == "task_not_found"
        report = judged(mock)
    assert broken(report) == []


def test_waiting_is_judged_where_the_clock_goes_by_itself() -> None:
    with MockServer() as mock:
        mock.put("/clock", {"mode": "real"})
        mock.script(times=1, answer={"status": 429, "retry_after": 3})
        assert submit(mock).status_code == 429
        submit(mock)
        report = judged(mock)
    assert broken(report) == ["CLIENT-RETRY-AFTER"]


def test_two_who_are_refused_at_the_same_time_are_told_apart_by_their_keys() -> None:
    with MockServer() as mock:
        mock.put("/clock", {"mode": "real"})
        mock.script(times=3, answer={"status": 429, "retry_after": 3})
        submit(mock, idempotency_key="one-of-the-first-0")
        submit(mock, idempotency_key="one-of-the-other-0")
        assert broken(judged(mock)) == []
        submit(mock, idempotency_key="one-of-the-first-0")
        assert broken(judged(mock)) == ["CLIENT-RETRY-AFTER"]


def test_wrong_keys_are_told_apart() -> None:
    with MockServer(only_keys=["sk-the-only-one"]) as mock:
        for number in range(5):
            httpx.get(f"{mock.url}/v1/credits", headers=mock.as_key(f"sk-wrong-{number:04}").headers)
        assert broken(judged(mock)) == ["CLIENT-REQUEST-VALID"]


def test_what_browsers_and_health_checks_ask_accuses_nobody() -> None:
    with MockServer() as mock:
        for method, path in (("GET", "/"), ("GET", "/favicon.ico"), ("OPTIONS", "/v1/credits")):
            httpx.request(method, f"{mock.url}{path}")
        assert "nothing has talked" in judged(mock).aborted
        httpx.get(f"{mock.url}/video/generations", headers=mock.headers)
        assert broken(judged(mock)) == ["CLIENT-REQUEST-VALID"]


@needs_node
def test_the_suite_of_another_language_is_judged_by_one_more_line(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with MockServer() as mock:
        assert run_node(EXAMPLE, mock.url).returncode == 0
        done = run(mock.url, "--json", str(file))
    assert done.exit_code == HOLDS, done.output
    written = json.loads(file.read_text())
    assert (written["verdict"], written["facts"]["keys"]) == ("holds", "8")


@needs_node
def test_a_mistake_in_the_suite_of_another_language_is_found(tmp_path: Path) -> None:
    wrong = shutil.copytree(EXAMPLE, tmp_path / "wrong")
    client = wrong / "client.mjs"
    client.write_text(client.read_text().replace('prompt: "Let it snow"', 'promt: "Let it snow"'))
    with MockServer() as mock:
        run_node(wrong, mock.url)
        done = run(mock.url)
    assert done.exit_code == BROKEN
    assert "CLIENT-REQUEST-VALID" in done.output
    assert "prompt: received nothing" in done.output


def test_a_saved_journal_is_judged_like_the_mock_itself(tmp_path: Path) -> None:
    file = tmp_path / "requests.json"
    with MockServer() as mock:
        submit(mock, video_urls=[])
        file.write_text(json.dumps(mock.get("/requests")))
    done = run(str(file))
    assert done.exit_code == BROKEN
    assert "CLIENT-REQUEST-VALID" in done.output
    assert run(str(file), "--accept", "CLIENT-REQUEST-VALID=it tests just that").exit_code == HOLDS


def test_where_there_is_nothing_to_judge_it_says_why(tmp_path: Path) -> None:
    with MockServer() as mock:
        url = mock.url
        empty = run(url)
        no_mock = run(f"{mock.url}/v1/credits")
    assert (empty.exit_code, no_mock.exit_code) == (COULD_NOT_JUDGE, COULD_NOT_JUDGE)
    assert "the journal is empty" in empty.output
    assert "received" in no_mock.output
    gone = run(url)
    assert gone.exit_code == COULD_NOT_JUDGE
    assert "no mock answers" in gone.output
    assert run(str(tmp_path / "missing.json")).exit_code == USAGE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORD: dict[str, Any] = {
    "sequence": 1,
    "at_ms": 0,
    "real_ms": 0,
    "tenant": "last-0123",
    "method": "GET",
    "path": "/v1/tasks/task-unified-1-a",
    "query": "",
    "headers": {},
    "body": None,
    "status": 200,
    "answer_headers": {"retry-after": "soon"},
    "answer": {"id": "task-unified-1-a", "status": "completed"},
    "fault": None,
    "task_id": "task-unified-1-a",
}


@pytest.mark.parametrize(("path", "told"), [("/v1/videos/generations", True), ("/v1/images/generations", False)])
def test_the_names_of_another_model_are_no_misspelled_ones(path: str, told: bool) -> None:
    made = {"method": "POST", "path": path, "body": {"model": "m", "prompt": "x", "imageUrls": []}}
    report = judge_traffic(Traffic((RECORD | made | {"answer_headers": {}},)), "a file")
    assert ("CLIENT-REQUEST-MEANT" in {one.check.id for one in report.of(Outcome.WARNED)}) is told


@pytest.mark.parametrize(("at_ms", "by_hand"), [(5_000, False), (5_100, False), (0, True), (60_000, True)])
def test_a_saved_journal_tells_whether_its_clock_went_by_itself(tmp_path: Path, at_ms: int, by_hand: bool) -> None:
    file = tmp_path / "requests.json"
    file.write_text(json.dumps({"requests": [RECORD, RECORD | {"real_ms": 5_000, "at_ms": at_ms}]}))
    assert bool(of_file(file).by_hand) is by_hand


def test_a_saved_journal_tells_it_of_each_key(tmp_path: Path) -> None:
    other = RECORD | {"tenant": "next-4567"}
    times = [RECORD, other, RECORD | {"real_ms": 40}, other | {"real_ms": 50, "at_ms": 3_050}]
    file = tmp_path / "requests.json"
    file.write_text(json.dumps({"requests": times}))
    assert of_file(file).by_hand == {"next-4567"}


@pytest.mark.parametrize("own", [True, False])
def test_who_moves_the_clock_of_a_key_has_waited_and_is_late_on_purpose(own: bool) -> None:
    """Whether its clock is manual, or was advanced as it went by itself. Other keys are judged all the same."""
    with MockServer() as mock:
        mock.put("/clock", {"mode": "real"})
        mover, hasty = mock.as_key("sk-of-a-test-that-moves"), mock.as_key("sk-of-one-in-haste")
        if own:
            mover.own_clock()
        for tenant in (mover, hasty):
            tenant.script(times=1, answer={"status": 429, "retry_after": 3})
            assert submit(tenant).status_code == 429
            if tenant is mover:
                tenant.advance(seconds=3)
            task_id = submit(tenant).json()["id"]
            if tenant is mover:
                tenant.run_until_idle()
                link = ask(tenant, task_id)["results"][0]
                tenant.advance(seconds=25 * 3600)
                assert httpx.get(link).status_code == 410
        report = judged(mock)
    assert broken(report) == ["CLIENT-RETRY-AFTER"]
    finding = report.of(Outcome.BROKEN)[0].finding
    assert finding is not None
    assert "aste-" in finding.when[0]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*RECORD]), JSON, max_size=3))
def test_whatever_a_file_holds_there_is_a_report_or_a_reason(tmp_path_factory: Any, odd: dict[str, Any]) -> None:
    file = tmp_path_factory.getbasetemp() / "odd.json"
    file.write_text(json.dumps({"requests": [RECORD, RECORD | odd, RECORD]}))
    seen = None
    with suppress(UnreadableError):
        seen = of_file(file)
    if seen is not None:
        judge_traffic(seen, "a file")
