"""Servers judged as the live API is, in real time and for money: what is missing is named, nobody is accused, and no
more is spent than the plan says, by the mock's own ledger."""

import json
import shlex
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contract_tests.check import Layer
from contract_tests.cli import main
from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server import command
from contract_tests.server import fake as fakes
from contract_tests.server.course import course
from contract_tests.server.fake import fake
from contract_tests.server.probes import aftermath
from contract_tests.server.probes.live import NOWHERE
from contract_tests.server.probes.probe import Need
from contract_tests.server.run import LAYERS, Options, judge_server, opened
from contract_tests.server.talk.target import Settings
from mockserver.simulation.clock import Mode
from mockserver.testing import MockServer
from mockserver.web.app import Application
from tests.bad_servers.house import Bad, Hook, Pass, Wire, answers, served
from tests.test_bad_servers import BAD

KEY, OTHER_KEY = "sk-real-money-0123456789", "sk-other-money-987654321"
FAST: dict[str, Any] = {"clock": Mode.REAL, "task_seconds": 0.2, "only_keys": (KEY, OTHER_KEY)}
IMAGE = "https://example.com/winter.jpg"


def judged(url: str, **options: Any) -> Report:
    told = {"timeout_s": 10, "key": KEY, "other_key": OTHER_KEY, "poll_s": 0.05, "image_url": IMAGE}
    settings = Settings(url=url, **told | options.pop("settings", {}))
    told = {"control": False, "quick": True, "examples": 2, "max_credits": 1_000, "deadline_s": 120.0} | options
    with opened(Options(settings=settings, **told)) as run:
        return judge_server(run, lambda *_: None)


def nobody_is_accused(report: Report) -> None:
    found = (*report.of(Outcome.BROKEN), *report.of(Outcome.WARNED))
    assert not [(one.check.id, one.finding and one.finding.received) for one in found]
    assert not report.aborted


def reasons(report: Report) -> dict[str, str]:
    return {one.check.id: one.reason for one in report.of(Outcome.NOT_JUDGED)}


def reserved_uc(mock: MockServer) -> int:
    books = mock.get("/ledger")["accounts"]
    return sum(one["amount_uc"] for book in books for one in book["transfers"] if one["kind"] == "pending")


@pytest.mark.parametrize(
    ("server", "settings", "check_id", "told"),
    [
        ({"credits": 3}, {}, "BILLING-RESERVED-ON-SUBMISSION", "answered 402 insufficient_quota"),
        ({"only_keys": ("sk-of-somebody-else",)}, {}, "TASK-UNKNOWN-IS-404", Need.KEY.value),
        ({}, {"key": None, "other_key": None}, "PROMPT-LENGTH", Need.KEY.value),
        ({}, {"other_key": None}, "TASK-FOREIGN-IS-CLOSED", Need.OTHER_KEY.value),
        ({}, {"other_key": "sk-a-wrong-second-key"}, "TASK-FOREIGN-IS-CLOSED", "second API key is not accepted"),
        ({"allow_local_callbacks": False}, {}, "CALLBACK-SENT", Need.CALLBACKS.value),
        ({}, {"image_url": None}, "MODEL-DENIED-IS-403", Need.CONTROL.value),
        ({"task_seconds": 100_000.0}, {}, "TASK-ENDS", "there was no end of task-unified-"),
    ],
    ids=[
        "purse",
        "unknown key",
        "no key",
        "no second key",
        "wrong second key",
        "no callbacks",
        "no control",
        "endless",
    ],
)
@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_what_is_missing_is_named_and_nobody_is_accused(
    server: dict[str, Any],
    settings: dict[str, Any],
    check_id: str,
    told: str,
    profile: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aftermath, "_LONGEST_S", 2.0)
    with MockServer(profile=profile, **FAST | server) as mock:
        report = judged(mock.url, settings=settings, profile=profile)
    nobody_is_accused(report)
    assert told in reasons(report)[check_id]
    assert report.exit_code == 0


def test_a_second_run_on_the_same_account_is_a_run_of_its_own() -> None:
    """What the first has paid for is not given to the second again."""
    with MockServer(**FAST) as mock:
        for _ in range(2):
            report = judged(mock.url)
            nobody_is_accused(report)
            assert {"BILLING-CHARGED-ON-COMPLETION", "IDEMPOTENCY-SAME-TASK"} <= {
                one.check.id for one in report.of(Outcome.HELD)
            }


def test_an_endless_task_costs_its_own_checks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aftermath, "_LONGEST_S", 1.0)
    with MockServer(**FAST | {"task_seconds": 100_000.0}) as mock:
        report = judged(mock.url)
    held = {one.check.id for one in report.of(Outcome.HELD)}
    assert held >= {"BILLING-RESERVED-ON-SUBMISSION", "IDEMPOTENCY-SAME-TASK", "PROMPT-LENGTH", "SCHEMA-BODY"}
    assert {"TASK-ENDS", "RESULT-LINK-WORKS", "BILLING-CHARGED-ON-COMPLETION"} <= reasons(report).keys()


