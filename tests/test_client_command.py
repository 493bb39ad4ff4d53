"""`contract-tests client -- COMMAND`: exit codes, what is printed, and that nothing is left behind."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contract_tests.cli import main
from contract_tests.client import processes
from contract_tests.client.behaviours.grid import named
from contract_tests.client.program import environment, play

CLIENTS = Path(__file__).parent / "clients"
PYTHON_CLIENT = (sys.executable, str(CLIENTS / "sync_correct.py"))
INTERCEPTED = ("plain", "lost-answer", "query-trouble", "truncated-query", "link-expired", "no-credits")


@pytest.fixture(autouse=True)
def poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL_SECONDS", "0.15")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["client", "--seed", "1", "--parallel", "2", *arguments])


def test_a_right_client_holds_and_exits_0(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = (sys.executable, str(CLIENTS / "sync_correct.py"))
    result = run("--behaviour", "plain", "--behaviour", "slow", "--json", str(file), "--", *command)
    assert result.exit_code == 0, result.output
    assert json.loads(file.read_text())


def test_a_wrong_client_exits_1_with_journal_and_replay(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = (sys.executable, str(CLIENTS / "sync_sends_no_key_again.py"))
    result = run("--behaviour", "lost-answer", "--json", str(file), "--", *command)
    assert result.exit_code == 1
    shown = " ".join(result.output.split())
    assert "CLIENT-PAYS-ONCE" in shown
    assert "the first submission is taken, and the answer lost" in shown
    assert "closed_after_accept" in shown
    assert "contract-tests client --seed 1 --profile documented" in shown
    [finding] = [one["finding"] for one in json.loads(file.read_text())["checks"] if one.get("finding")]
    again = CliRunner().invoke(main, shlex.split(finding["replay"])[1:])
    assert again.exit_code == 1
    assert "CLIENT-PAYS-ONCE" in again.output


def test_a_time_out_longer_than_the_limit_is_not_judged() -> None:
    command = (sys.executable, str(CLIENTS / "sync_correct_long_timeouts.py"))
    result = run("--time-limit", "1", "--behaviour", "query-stalled", "--", *command)
    assert result.exit_code == 0, result.output
    assert "raise --time-limit above its own time-outs" in result.output
    assert "query-stalled" in result.output


def test_a_plain_course_that_does_not_end_could_not_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PLAIN_S", 1.0)
    monkeypatch.setenv("POLL_SECONDS", "30")
    result = run("--time-limit", "1", "--", *PYTHON_CLIENT)
    assert result.exit_code == 3
    assert "raise --time-limit" in result.output


def test_what_is_not_played_is_told_with_its_reason() -> None:
    behaviours = ("credits-busy", "callback-late", "slow-as-estimated", "first-of-several-fails", "plain")
    result = run(*(word for one in behaviours for word in ("--behaviour", one)), "--", *PYTHON_CLIENT)
    assert result.exit_code == 0
    shown = [line for line in result.output.splitlines() if "not judged, " in line]
    assert len(shown) == 4
    assert any("asked for no credits: credits-busy" in line for line in shown)


def test_a_finding_shows_the_last_words_and_runs_again_by_its_name() -> None:
    loud = "import os, sys, json; print('key', os.environ['EVOLINK_API_KEY'])"
    source = f"{loud}; sys.path.insert(0, {str(CLIENTS)!r}); import sync_prints_progress"
    result = run("--behaviour", "absent-fields", "--", sys.executable, "-c", source)
    assert result.exit_code == 1
    assert "printed: KeyError: 'progress'" in result.output
    assert "--behaviour absent-fields --" in result.output
    assert "CLIENT-KEY-NOT-PRINTED" in result.output
    assert not re.search(r"sk-contract-[0-9a-f]{24}", result.output)


def test_the_scaled_clock_runs_by_itself() -> None:
    command = (sys.executable, str(CLIENTS / "sync_correct.py"))
    result = run("--clock", "scaled", "--behaviour", "slow", "--", *command)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "arguments",
    [(), ("--behaviour", "nonsense", "--", "true"), ("--examples", "-1", "--", "true"), ("--nonsense", "true")],
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_command_that_is_not_there_could_not_be_judged() -> None:
    result = run("--", "/nonexistent/client")
    assert result.exit_code == 3
    assert "Traceback" not in result.output


def test_a_command_that_fails_where_everything_goes_well_could_not_be_judged() -> None:
    source = (
        "import os, sys, urllib.request as web\n"
        "key = {'Authorization': 'Bearer ' + os.environ['EVOLINK_API_KEY']}\n"
        "web.urlopen(web.Request(os.environ['EVOLINK_BASE_URL'] + '/v1/credits', headers=key))\n"
        "sys.exit('no luck today')"
    )
    result = run("--behaviour", "unknown-fields", "--", sys.executable, "-c", source)
    assert result.exit_code == 3
    shown = " ".join(result.output.split())
    assert "everything goes well, ends with an error: exit 1" in shown
    assert "It printed: no luck today" in shown


def test_a_command_that_sends_nothing_could_not_be_judged() -> None:
    result = run("--", sys.executable, "-c", "import a_module_that_is_not_there")
    assert result.exit_code == 3
    assert "EVOLINK_BASE_URL" in " ".join(result.output.split())
    assert "No module named 'a_module_that_is_not_there'" in result.output


def test_a_failure_that_only_the_callback_told_explains_an_error() -> None:
    behaviour = ("--behaviour", "unknown-fields+fails:code=service_error")
    result = run(*behaviour, "--", sys.executable, str(CLIENTS / "callback_correct.py"))
    assert result.exit_code == 0, result.output


def test_a_link_that_was_dead_before_it_was_seen_is_no_lateness() -> None:
    behaviour = ("--behaviour", "link-expires:seconds=0+slow:seconds=5")
    result = run(*behaviour, "--", *PYTHON_CLIENT)
    assert result.exit_code == 0, result.output


def test_nothing_has_to_be_drawn() -> None:
    result = run("--examples", "0", "--behaviour", "plain", "--", *PYTHON_CLIENT)
    assert result.exit_code == 0, result.output


def test_a_command_whose_libraries_are_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "contract_tests.client.command", None)
    result = run("--", "true")
    assert result.exit_code == 2
    assert "pip install 'evolink-mock[contract]'" in result.output
    assert "client" in CliRunner().invoke(main, ["--help"]).output


def test_a_command_with_a_key_of_its_own_could_not_be_judged() -> None:
    result = run("--behaviour", "plain", "--", "env", "EVOLINK_API_KEY=sk-a-key-of-its-own", *PYTHON_CLIENT)
    assert result.exit_code == 3
    assert "another key than it was told" in " ".join(result.output.split())
    assert "a-key-of-its-own" not in result.output


@pytest.mark.parametrize(
    "command",
    [PYTHON_CLIENT, ("node", str(CLIENTS / "node_correct.mjs")), ("bash", str(CLIENTS / "shell_correct.sh"))],
)
def test_a_client_of_the_live_hosts_is_led_to_the_fake(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    behaviours = [word for name in INTERCEPTED for word in ("--behaviour", name)]
    result = run("--intercept", *behaviours, "--", "env", "EVOLINK_BASE_URL=https://api.evolink.ai", *command)
    assert result.exit_code == 0, result.output


def test_a_mistake_with_the_live_hosts_is_found_and_the_replay_says_so() -> None:
    command = (sys.executable, str(CLIENTS / "sync_sends_no_key_again.py"))
    hosts = ("env", "EVOLINK_BASE_URL=https://api.evolink.ai")
    result = run("--intercept", "--behaviour", "lost-answer", "--", *hosts, *command)
    assert result.exit_code == 1
    shown = " ".join(result.output.split())
    assert "CLIENT-PAYS-ONCE" in shown
    assert "--clock polls --intercept --behaviour" in shown


def test_the_behaviours_are_listed() -> None:
    result = run("--list")
    assert result.exit_code == 0
    assert all(name in result.output for name in named())


def test_the_environment_of_a_case_names_the_fake_and_the_key() -> None:
    env = environment(os.environ, "http://127.0.0.1:1", "sk-key")
    assert (env["EVOLINK_BASE_URL"], env["EVOLINK_API_KEY"]) == ("http://127.0.0.1:1", "sk-key")


def test_a_program_is_ended_with_all_it_started() -> None:
    script = "sleep 100 & echo $!; sleep 100"
    ending = play(("bash", "-c", script), dict(os.environ), limit_s=0.3, look=lambda: "", look_every_s=0.1)
    assert ending.exit_code is None
    assert gone(int(ending.output))


def test_what_a_program_leaves_behind_is_ended_too() -> None:
    ending = play(("bash", "-c", "sleep 100 & echo $!"), dict(os.environ), limit_s=5, look=str, look_every_s=0.1)
    assert ending.exit_code == 0
    assert gone(int(ending.output))


def gone(pid: int) -> bool:
    """Whether a process has ended, or is about to."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_at_once_with_3(tmp_path: Path, number: signal.Signals) -> None:
    started = tmp_path / "started"
    client = ("bash", "-c", f"echo $$ > {started}.part; mv {started}.part {started}; sleep 60")
    command = (sys.executable, "-m", "contract_tests", "client", "--", *client)
    heeds = partial(signal.signal, number, signal.SIG_DFL)  # a shell lets what it starts in the background ignore it
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, preexec_fn=heeds, **pipes)  # noqa: PLW1509 - it forks before any thread is made
    until = time.monotonic() + 20
    while not started.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 3, output
    assert "interrupted" in output
    assert "Traceback" not in output
    assert gone(int(started.read_text()))
