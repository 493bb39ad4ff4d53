"""Whatever a server says, the judge ends with a report that can be written in every format, and never fails."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from contract_tests.check import Layer
from contract_tests.report import Report
from contract_tests.reporting import publish
from contract_tests.server.run import LAYERS, Options, judge_server, opened
from contract_tests.server.standing import UnreachableError
from contract_tests.server.talk.target import Settings
from tests.bad_servers.fuzzer import fuzzing
from tests.bad_servers.house import Bad, served

DIRECTED = (Layer.BEHAVIOUR, Layer.CALLBACK)
KEYS = {"key": "sk-real-money-0123456789", "other_key": "sk-other-money-987654321"}


def judged(folder: Path, seed: int, share: float, control_share: float = 0.0, **options: object) -> Report | None:
    """The report; None where the server was not recognised as one of this API at all."""
    bad = Bad("answers anything", "", hook=fuzzing(seed, share, control_share), profile="observed")
    settings = {"timeout_s": 2.0, "poll_s": 0.01} | options.pop("settings", {})  # type: ignore[operator]
    with served(bad, folder) as url:
        told = {"quick": True, "layers": DIRECTED, "examples": 2, "deadline_s": 20.0, "profile": "observed"} | options
        try:
            with opened(Options(settings=Settings(url=url, **settings), **told)) as run:  # type: ignore[arg-type]
                return judge_server(run, lambda *_: None)
        except UnreachableError as error:
            assert str(error)  # noqa: PT017
            return None


def check(report: Report | None, folder: Path) -> None:
    """Of a server that was recognised."""
    if report is None:
        return
    assert report.exit_code in (0, 1, 3)
    failed = [f"{one.check.id}: {one.reason}" for one in report.results if "the judge failed" in one.reason]
    assert not failed
    assert "the judge failed" not in report.aborted
    files = {name: folder / f"report.{name}" for name in ("junit", "json_file", "html", "har")}
    publish(report, console=Console(file=io.StringIO(), width=100), **files)
    assert all(file.stat().st_size for file in files.values())


@pytest.mark.parametrize("share", [pytest.param(0.02, marks=pytest.mark.long), 0.3, 1.0])
def test_a_steered_server_that_answers_anything(share: float, tmp_path: Path) -> None:
    check(judged(tmp_path, 1, share), tmp_path)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_a_server_with_real_money_that_answers_anything(share: float, tmp_path: Path) -> None:
    check(judged(tmp_path, 2, share, control=False, max_credits=1_000, settings=KEYS), tmp_path)


def test_a_control_api_that_answers_anything(tmp_path: Path) -> None:
    check(judged(tmp_path, 3, 0.0, 0.2), tmp_path)


def test_the_schema_layer_of_a_server_that_answers_anything(tmp_path: Path) -> None:
    check(judged(tmp_path, 4, 0.3, layers=(Layer.SCHEMA,)), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(10, 30))
def test_many_servers_that_answer_anything(seed: int, share: float, tmp_path: Path) -> None:
    check(judged(tmp_path, seed, share, seed % 3 * 0.01, layers=LAYERS), tmp_path)
    check(judged(tmp_path, seed, share, control=False, max_credits=1_000, settings=KEYS, layers=LAYERS), tmp_path)