def forgets_every_task(wire: Wire) -> None:
    if wire.method == "GET" and wire.path.startswith("/v1/tasks/"):
        wire.status, wire.json = 400, {"error": {"code": "invalid_task_id", "message": "no", "type": "x"}}


def test_a_task_that_can_never_be_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for until the deadline."""
    monkeypatch.setattr(aftermath, "_LONGEST_S", 1e6)
    only = frozenset({"TASK-ENDS", "TASK-STAYS"})
    with served(Bad("differs", "", hook=answers(forgets_every_task)), tmp_path, **FAST) as url:
        report = judged(url, layers=(Layer.BEHAVIOUR,), only=only, settings={"key": KEY}, deadline_s=1e6)
    assert [one.check.id for one in report.of(Outcome.BROKEN)] == ["TASK-STAYS"]
    assert "no task could be read to its end" in reasons(report)["TASK-ENDS"]


def test_a_report_is_made_while_callbacks_still_arrive() -> None:
    with MockServer(**FAST) as mock, opened(Options(settings=Settings(url=mock.url, key=KEY), control=False)) as run:
        request, is_over = run.target.build("GET", "/v1/credits"), threading.Event()
        run.target.send(request)
        exchange = run.target.exchanges[-1]
        run.target.exchanges = deque([exchange], maxlen=50)

        def arrive() -> None:
            while not is_over.is_set():
                run.target.exchanges.append(exchange)

        arriving = threading.Thread(target=arrive)
        arriving.start()
        try:
            for _ in range(50):
                assert run.report().exchanges
        finally:
            is_over.set()
            arriving.join()


# --- at a path, and with nothing bought


@contextmanager
def at_a_path(folder: Path) -> Iterator[str]:
    """The fake under /base, on a clock that is held."""

    def make(app: Application) -> Hook:
        app.public_url = None  # type: ignore[assignment]

        async def hook(wire: Wire, forward: Pass) -> None:
            is_media = wire.path.startswith(("/media", "/_mock_media", "/files"))
            if wire.path.startswith("/base/"):
                wire.path = wire.path.removeprefix("/base")
            elif not is_media:
                wire.path = "/nothing-here"
            await forward(wire)

        return hook

    with served(Bad("is at a path", "", hook=make), folder) as url:
        yield f"{url}/base"


@pytest.mark.parametrize("control", [pytest.param(True, marks=pytest.mark.long), False])
def test_a_server_at_a_path_is_judged_like_any_other(control: bool, tmp_path: Path) -> None:
    with at_a_path(tmp_path) as url:
        report = judged(url, control=control, max_credits=0 if not control else None, settings={"key": None})
    found = {one.check.id for one in report.of(Outcome.BROKEN)}
    assert found <= (set() if control else {"SCHEMA-AUTH"})


def test_an_address_where_something_else_answers_is_not_judged(tmp_path: Path) -> None:
    with at_a_path(tmp_path) as url:
        done = CliRunner().invoke(main, ["server", url.removesuffix("/base")])
    assert done.exit_code == 3
    assert "answers, but is not this API" in done.output


def test_without_credits_to_spend_a_refusal_is_not_taken_for_a_promise_kept() -> None:
    with MockServer(**FAST) as mock:
        report = judged(mock.url, max_credits=0)
        assert reserved_uc(mock) == 0
    nobody_is_accused(report)
    assert {"PROMPT-LENGTH", "IMAGE-COUNT", "VIDEO-FORMAT", "FIELDS-REQUIRED"} <= reasons(report).keys()
    assert "0 credits are left under --max-credits" in reasons(report)["BILLING-RESERVED-ON-SUBMISSION"]
    assert "0 credits are left under --max-credits" in reasons(report)["IDEMPOTENCY-SAME-TASK"]


# --- what no documentation says


def repeats_briefly(wire: Wire) -> None:
    """A repeat shows the task as a query does."""
    if wire.created and wire.answer_headers.get("idempotency-replayed"):
        wire.json = {name: value for name, value in wire.json.items() if name != "usage"}


def own_conflict(wire: Wire) -> None:
    if wire.status == 409:
        wire.json = {"error": wire.json["error"] | {"type": "conflict_error"}}


def long_suffix(wire: Wire) -> None:
    if wire.created:
        wire.json = wire.json | {"id": "task-unified-1757169743-7cvnl5zw-3f39_EU"}


@pytest.mark.parametrize(
    ("change", "check_id", "held"),
    [
        (repeats_briefly, "ANSWER-COMPLETE", "IDEMPOTENCY-SAME-TASK"),
        (own_conflict, "ERROR-CODE-KNOWN", "IDEMPOTENCY-CONFLICT"),
        (long_suffix, "TASK-ID-FORM", "TASK-ID-FORM"),
    ],
)
def test_a_server_may_do_as_it_likes_where_no_documentation_speaks(
    change: Callable[[Wire], None], check_id: str, held: str, tmp_path: Path
) -> None:
    with served(Bad("differs", "", hook=answers(change)), tmp_path, **FAST) as url:
        report = judged(url, layers=(Layer.BEHAVIOUR,), only=frozenset({check_id, held}), settings={"key": KEY})
    nobody_is_accused(report)
    assert held in {one.check.id for one in report.of(Outcome.HELD)}


def test_a_server_that_bills_as_was_observed_is_told_of_and_not_accused() -> None:
    """The live service names another rule than the documented example does."""
    with MockServer(profile="observed", **FAST) as mock:
        report = judged(mock.url, profile="documented", layers=(Layer.BEHAVIOUR,))
    assert not report.of(Outcome.BROKEN)
    assert {one.check.id for one in report.of(Outcome.WARNED)} == {"BILLING-PRICE", "BILLING-RULE-NAMED"}


# --- the money


def test_a_finding_of_a_paid_run_is_shown_again_by_its_command(tmp_path: Path) -> None:
    file, told = tmp_path / "report.json", ["--max-credits", "62", "--poll-seconds", "0.05"]
    with served(BAD["own_ids"], tmp_path) as url:
        cli = CliRunner(env={"EVOLINK_API_KEY": KEY})
        asked = ["server", url, "--no-control", "--check", "TASK-ID-FORM", "--yes", "--json", str(file), *told]
        assert cli.invoke(main, asked).exit_code == 1
        [finding] = [one["finding"] for one in json.loads(file.read_text())["checks"] if one.get("finding")]
        assert " ".join(told) in finding["replay"]
        again = cli.invoke(main, [*shlex.split(finding["replay"])[1:], "--yes"])
    assert (again.exit_code, "BROKEN TASK-ID-FORM" in again.output) == (1, True)


def test_where_nothing_could_be_judged_the_reason_is_told() -> None:
    with MockServer(**FAST) as mock:
        asked = ["server", mock.url, "--no-control", "--check", "TASK-ID-FORM"]
        done = CliRunner(env={"EVOLINK_API_KEY": KEY}).invoke(main, asked)
    assert done.exit_code == 3
    assert "not judged: TASK-ID-FORM: may cost 61.2 credits, and 0 credits are left" in done.output


def test_a_mock_that_takes_its_own_keys_only_is_not_steered() -> None:
    with MockServer(**FAST) as mock:
        before = mock.get("/clock")["mode"]
        done = CliRunner(env={"EVOLINK_API_KEY": KEY}).invoke(main, ["server", mock.url])
        assert mock.get("/clock")["mode"] == before
    assert done.exit_code == 3
    assert "Could not judge: this mock has no account for a key that the run makes up" in done.output
    assert "--no-control" in done.output


def test_a_folder_of_recordings_that_cant_be_made_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["server", "fake", "--record", str(tmp_path / "file" / "recordings")])
    assert done.exit_code == 2
    assert "recordings can't be made: Not a directory" in done.output


def test_a_memory_that_can_be_kept_nowhere_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["server", "fake", "--as-live", "--state", str(tmp_path / "missing" / "state")])
    assert (done.exit_code, "there is no folder" in done.output) == (2, True)


def test_recordings_that_cant_be_written_cost_nobody_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "record", full)
    with MockServer(**FAST) as mock:
        asked = ["server", mock.url, "--no-control", "--check", "TASK-UNKNOWN-IS-404", "--record", str(tmp_path)]
        done = CliRunner(env={"EVOLINK_API_KEY": KEY}).invoke(main, asked)
    assert done.exit_code == 0
    assert "can't be written: No space left on device" in done.output
    assert "Holds: 1 check" in done.output


@pytest.mark.parametrize("profile", ["documented", "observed"])
@pytest.mark.parametrize("cap", [0, 61.2, 183.6, 400])
def test_never_more_than_the_plan_by_the_ledger(profile: str, cap: float) -> None:
    with MockServer(profile=profile, **FAST) as mock:
        settings = Settings(url=mock.url, key=KEY, other_key=OTHER_KEY, poll_s=0.05, image_url=IMAGE)
        options = Options(settings=settings, control=False, quick=True, max_credits=cap, profile=profile, examples=2)
        with opened(options) as run:
            plan = run.plan()
            nobody_is_accused(judge_server(run, lambda *_: None))
        assert reserved_uc(mock) <= plan.most_uc <= cap * UC_PER_CREDIT
        assert run.target.budget.spent_uc <= plan.most_uc
        assert (reserved_uc(mock) > 0) == (cap > 0)


def test_the_plan_for_a_mock_is_its_cap_of_play_money() -> None:
    with MockServer() as mock:
        done = CliRunner().invoke(main, ["server", mock.url, "--max-credits", "310", "--dry-run"])
    assert "Plan: up to 310 credits of play money" in done.stderr
    assert "reserved" not in done.stderr


def test_a_dry_run_shows_the_plan_and_buys_nothing() -> None:
    with MockServer(**FAST) as mock:
        environment = {"EVOLINK_API_KEY": KEY, "EVOLINK_OTHER_API_KEY": OTHER_KEY}
        arguments = ["server", mock.url, "--no-control", "--max-credits", "500", "--dry-run"]
        done = CliRunner(env=environment).invoke(main, arguments)
        assert reserved_uc(mock) == 0
    assert done.exit_code == 0
    assert "Plan: 3 paid submissions, 183.6 credits at most" in done.output
    assert "No more than 306 credits will be reserved" in done.output
    assert KEY not in done.output


def test_a_server_without_what_only_the_vendors_clients_use_is_warned_of_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of the run but what it was asked for."""
    monkeypatch.chdir(tmp_path)
    only = frozenset({"SCHEMA-STATUS", "MODELS-ARE-THOSE-ALLOWED"})
    with MockServer(**FAST) as mock:
        report = judged(mock.url, profile="observed", only=only)
    (found,) = report.of(Outcome.WARNED)
    assert (found.check.id, found.check.evidence) == ("SCHEMA-STATUS", "vendor")
    assert "answered 404 not_found" in reasons(report)["MODELS-ARE-THOSE-ALLOWED"]
    assert report.exit_code == 0
    assert not [*tmp_path.iterdir()]


