"""What the judge of receivers makes of them, beside the catalogue: states, ends of runs, secrets, suspicions."""

import asyncio
import dataclasses
import sys
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from contract_tests.contract.contract import built_in
from contract_tests.judge import Judge, Outcome
from contract_tests.receiver import sequences
from contract_tests.receiver.bounds import Bounds
from contract_tests.receiver.delivery import Sender, UnfitUrlError, fit, shown
from contract_tests.receiver.hooks import Hooks, state_of_command
from contract_tests.receiver.run import judge_receiver
from contract_tests.receiver.sequences import case_of
from contract_tests.receiver.stock import COMPLETED, KINDS, Stock
from contract_tests.receiver.trial import Trial
from contract_tests.report import COULD_NOT_JUDGE, HOLDS
from mockserver.web.listening import bind
from tests.receivers import loses_one_of_many
from tests.receivers.desk import Desk, server
from tests.receivers.repeats import FailsAtFirst
from tests.receivers.serving import HTTP, QUICK, at_desk, broken, finding, hooks, judged, state_only

PROFILES = ("documented", "observed")
NEED_STATE = {
    f"RECEIVER-{name}"
    for name in (
        "EFFECT",
        "FAILED-IS-NOT-SUCCESS",
        "WHOLE-ID",
        "DUPLICATE-ONCE",
        "DUPLICATE-RESPELT",
        "DUPLICATE-AT-ONCE",
        "RETRY-RECOVERS",
        "SENDER-LEAVES",
        "ORDER",
        "PARALLEL",
        "GARBAGE-HARMLESS",
    )
}


@pytest.mark.long
def test_what_only_a_drawn_sequence_finds_is_shrunk_to_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """With patience: on a busy machine the shortest may be missed."""
    monkeypatch.setattr(sequences, "_DRAWN_S", 120.0)
    monkeypatch.setattr(sequences, "_SHRINKS", 600)
    with at_desk("remembers_the_last_two") as origin:
        report = judged(origin, hooks(origin), cases=30, replay="again {}".format)
    assert broken(report) == ["RECEIVER-DUPLICATE-ONCE"]
    first, *others, last = finding(report).steps
    assert len(others) == 2, "both may come together, which is a step of one text"
    assert last.request_body == first.request_body
    assert case_of(finding(report).replay.removeprefix("again "))
    assert "the same callback" in finding(report).notes[-1]


def test_without_a_state_nothing_passes_that_needs_one() -> None:
    with at_desk("handles_twice") as origin:
        report = judged(origin, Hooks())
    assert {result.check.id for result in report.of(Outcome.NOT_JUDGED)} == NEED_STATE
    assert report.exit_code == HOLDS


def test_a_state_that_changes_by_itself_accuses_nobody() -> None:
    count = iter(range(10_000))

    async def state() -> str:
        return str(next(count))

    with at_desk("correct") as origin:
        report = judged(origin, Hooks(state))
    assert {result.check.id for result in report.of(Outcome.NOT_JUDGED)} == NEED_STATE
    assert "without a callback" in next(one.reason for one in report.results if one.check.id == "RECEIVER-ORDER")


def test_a_state_that_names_no_tasks_is_enough_for_most() -> None:
    with at_desk("correct") as origin:

        async def count() -> str:
            return str(len(HTTP.get(f"{origin}/state").json()))

        report = judged(origin, Hooks(count))
    assert not broken(report)
    unjudged = {result.check.id for result in report.of(Outcome.NOT_JUDGED)}
    assert unjudged == {"RECEIVER-FAILED-IS-NOT-SUCCESS", "RECEIVER-RETRY-RECOVERS"}


def test_a_loss_shows_also_where_the_state_names_no_tasks() -> None:
    with at_desk("loses_one_of_many") as origin:

        async def count() -> str:
            return str(len(HTTP.get(f"{origin}/state").json()))

        report = judged(origin, Hooks(count), only=("together/completed",))
    assert broken(report) == ["RECEIVER-PARALLEL"]


