"""Whatever a client sends, or a receiver answers, the judge ends with a report that can be written in any format."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.grid import behaviour_of, named, takes_real_time
from contract_tests.client.campaign import Campaign, NoClientError
from contract_tests.client.processes import Processes
from contract_tests.client.stage import POLLS
from contract_tests.judge import Judge
from contract_tests.receiver.bounds import Bounds
from contract_tests.receiver.hooks import Hooks, state_of_url
from contract_tests.receiver.run import judge_receiver
from contract_tests.report import Report
from contract_tests.reporting import publish
from tests.fuzzers.receiver import receiving

CLIENT = Path(__file__).parent / "fuzzers" / "client.py"
FEW = ("lost-answer", "run-again", "odd-ids")
ALL = tuple(name for name, one in named().items() if not takes_real_time(one))
BRIEF = Bounds(timeout_s=0.5, retry_delays_s=(0.0, 0.0, 0.0), settle_s=0.0, patience_s=0.05, between=5, run_s=20)


def check(report: Report, folder: Path) -> None:
    """It says nothing of a fault of the judge, and can be written."""
    assert report.exit_code in (0, 1, 3)
    files = {name: folder / f"report.{name}" for name in ("junit", "json_file", "html", "har")}
    publish(report, console=Console(file=io.StringIO(), width=100), **files)
    assert all(file.stat().st_size for file in files.values())


def judged(seed: int, behaviours: tuple[str, ...]) -> Report:
    judge, aborted = Judge(checks(Layer.CLIENT)), ""
    options = {"profile": "observed", "seed": seed, "moved_by": POLLS, "limit_s": 5.0, "parallel": 4}
    with Processes((sys.executable, str(CLIENT)), **options) as processes:  # type: ignore[arg-type]
        campaign = Campaign(processes.player, judge, str, shrink_s=1.0)
        try:
            campaign.open()
            campaign.named(map(behaviour_of, behaviours))
            campaign.drawn(3, seed)
        except NoClientError as error:
            aborted = str(error)
    exchanges = tuple(entry.exchange() for run in campaign.runs.values() for entry in run.entries)
    return Report("Client", str(CLIENT), datetime.now(UTC), 0.0, seed, judge.results(), {}, exchanges, aborted)


def test_a_client_that_does_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_SEED", "1")
    check(judged(1, FEW), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_clients_that_do_anything(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_SEED", str(seed))
    check(judged(seed, ALL), tmp_path)


def received(seed: int, share: float, folder: Path, *, has_state: bool = True) -> None:
    with receiving(seed, share) as url:
        hooks = Hooks(state_of_url(f"{url}/state")) if has_state else Hooks()
        check(judge_receiver(f"{url}/hook", seed=seed, cases=3, hooks=hooks, bounds=BRIEF), folder)


@pytest.mark.parametrize("has_state", [True, False])
def test_a_receiver_that_answers_anything(has_state: bool, tmp_path: Path) -> None:
    received(1, 0.05, tmp_path, has_state=has_state)


@pytest.mark.long
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_receivers_that_answer_anything(seed: int, share: float, tmp_path: Path) -> None:
    received(seed, share, tmp_path)
    received(seed, share, tmp_path, has_state=False)