def test_a_callback_url_that_leads_elsewhere_is_named() -> None:
    with MockServer(**FAST) as mock:
        report = judged(mock.url, callback_url="https://nowhere.invalid/hook", only=frozenset({"CALLBACK-SENT"}))
    assert report.facts["callbacks"] == "what was sent to https://nowhere.invalid/hook did not arrive here"


# --- one check alone


@pytest.mark.parametrize(
    ("check_id", "paid"),
    [
        ("BILLING-PRICE", 1),
        ("VIDEO-FORMAT", 1),
        ("IDEMPOTENCY-CONFLICT", 1),
        ("CALLBACK-RETRIED", 3),
        ("TASK-UNKNOWN-IS-404", 0),
        ("SCHEMA-BODY", 0),
    ],
)
def test_a_check_alone_buys_what_it_needs(check_id: str, paid: int) -> None:
    chosen = course(LAYERS, frozenset({check_id}), has_control=False)
    assert sum(one.paid for one in chosen.probes) == paid


def test_every_check_that_is_judged_can_be_asked_for_alone() -> None:
    for has_control in (True, False):
        whole = course(LAYERS, frozenset(), has_control=has_control)
        for one in whole.probes:
            for check_id in one.judges:
                assert one in course(LAYERS, frozenset({check_id}), has_control=has_control).probes


