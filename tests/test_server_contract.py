"""`contract-tests server`: money that is never overspent, servers that do not answer, and what a user sees."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from contract_tests.check import Layer
from contract_tests.cli import main
from contract_tests.contract.contract import built_in
from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server import command
from contract_tests.server.run import LAYERS, Options, UnreachableError, judge_server, opened
from contract_tests.server.talk.target import Settings
from mockserver.testing import MockServer
from tests.bad_servers.house import Bad, Wire, answers, served

KEY = "sk-real-money-0123456789"
HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>no</html>"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def judged(url: str, **options: Any) -> Report:
    settings = {"timeout_s": 1, "key": KEY, "poll_s": 0.02} | options.pop("settings", {})
    with opened(Options(settings=Settings(url=url, **settings), quick=True, **options)) as run:
        return judge_server(run, lambda *_: None)


def reserved_uc(url: str) -> int:

    books = httpx.get(f"{url}/_mock/ledger").json()["accounts"]
    return sum(one["amount_uc"] for book in books for one in book["transfers"] if one["kind"] == "pending")


# --- money


@pytest.mark.parametrize("control", [True, False])
def test_without_a_cap_given_to_spend_not_one_credit_is_reserved(control: bool) -> None:
    with MockServer(profile="observed") as mock:
        report = judged(mock.url, max_credits=0, control=control)
        assert reserved_uc(mock.url) == 0
    # Judged as if it were live, a mock that takes any key is open to everybody.
    assert {result.check.id for result in report.of(Outcome.BROKEN)} == (set() if control else {"SCHEMA-AUTH"})
    assert report.of(Outcome.HELD)
    assert any("credits" in result.reason for result in report.of(Outcome.NOT_JUDGED))


@pytest.mark.parametrize("cap", [61, 62, 122.4, 200])
def test_never_more_than_the_cap(cap: float) -> None:
    with MockServer(profile="observed", task_seconds=0.0, clock="real") as mock:
        judged(mock.url, max_credits=cap, control=False, layers=LAYERS[:2])
        assert reserved_uc(mock.url) <= cap * UC_PER_CREDIT
        assert bool(reserved_uc(mock.url)) == (cap >= 61.2)


def says_less(wire: Wire) -> None:
    """A seventh of the truth, in the answer and in the credits."""
    if wire.created:
        body = wire.json
        body["usage"]["credits_reserved"] /= 7
        wire.json = body


@pytest.mark.parametrize("cap", [100, 130])
def test_a_server_that_lies_about_its_prices_gets_no_more(cap: float, tmp_path: Path) -> None:
    liar = Bad("tells a seventh of the price", "BILLING-PRICE", hook=answers(says_less), profile="observed")
    with served(liar, tmp_path) as url:
        judged(url, max_credits=cap, control=False, layers=LAYERS[:2], deadline_s=2.0)
        assert 0 < reserved_uc(url) <= cap * UC_PER_CREDIT


def test_what_an_interrupted_run_has_spent_counts_in_the_next(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with MockServer(task_seconds=0.0, clock="real") as mock:
        for _ in range(3):
            judged(mock.url, max_credits=130, control=False, layers=LAYERS[:1], state=state)
        assert reserved_uc(mock.url) <= 130 * UC_PER_CREDIT
    kept = state.read_text("utf-8")
    assert KEY not in kept
    assert json.loads(kept)["spent_uc"] <= 130 * UC_PER_CREDIT


# --- servers that do not answer as one


@contextmanager
def raw_server(handle: Handler) -> Iterator[str]:
    """A TCP server that does as it likes."""
    loop = asyncio.new_event_loop()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        finally:
            writer.transport.abort()

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    server = loop.run_until_complete(asyncio.start_server(handled, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def html(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(HTML)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.05)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


@pytest.mark.parametrize("handle", [drop, trickle, silence])
def test_a_server_that_does_not_answer_is_not_judged(handle: Handler) -> None:
    with raw_server(handle) as url, pytest.raises(UnreachableError, match="does not answer"):
        judged(url)


def test_a_server_that_answers_with_pages_is_no_success() -> None:
    with raw_server(html) as url:
        report = judged(url)
    assert report.exit_code == 1
    assert "SERVER-SPEAKS-JSON" in {result.check.id for result in report.of(Outcome.BROKEN)}


def test_a_server_that_falls_silent_ends_the_run(tmp_path: Path) -> None:
    asked = iter(range(10_000))

    def silent_later(wire: Wire) -> None:
        wire.is_cut = wire.path.startswith("/v1/") and next(asked) > 20

    with served(Bad("falls silent", "SERVER-ANSWERS", hook=answers(silent_later)), tmp_path) as url:
        report = judged(url)
    assert "no answer" in report.aborted
    assert report.exit_code != 0


def test_the_time_of_a_run_is_bounded() -> None:
    with MockServer() as mock:
        report = judged(mock.url, deadline_s=0.0)
    assert "was over" in report.aborted
    assert report.exit_code == 3


ODD_METHODS = {"SCHEMA-METHODS", "SCHEMA-NO-SERVER-ERROR"}


def unheard_of(wire: Wire) -> None:
    if wire.status == 405 and wire.method not in ("GET", "POST", "HEAD"):
        wire.status, wire.answer = 501, b""


def never_405(wire: Wire) -> None:
    if wire.status == 405:
        wire.status, wire.answer = 501, b""


@pytest.mark.parametrize(("change", "found"), [(unheard_of, set()), (never_405, ODD_METHODS)])
def test_a_method_that_no_path_has_may_be_501(
    change: Callable[[Wire], None], found: set[str], tmp_path: Path
) -> None:
    with served(Bad("differs", "", hook=answers(change)), tmp_path) as url:
        report = judged(url, layers=(Layer.SCHEMA,), only=frozenset(ODD_METHODS), examples=1)
    broken = {one.check.id: str(one.finding) for one in report.of(Outcome.BROKEN)}
    assert broken.keys() == found
    assert all("501" in finding for finding in broken.values())


# --- the command


def run(*arguments: str) -> Any:
    return CliRunner(env={"EVOLINK_API_KEY": KEY}).invoke(main, ["server", *arguments])


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_one_check_alone(profile: str) -> None:
    done = run("fake", "--check", "BILLING-PRICE", "--layer", "behaviour", "--profile", profile)
    assert done.exit_code == 0, done.output
    assert "Holds" in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ftp://example.com",), "allowed: an http or https address"),
        (("http://127.0.0.1:1/v1",), "what stands before /v1, here http://127.0.0.1:1"),
        (("http://somebody:secret@127.0.0.1:1",), "received credentials in http://127.0.0.1:1;"),
        (("http://127.0.0.1:1", "--callback-url", "here"), "--callback-url: received here"),
        (("http://127.0.0.1:1", "--as-live"), "--as-live: received http://127.0.0.1:1; allowed: fake"),
        (("fake", "--check", "NO-SUCH"), "received NO-SUCH"),
        (("fake", "--layer", "paint"), "paint"),
        (("fake", "--key-file", "/no/such/file"), "can't be read"),
        (("fake", "--max-credits", "1e305"), "is not in the range"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.output


def test_exchanges_are_recorded_without_the_key(tmp_path: Path) -> None:
    with MockServer() as mock:
        done = run(mock.url, "--quick", "--no-control", "--layer", "behaviour", "--record", str(tmp_path / "kept"))
    assert done.exit_code == 0, done.output
    kept = "".join(file.read_text("utf-8") for file in (tmp_path / "kept").iterdir())
    assert "/v1/credits" in kept
    assert KEY not in kept


def test_a_mock_holds_and_is_left_with_what_was_its_own() -> None:
    with MockServer() as mock:
        task = httpx.post(
            f"{mock.url}{built_in().create.path}", json=built_in().requests.example(), headers=mock.headers
        ).json()
        assert judged(mock.url).exit_code == 0
        assert [one["id"] for one in mock.get("/tasks")["tasks"]] == [task["id"]]
        assert len(mock.get("/ledger")["accounts"]) == 1


def test_nobody_there_is_no_verdict() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        done = run(f"http://127.0.0.1:{closed.getsockname()[1]}", "--timeout", "1")
    assert done.exit_code == 3
    assert "Could not judge" in done.output


def test_the_plan_is_told_before_money_is_spent() -> None:
    with MockServer() as mock:
        done = run(mock.url, "--no-control", "--quick")
    assert "the cap is 0" in done.output
    assert KEY not in done.output


@pytest.mark.parametrize(
    ("terminal", "answer", "exit_code", "told"),
    [(False, "y", 2, "agree with --yes"), (True, "n", 3, "nothing was spent"), (True, "", 3, "nothing was spent")],
)
def test_nothing_is_spent_without_a_yes(
    terminal: bool, answer: str, exit_code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockServer() as mock:
        runner = CliRunner(env={"EVOLINK_API_KEY": KEY})
        monkeypatch.setattr(command, "_is_asked", lambda: terminal)
        done = runner.invoke(main, ["server", mock.url, "--no-control", "--max-credits", "50"], input=answer)
        assert reserved_uc(mock.url) == 0
    assert (done.exit_code, told in done.output) == (exit_code, True), done.output


@pytest.mark.long
@pytest.mark.parametrize("profile", ["documented", "observed"])
@pytest.mark.parametrize("seed", range(20))
def test_the_fake_holds_whatever_is_drawn(profile: str, seed: int) -> None:
    done = run("fake", "--quick", "--profile", profile, "--seed", str(seed))
    assert done.exit_code == 0, done.output
