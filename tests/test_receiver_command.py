"""`contract-tests receiver` from the outside: options, exit codes, and what it prints."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contract_tests.receiver import command
from contract_tests.receiver.grid import CASES
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS, USAGE
from mockserver.web.listening import bind
from tests.receivers.serving import at_desk

QUICK = ("--cases", "1", "--settle", "0", "--seed", "5")
"""Beside what is to be judged: the whole grid takes its time."""


OWN = ("--case", "own-failure/completed")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.receiver, arguments)


def test_a_right_receiver_holds_and_the_report_is_written(tmp_path: Path) -> None:
    told = tmp_path / "told"
    before = f"sh -c 'echo $EVOLINK_TASK_ID >> {told}'"
    with at_desk("correct") as origin:
        state, file = f"{origin}/state", tmp_path / "report.json"
        done = run(
            f"{origin}/hook?key=s3cr3t",
            *QUICK,
            "--state-url",
            state,
            "--before",
            before,
            "--json",
            str(file),
            "--case",
            "together/mixed",
        )
    assert done.exit_code == HOLDS, done.output
    written = file.read_text()
    assert json.loads(written)["seed"] == 5
    assert "s3cr3t" not in written + done.output
    assert all(line.startswith("task-unified-") for line in told.read_text().splitlines())


def test_a_wrong_one_is_broken_and_the_command_to_see_it_again_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_desk("handles_twice") as origin:
        url, state = f"{origin}/hook?secret=s3cr3t-s3cr3t", f"curl -sS {origin}/state"
        done = run(url, *QUICK, "--state-command", state, "--case", "copy-later/completed")
        assert done.exit_code == BROKEN
        assert "RECEIVER-DUPLICATE-ONCE" in done.output
        assert "s3cr3t" not in done.output
        replay = next(line for line in done.output.splitlines() if line.startswith("  replay"))
        words = shlex.split(replay.split(maxsplit=1)[1])
        assert words[:4] == ["contract-tests", "receiver", "--case", "copy-later/completed"]
        assert words[-1] == "$CONTRACT_TESTS_RECEIVER_URL"
        monkeypatch.setenv("CONTRACT_TESTS_RECEIVER_URL", url)
        again = run(*words[2:-1])
    assert again.exit_code == BROKEN
    assert "RECEIVER-DUPLICATE-ONCE" in again.output


def test_a_sequence_is_played_again_by_its_text() -> None:
    with at_desk("remembers_the_last_two") as origin:
        text = "completed+completed+completed:send0,send1,send2,send0"
        done = run(f"{origin}/hook", *QUICK, "--state-url", f"{origin}/state", "--case", text)
    assert done.exit_code == BROKEN
    assert f"--case {text} " in done.output


def test_the_cases_are_listed_by_name() -> None:
    listed = run("--list").output.splitlines()
    assert [line.split()[0] for line in listed] == list(CASES)


def test_a_receiver_made_to_fail_is_judged_by_what_it_makes_of_the_retry() -> None:
    with at_desk("seen_before_done") as origin:
        fail = f"curl -sS -X POST {origin}/fail"
        done = run(f"{origin}/hook", *QUICK, "--state-url", f"{origin}/state", "--fail-command", fail, *OWN)
    assert done.exit_code == BROKEN
    assert "RECEIVER-RETRY-RECOVERS" in done.output


def test_where_nobody_listens_it_could_not_judge() -> None:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    assert run(f"http://127.0.0.1:{port}/hook").exit_code == COULD_NOT_JUDGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("https://example.com/", "--case", "copy-later/complete"),
        ("https://example.com/", "--case", "completed:leap0"),
        ("http://example.com/hook",),
        ("https://example.com/", "--before", "'"),
        ("https://example.com/", "--state-command", ""),
        ("https://example.com/", "--state-command", "true", "--state-url", "http://127.0.0.1/"),
        ("https://example.com/", "--timeout", "0"),
    ],
)
def test_wrong_usage_says_so(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == USAGE
    assert "received" in done.output or "not in the range" in done.output
