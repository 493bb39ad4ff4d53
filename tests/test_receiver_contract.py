"""Every receiver of the catalogue is judged: a right one holds, a wrong one breaks its own check and no other."""

import asyncio
import contextlib
import importlib
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn

from contract_tests.check import Layer, checks
from contract_tests.judge import Outcome
from contract_tests.receiver import hooks as hooks_module
from contract_tests.receiver.delivery import Delivery, Sender, UnfitUrlError, fit, is_late, is_unreachable, shown
from contract_tests.receiver.hooks import HookError, Hooks, state_of_command, state_of_url, told_by_command
from contract_tests.receiver.run import judge_receiver
from contract_tests.receiver.stock import KINDS, Stock
from contract_tests.receiver.trial import Bounds
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS, Report
from mockserver.web.server import bind
from tests.receivers import correct_in_background
from tests.receivers.desk import Desk, server

QUICK = Bounds(timeout_s=3.0, retry_delays_s=(0.0, 0.0, 0.0), settle_s=0.0, run_s=60)
IMPATIENT = Bounds(timeout_s=0.7, retry_delays_s=(0.0, 0.0, 0.0), settle_s=0.0, run_s=60)
"""For receivers that are too slow: the whole of it passes."""
CATALOGUE = Path(__file__).parent / "receivers"
HTTP = httpx.Client(trust_env=False)
PROFILES = ("documented", "observed")
NEED_STATE = {
    f"RECEIVER-{name}"
    for name in (
        "EFFECT",
        "FAILED-IS-NOT-SUCCESS",
        "DUPLICATE-ONCE",
        "DUPLICATE-AT-ONCE",
        "RETRY-RECOVERS",
        "ORDER",
        "PARALLEL",
        "GARBAGE-HARMLESS",
    )
}
WRONG = {
    "always_content": "GARBAGE-REFUSED",
    "answers_conflict": "DUPLICATE-ONCE",
    "checks_then_acts": "DUPLICATE-AT-ONCE",
    "dies_of_a_large_body": "OVERSIZE",
    "downloads_first": "IN-TIME",
    "exact_media_type": "MEDIA-TYPE",
    "expects_results": "ANSWERS-2XX",
    "forgets": "EFFECT",
    "handles_twice": "DUPLICATE-ONCE",
    "keeps_before_reading": "GARBAGE-HARMLESS",
    "knows_every_field": "UNKNOWN-FIELDS",
    "knows_every_task": "UNKNOWN-TASK",
    "last_report_wins": "ORDER",
    "loses_one_of_many": "PARALLEL",
    "newest_only": "ORDER",
    "one_at_a_time": "SLOW-SENDER",
    "redirects": "ANSWERS-2XX",
    "remembers_the_last_two": "DUPLICATE-ONCE",
    "seen_before_done": "RETRY-RECOVERS",
    "sorts_any_id": "GARBAGE-HARMLESS",
    "takes_failed_for_done": "FAILED-IS-NOT-SUCCESS",
    "throws_at_garbage": "GARBAGE-HARMLESS",
}
"""What is wrong, and the check that owns it."""
JUDGED_APART = {"downloads_first", "remembers_the_last_two", "throws_at_garbage"}


@contextmanager
def at_desk(name: str) -> Iterator[str]:
    """The origin of a receiver of the catalogue that serves in a thread."""
    desk: Desk = importlib.import_module(f"tests.receivers.{name}").Receiver()
    made = server(desk)
    thread = threading.Thread(target=made.serve_forever, args=[0.01])
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    desk.die()
    thread.join()