def test_where_nobody_listens_nothing_is_judged() -> None:
    with closing(bind("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = judge_receiver(f"http://127.0.0.1:{port}/hook?token=s3cr3t-s3cr3t", seed=1, bounds=QUICK)
    assert report.exit_code == COULD_NOT_JUDGE
    assert "nobody answers" in report.aborted
    assert "s3cr3t" not in repr(report)


def test_a_state_that_cannot_be_read_ends_the_run() -> None:
    with at_desk("correct") as origin:
        report = judged(origin, Hooks(state_of_command(f"{sys.executable} -c 'raise SystemExit(3)'")))
    assert report.exit_code == COULD_NOT_JUDGE
    assert "exit status 3" in report.aborted


def test_whether_it_lives_is_asked_also_where_completed_tasks_are_judged_no_more() -> None:
    with at_desk("correct") as origin, Stock("documented", 1, built_in()) as stock, asyncio.Runner() as runner:
        sender = Sender(f"{origin}/hook", timeout_s=5.0, ca_file=None)
        trial = Trial(Judge(()), sender, stock.take, Hooks(), Bounds())
        trial.unfit = {COMPLETED}
        assert runner.run(trial.is_alive())
        runner.run(sender.close())


def test_a_run_ends_in_time() -> None:
    with at_desk("correct") as origin:
        bounds = Bounds(timeout_s=0.4, retry_delays_s=(), settle_s=0.0, run_s=0.01)
        report = judged(origin, hooks(origin), bounds=bounds)
    assert report.exit_code == COULD_NOT_JUDGE
    assert "not done within" in report.aborted


def test_secrets_of_the_address_arrive_and_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []

    class Handler(Desk):
        """The desk never sees the path, so the server's log does."""

    made = server(Handler())
    monkeypatch.setattr(made.RequestHandlerClass, "log_message", lambda self, *_: paths.append(self.path))
    thread = threading.Thread(target=made.serve_forever, args=[0.01])
    thread.start()
    try:
        target = "/hook/a1b2c3d4e5f6/%7Ex?plain=s3cr3t-one&s3cr3t-two"
        url = f"http://127.0.0.1:{made.server_port}{target}"
        report = judge_receiver(url, seed=1, only=("completed", "garbage/null"), bounds=QUICK)
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
    assert set(paths) == {target}
    assert not [secret for secret in ("s3cr3t", "a1b2c3d4") if secret in repr(report)]


@pytest.mark.parametrize(
    ("url", "to_show"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://example.com", "https://example.com/"),
        ("https://me:pass@example.com/hook", "https://example.com/hook"),
        ("https://example.com/hook/9f8e7d6c5b/done?x=1&key=2", "https://example.com/hook/.../done?x=...&key=..."),
        ("http://[::1]:80/callback?abc", "http://[::1]:80/callback?..."),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, to_show: str) -> None:
    assert fit(url) == url
    assert shown(url) == to_show


@pytest.mark.parametrize(
    "url", ["http://example.com/hook", "ftp://localhost/", "hook", "https://", "https://a/ b", "https://a:b/", "é"]
)
def test_an_address_that_no_callback_goes_to_is_refused(url: str) -> None:
    with pytest.raises(UnfitUrlError, match="received"):
        fit(url)


@pytest.mark.parametrize(
    ("url", "to_show"), [("hook", "hook"), ("me.example/hook?key=s3cr3t", "me.example/hook?key=...")]
)
def test_an_address_without_a_scheme_is_shown_as_it_came(url: str, to_show: str) -> None:
    with pytest.raises(UnfitUrlError) as caught:
        fit(url)
    assert f"received {to_show};" in str(caught.value)


@pytest.mark.parametrize("profile", PROFILES)
def test_bodies_are_what_the_api_answers(profile: str) -> None:
    with Stock(profile, 7, built_in()) as stock:
        tasks = [stock.take(kind) for kind in KINDS]
    assert len({task.id for task in tasks}) == len(KINDS)
    assert [task.fields["created"] for task in tasks] == sorted({task.fields["created"] for task in tasks})
    for task in tasks:
        assert task.fields["status"] == ("completed" if task.kind == "completed" else "failed")
        assert b'"status":"processing"' in task.earlier
    assert ("result_data" in tasks[0].fields) == (profile == "observed")
    codes = [task.fields["error"]["code"] for task in tasks[1:]]
    assert codes == [*KINDS[1:-1], "request_cancelled"]


class Late(Desk):
    """Right, but slow: what it did shows after a while, and its files after another."""

    def end(self, task: dict[str, Any]) -> int:
        self.later.append((time.monotonic() + 0.15, task))
        return 202

    def state(self) -> Any:
        while self.later and self.later[0][0] < time.monotonic():
            super().end(self.later.pop(0)[1])
        return self.done

    def __init__(self) -> None:
        super().__init__()
        self.later: list[tuple[float, dict[str, Any]]] = []


def test_an_effect_that_is_late_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.receivers.correct.Receiver", Late)
    bounds = dataclasses.replace(QUICK, settle_s=0.01, patience_s=2.0)
    with at_desk("correct") as origin:
        only = ("service_error", "copy-later/completed", "at-once/completed", "together/completed")
        report = judged(origin, state_only(origin), bounds=bounds, only=only)
    assert not broken(report), finding(report)
    assert report.exit_code == HOLDS


class EverySecond(Desk):
    """Right: its database is away every second time, before or after the work."""

    calls = 0

    def end(self, task: dict[str, Any]) -> int:
        self.calls += 1
        return super().end(task) if self.calls % 2 else 500


def test_one_that_fails_every_second_time_is_not_taken_for_one_that_fails_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.receivers.correct.Receiver", EverySecond)
    with at_desk("correct") as origin:
        report = judged(origin, state_only(origin), only=("completed", "service_error", "copy-respelt/completed"))
    assert not broken(report), finding(report)


def test_one_that_fails_everything_at_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class AlwaysAtFirst(FailsAtFirst):
        def end(self, task: dict[str, Any]) -> int:
            return super().end(task | {"status": "failed", "error": {"code": "any"}})

    monkeypatch.setattr("tests.receivers.repeats.FailsAtFirst", AlwaysAtFirst)
    with at_desk("repeats.FailsAtFirst") as origin:
        report = judged(origin, state_only(origin), only=("completed",))
    assert broken(report) == ["RECEIVER-ANSWERS-2XX"]
    assert "at first" in finding(report).received


class Ledger(Desk):
    """Right: its state lists each task from the moment that it was told of it."""

    def state(self) -> Any:
        return {task_id: self.done.get(task_id, "waiting") for task_id in [*self.known, *self.done]}


def test_what_the_receiver_was_told_of_is_no_callbacks_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.receivers.correct.Receiver", Ledger)
    with at_desk("correct") as origin:
        only = ("completed", "copy-later/failed", "together/completed", "garbage/nothing", "broken-off")
        report = judged(origin, hooks(origin), only=only)
    assert not broken(report), finding(report)
    assert report.exit_code == HOLDS


def test_a_task_that_only_waits_in_the_state_was_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle(Ledger):
        def end(self, task: dict[str, Any]) -> int:
            return 200

    monkeypatch.setattr("tests.receivers.correct.Receiver", Idle)
    with at_desk("correct") as origin:
        report = judged(origin, hooks(origin), only=("completed",))
    assert broken(report) == ["RECEIVER-EFFECT"]


def test_one_of_several_that_only_waits_in_the_state_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waits(loses_one_of_many.Receiver, Ledger):
        """Loses, and lists what it was told of."""

    monkeypatch.setattr("tests.receivers.correct.Receiver", Waits)
    with at_desk("correct") as origin:
        report = judged(origin, hooks(origin), only=("together/completed",))
    assert broken(report) == ["RECEIVER-PARALLEL"]


def test_a_failure_with_a_long_message_that_is_dropped_in_silence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class ShortBuffer(Desk):
        def receive(self, content_type: str, body: bytes) -> int:
            return 200 if len(body) > 16_384 else super().receive(content_type, body)

    monkeypatch.setattr("tests.receivers.correct.Receiver", ShortBuffer)
    with at_desk("correct") as origin:
        report = judged(origin, state_only(origin), only=("long-message",))
    assert broken(report) == ["RECEIVER-WHOLE-BODY"]
    assert "stayed as it was" in finding(report).received


def test_who_does_nothing_for_failures_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deliveries(Desk):
        def end(self, task: dict[str, Any]) -> int:
            return super().end(task) if task["status"] == "completed" else 200

    monkeypatch.setattr("tests.receivers.correct.Receiver", Deliveries)
    with at_desk("correct") as origin:
        report = judged(origin, state_only(origin), only=("service_error", "long-message"))
    assert not broken(report), finding(report)
