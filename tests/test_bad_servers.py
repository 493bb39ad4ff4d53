"""The catalogue of servers that each break one promise: each is found by the check that owns it, and by no other."""

import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contract_tests.check import Layer, checks
from contract_tests.cli import main
from contract_tests.contract.mounted import contract_of
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server.run import Options, judge_server, opened
from contract_tests.server.talk.target import Settings
from tests.bad_servers import callbacks, listing, money, promised, requests, schema, tasks, wire
from tests.bad_servers.house import Bad, served

BAD: dict[str, Bad] = {
    **tasks.BAD,
    **money.BAD,
    **listing.BAD,
    **callbacks.BAD,
    **wire.BAD,
    **requests.BAD,
    **promised.BAD,
}
BAD_SCHEMAS: dict[str, Bad] = schema.BAD
_TABLE = Path(__file__).parent / "bad_servers" / "README.md"


def judged(bad: Bad, folder: Path, *layers: Layer, only: frozenset[str] = frozenset(), quick: bool = True) -> Report:
    with served(bad, folder) as url:
        settings = Settings(url=url, contract=contract_of(bad.specs, bad.model))
        options = Options(settings=settings, layers=layers, only=only, quick=quick, profile=bad.profile)
        with opened(options) as run:
            return judge_server(run, lambda *_: None)


def broken(report: Report) -> set[str]:
    return {result.check.id for result in report.of(Outcome.BROKEN)}


def sampled(names: Iterable[str], every: int) -> list[Any]:
    """One of so many at once, the others among the long tests."""
    return [
        pytest.param(name, marks=[] if number % every == 0 else pytest.mark.long) for number, name in enumerate(names)
    ]


def needs_patience(bad: Bad) -> bool:
    return bad.owner == "CALLBACK-TIMEOUT"


QUICK = [
    *("cancel_means_nothing", "prompt_of_5100", "without_delay", "batch_of_all", "any_model", "rule_misnamed"),
    *("any_size", "private_is_allowed", "own_error_codes", "sends_the_key", "replay_unmarked", "gif_is_taken"),
    *("reads_without_a_key", "buys_without_a_key"),
]
"""A sample of every kind, a second or so each; the long tests have all. Where what is rare is looked for in hundreds
of tasks, a finding takes half a minute."""


@pytest.mark.parametrize("name", QUICK)
def test_found_by_its_owner(name: str, tmp_path: Path) -> None:
    bad = BAD[name]
    layers = (Layer.BEHAVIOUR, Layer.CALLBACK)
    report = judged(bad, tmp_path, *layers, only=frozenset({bad.owner}), quick=not needs_patience(bad))
    assert bad.owner in broken(report)


@pytest.mark.long
@pytest.mark.parametrize("name", BAD)
def test_found_in_a_default_run_by_its_owner_and_no_other(name: str, tmp_path: Path) -> None:
    bad = BAD[name]
    report = judged(bad, tmp_path, Layer.BEHAVIOUR, Layer.CALLBACK, quick=not needs_patience(bad))
    assert bad.owner in broken(report), [result.finding for result in report.of(Outcome.BROKEN)]
    assert broken(report) <= {bad.owner} | bad.also, [result.finding for result in report.of(Outcome.BROKEN)]
    assert report.exit_code == 1


@pytest.mark.parametrize("name", sampled(BAD_SCHEMAS, 8))
def test_found_by_schemathesis_under_its_id(name: str, tmp_path: Path) -> None:
    bad = BAD_SCHEMAS[name]
    report = judged(bad, tmp_path, Layer.SCHEMA)
    assert bad.owner in broken(report)
    assert broken(report) <= {bad.owner} | bad.also, [result.finding for result in report.of(Outcome.BROKEN)]


def rows() -> Iterator[str]:
    for name, bad in {**BAD, **BAD_SCHEMAS}.items():
        also = ", ".join(f"`{one}`" for one in sorted(bad.also)) or "-"
        yield f"| `{name}` | {bad.what} | `{bad.owner}` | {also} |"


def test_the_table_tells_the_truth() -> None:
    text = _TABLE.read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("| `")] == list(rows())


def test_every_check_has_a_server_that_breaks_it() -> None:
    owned = {bad.owner for bad in BAD.values()}
    unowned = {check.id for check in checks(Layer.BEHAVIOUR, Layer.CALLBACK)} - owned
    assert not unowned


def test_the_replay_of_a_finding_shows_it_again(tmp_path: Path) -> None:
    file, name = tmp_path / "report.json", "prompt_of_5100"
    with served(BAD[name], tmp_path) as url:
        CliRunner().invoke(main, ["server", url, "--quick", "--check", BAD[name].owner, "--json", str(file)])
        [finding] = [one["finding"] for one in json.loads(file.read_text())["checks"] if one.get("finding")]
        again = CliRunner().invoke(main, shlex.split(finding["replay"])[1:])
    assert again.exit_code == 1
    assert BAD[name].owner in again.output