# --- the rehearsal


def rehearsed(profile: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr(fakes, "AS_LIVE_TASK_S", 0.3)
    with fake(profile, seed, as_live=True) as started:
        keys = {"key": started.keys[0], "other_key": started.keys[1]}
        return judged(started.url, seed=seed, profile=profile, certificate=started.certificate, settings=keys)


@pytest.mark.parametrize("profile", ["documented", pytest.param("observed", marks=pytest.mark.long)])
def test_the_rehearsal_holds(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = rehearsed(profile, 0, monkeypatch)
    nobody_is_accused(report)
    held = {one.check.id for one in report.of(Outcome.HELD)}
    assert held >= {"BILLING-CHARGED-ON-COMPLETION", "BILLING-RELEASED-ON-FAILURE", "CALLBACK-AFTER-BILLING"}
    assert held >= {"CALLBACK-GIVES-UP", "CALLBACK-NO-REDIRECT", "IDEMPOTENCY-CONFLICT", "RESULT-LINK-WORKS"}
    delays = reasons(report).get("CALLBACK-RETRY-DELAYS", "")
    assert not delays or "too busy" in delays
    assert "TASK-ERROR-CODE-KNOWN" in held, f"the task of {NOWHERE} failed"


@pytest.mark.long
@pytest.mark.parametrize("profile", ["documented", "observed"])
@pytest.mark.parametrize("seed", range(1, 10))
def test_the_rehearsal_holds_whatever_is_drawn(profile: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_is_accused(rehearsed(profile, seed, monkeypatch))