@contextmanager
def in_background() -> Iterator[str]:
    listener = bind("127.0.0.1", 0)
    served = uvicorn.Server(uvicorn.Config(correct_in_background.application(), log_level="error"))
    thread = threading.Thread(target=served.run, args=[[listener]])
    thread.start()
    with closing(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        served.should_exit = True
        thread.join()


@contextmanager
def in_node() -> Iterator[str]:
    command = ["node", str(CATALOGUE / "throws_at_garbage.mjs"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def hooks(origin: str) -> Hooks:
    """As the receivers at a desk have them."""

    async def before(task_id: str) -> None:
        HTTP.post(f"{origin}/known", content=task_id)

    async def fail() -> None:
        HTTP.post(f"{origin}/fail")

    return Hooks(state_of_url(f"{origin}/state"), before, fail)


def state_only(origin: str) -> Hooks:
    return Hooks(state_of_url(f"{origin}/state"))


def judged(origin: str, hooks: Hooks, **more: Any) -> Report:
    arguments = {"seed": 1, "cases": 3, "bounds": QUICK, "hooks": hooks} | more
    return judge_receiver(f"{origin}/hook", **arguments)


def broken(report: Report) -> list[str]:
    return [result.check.id for result in report.of(Outcome.BROKEN)]


def finding(report: Report) -> Any:
    return report.of(Outcome.BROKEN)[0].finding


Make = Callable[[], tuple[AbstractContextManager[str], Callable[[str], Hooks]]]
RIGHT: dict[str, Make] = {
    "correct": lambda: (at_desk("correct"), hooks),
    "correct_but_fails_now_and_then": lambda: (at_desk("correct_but_fails_now_and_then"), hooks),
    "correct_in_background": lambda: (in_background(), state_only),
}


def holds(name: str, profile: str, seed: int) -> None:
    context, make_hooks = RIGHT[name]()
    with context as origin:
        report = judged(origin, make_hooks(origin), profile=profile, seed=seed, cases=6)
    assert not broken(report), finding(report)
    assert (report.exit_code, report.aborted) == (HOLDS, "")
    unjudged = {result.check.id for result in report.of(Outcome.NOT_JUDGED)}
    assert unjudged <= (set() if make_hooks is hooks else {"RECEIVER-RETRY-RECOVERS"})


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_receiver_holds(name: str, profile: str) -> None:
    holds(name, profile, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 11))
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_receiver_holds_whatever_the_seed(name: str, profile: str, seed: int) -> None:
    holds(name, profile, seed)


@pytest.mark.parametrize("name", sorted(WRONG.keys() - JUDGED_APART))
def test_a_wrong_receiver_breaks_its_own_check_and_no_other(name: str) -> None:
    with at_desk(name) as origin:
        report = judged(origin, hooks(origin), bounds=IMPATIENT if name == "one_at_a_time" else QUICK)
    assert broken(report) == [f"RECEIVER-{WRONG[name]}"], [one.finding for one in report.of(Outcome.BROKEN)]
    assert report.exit_code == BROKEN
    assert finding(report).steps
    assert finding(report).replay.startswith("contract-tests receiver --profile documented --seed 1")


def test_one_that_downloads_first_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("tests.receivers.downloads_first")
    monkeypatch.setattr(module.Receiver, "download_s", 1.0)
    with at_desk("downloads_first") as origin:
        report = judged(origin, hooks(origin), bounds=IMPATIENT)
    assert broken(report) == ["RECEIVER-IN-TIME"]
    assert "no answer within 0.7 s" in finding(report).received


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_one_that_ends_at_garbage_is_found_and_not_blamed_for_what_follows() -> None:
    with in_node() as origin:
        report = judged(origin, state_only(origin))
    assert broken(report) == ["RECEIVER-GARBAGE-HARMLESS"]
    assert report.aborted == "the receiver no longer answers"
    assert "RECEIVER-OVERSIZE" in {result.check.id for result in report.of(Outcome.NOT_JUDGED)}


def test_every_check_is_broken_by_somebody_and_everybody_is_judged() -> None:
    assert {f"RECEIVER-{name}" for name in WRONG.values()} == {check.id for check in checks(Layer.RECEIVER)}
    programs = {path.stem for path in CATALOGUE.glob("[a-z]*.*") if path.suffix in (".py", ".mjs")} - {"desk"}
    assert programs == WRONG.keys() | RIGHT.keys()
    told = (CATALOGUE / "README.md").read_text()
    assert all(f"| `{name}` | `RECEIVER-{owner}` |" in told for name, owner in WRONG.items())


def test_what_only_a_drawn_sequence_finds_is_shrunk_to_the_shortest() -> None:
    with at_desk("remembers_the_last_two") as origin:
        report = judged(origin, hooks(origin), cases=40)
    assert broken(report) == ["RECEIVER-DUPLICATE-ONCE"]
    assert len(finding(report).steps) == 4
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
    unshown = {"DUPLICATE-AT-ONCE", "FAILED-IS-NOT-SUCCESS", "RETRY-RECOVERS"}
    assert unjudged == {f"RECEIVER-{name}" for name in unshown}


def test_a_loss_shows_also_where_the_state_names_no_tasks() -> None:
    with at_desk("loses_one_of_many") as origin:

        async def count() -> str:
            return str(len(HTTP.get(f"{origin}/state").json()))

        report = judged(origin, Hooks(count))
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


def test_a_run_ends_in_time() -> None:
    with at_desk("correct") as origin:
        bounds = Bounds(timeout_s=0.4, retry_delays_s=(), settle_s=0.0, run_s=0.01)
        report = judged(origin, hooks(origin), bounds=bounds)
    assert report.exit_code == COULD_NOT_JUDGE
    assert "not done within" in report.aborted


def test_secrets_of_the_address_arrive_and_are_never_shown() -> None:
    paths = []

    class Handler(Desk):
        """The desk never sees the path, so the server's log does."""

    made = server(Handler())
    made.RequestHandlerClass.log_message = lambda self, *_: paths.append(self.path)  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, args=[0.01])
    thread.start()
    try:
        target = "/hook/a1b2c3d4e5f6/%7Ex?plain=s3cr3t-one&s3cr3t-two"
        report = judge_receiver(f"http://127.0.0.1:{made.server_port}{target}", seed=1, cases=1, bounds=QUICK)
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
        del made.RequestHandlerClass.log_message  # type: ignore[attr-defined]
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


@pytest.mark.parametrize("profile", PROFILES)
def test_bodies_are_what_the_api_answers(profile: str) -> None:
    with Stock(profile, 7) as stock:
        tasks = [stock.take(kind) for kind in KINDS]
    assert len({task.id for task in tasks}) == len(KINDS)
    assert [task.fields["created"] for task in tasks] == sorted({task.fields["created"] for task in tasks})
    for task in tasks:
        assert task.fields["status"] == ("completed" if task.kind == "completed" else "failed")
        assert b'"status":"processing"' in task.earlier
    assert ("result_data" in tasks[0].fields) == (profile == "observed")
    codes = [task.fields["error"]["code"] for task in tasks[1:]]
    assert codes == [*KINDS[1:-1], "request_cancelled"]


def test_https_is_trusted_as_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 204 Done\r\n\r\n")
            await writer.drain()

    async def send(ca_file: str | None) -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as served:
            port = served.sockets[0].getsockname()[1]
            sender = Sender(f"https://127.0.0.1:{port}/", timeout_s=3, ca_file=ca_file)
            exchange = await sender.send(Delivery(b"{}"))
            await sender.close()
        return exchange

    assert asyncio.run(send(str(tmp_path / "ca.pem"))).status == 204
    assert is_unreachable(asyncio.run(send(None)))


def test_an_answer_that_never_ends_has_a_time_limit() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.01)

    async def send() -> Any:
        served = await asyncio.start_server(trickle, "127.0.0.1", 0)
        sender = Sender(f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}/", timeout_s=0.1)
        exchange = await sender.send(Delivery(b"{}"))
        await sender.close()
        served.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        return exchange

    assert is_late(asyncio.run(send()))


def test_commands_are_run_without_a_shell_and_with_the_id_of_the_task(tmp_path: Path) -> None:
    program = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['EVOLINK_TASK_ID'])"
    command = f'{sys.executable} -c "{program}" {tmp_path}/$HOME'
    asyncio.run(told_by_command(command)("task-unified-1"))
    assert (tmp_path / "$HOME").read_text() == "task-unified-1"


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_module, "_HOOK_S", 0.1)
    with pytest.raises(HookError, match="not done within"):
        asyncio.run(state_of_command("sleep 60")())


def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(HookError, match="no-such-command: No such file"):
        asyncio.run(state_of_command("no-such-command")())
