"""Options of `serve` that no server can be run with are told at once."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from contract_tests.cli import main as judges
from mockserver import program
from mockserver.cli import main
from mockserver.config import banner
from mockserver.simulation.clock import Mode
from mockserver.web.app import Application
from mockserver.web.options import Options


@pytest.mark.parametrize("token", [" secret", "secret\n", "sec\tret", "\udcff"])
def test_a_token_that_no_header_carries_is_wrong_usage(token: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--control-token", token])
    assert (done.exit_code, "--control-token: received" in done.output) == (2, True)
    assert token not in done.output


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_can_be_trusted_by_nobody(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--callback-ca", str(file)])
    assert (done.exit_code, "without a certificate" in done.output) == (2, True)


def test_a_pace_is_told_of_the_clock_that_has_one() -> None:
    for clock, speed in ((Mode.REAL, True), (Mode.MANUAL, False), (Mode.POLLS, False)):
        told = banner(Application(Options(clock=clock, speed=5)), "http://127.0.0.1:1")
        assert ("5 times as fast as real" in told) is speed


def test_tools_on_a_mock_that_is_no_address_are_wrong_usage() -> None:
    pytest.importorskip("mcp")
    done = CliRunner().invoke(main, ["mcp", "--url", "127.0.0.1:8787"])
    assert (done.exit_code, "--url: received 127.0.0.1:8787" in done.output) == (2, True)


@pytest.mark.parametrize("url", ["ftp://node", "node:8787", "http://"])
def test_a_node_that_others_can_reach_nowhere_is_wrong_usage(url: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--node-url", url])
    assert (done.exit_code, f"--node-url: received {url!r}" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--host=", "--host: received ''"),
        ("--realistic --task-seconds 3", "--realistic: received beside --task-seconds"),
        ("--node-name a", "--node-name: received 'a'; allowed: beside --log redis://"),
        ("--node-url http://a:1 --log sqlite:x.db", "--node-url: received 'http://a:1'; allowed: beside --log"),
    ],
)
def test_an_option_that_would_do_nothing_is_wrong_usage(options: str, said: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", *options.split()])
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    ("variable", "option", "seconds"),
    [("TASK_SECONDS=3", "--realistic", None), ("REALISTIC=1", "--task-seconds=3", 3.0), ("REALISTIC=1", "", None)],
)
def test_the_command_line_goes_before_the_environment(
    variable: str, option: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(f"MOCKSERVER_EXEC_{name}", value)
    assert _options_of(*option.split(), monkeypatch=monkeypatch).task_seconds == seconds


def test_a_key_that_is_named_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    options = _options_of("--only-key", "sk-a", "--only-key", "sk-a", monkeypatch=monkeypatch)
    assert "for the one API key there is" in banner(Application(options), "http://127.0.0.1:1")
    options = _options_of("--only-key", "sk-a", "--only-key", "sk-b", monkeypatch=monkeypatch)
    assert "for each of the 2 API keys there are" in banner(Application(options), "http://127.0.0.1:1")


def _options_of(*line: str, monkeypatch: pytest.MonkeyPatch) -> Options:
    """What a server of this command line would be told."""
    told: list[Options] = []
    monkeypatch.setattr(program, "run", lambda options, *_, **__: told.append(options))
    assert CliRunner().invoke(main, ["exec", *line, "true"]).exit_code == 0
    return told[0]


@pytest.mark.parametrize("told", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_in_no_range(told: str) -> None:
    context = click.Context(judges)
    commands = [command for name in judges.list_commands(context) if (command := judges.get_command(context, name))]
    ranges = [one for command in commands for one in command.params if isinstance(one.type, click.FloatRange)]
    assert len(ranges) > 10
    for one in ranges:
        with pytest.raises(click.BadParameter):
            one.type.convert(told, one, context)
