"""The mutation score of the documented answers: each property dropped, retyped or changed is found, but for those
that nothing promises; and no mutant is without a report. On a mock that is steered, and as the live API is judged."""

from pathlib import Path

import pytest

from contract_tests.check import Layer
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server.run import Options, Run, judge_server, opened
from contract_tests.server.talk.target import Settings, SilentServerError
from tests.bad_servers.as_live import judged_as_live
from tests.bad_servers.house import Bad, served
from tests.bad_servers.mutants import Mutant, mutants

FREE = {
    "message": "words are free",
    "user_group": "whose names nobody lists",
    "fallback_suggestion": "words are free",
}
"""Properties whose value may be any of its type, and why."""
UNTOLD = {
    "shift estimated_time": "an estimate may be any",
    "shift video_duration": "how a length is rounded is not told",
    "shift used_credits": "what was spent before is not told",
    "shift can_cancel": "when a task can be cancelled is not told; that an ended one can't is, of a query",
}
"""Other changes that no document contradicts, and why."""
OUT_OF_REACH = {
    ("post", 402): "an account without credits",
    ("post", 403): "a model that the key may not use",
}
"""Answers that nobody can make happen where money is real; the checks that need them are then not judged."""
LEAST = 0.95
DIRECTED = (Layer.BEHAVIOUR, Layer.CALLBACK)


def is_told(mutant: Mutant) -> bool:
    """Whether the document says that this must not be."""
    name = mutant.place[-1]
    return not (mutant.how == "shift" and (name in FREE or f"shift {name}" in UNTOLD))


def is_met(mutant: Mutant) -> bool:
    return (mutant.method, mutant.status) not in OUT_OF_REACH


def steered(bad: Bad, folder: Path) -> Report:
    """A run against a mock, which ends at the first finding: nobody has to look further."""
    with (
        served(bad, folder) as url,
        opened(Options(settings=Settings(url=url), layers=DIRECTED, quick=True)) as run,
    ):
        return judge_server(run, lambda *_: _stop_if_found(run))


def as_live(bad: Bad, folder: Path) -> Report:
    return judged_as_live(bad, folder, task_s=0.3, poll_s=0.05, tell=_stop_if_found).report


def _stop_if_found(run: Run) -> None:
    if any(one.finding for one in run.judge.results()):
        raise SilentServerError("found")


JUDGES = {"steered": steered, "as live": as_live}


def found(mutant: Mutant, folder: Path, how: str) -> bool:
    report = JUDGES[how](Bad(mutant.name, "", hook=mutant.hook), folder)
    assert not [one.reason for one in report.results if "the judge failed" in one.reason]
    return bool(report.of(Outcome.BROKEN) or report.of(Outcome.WARNED))


TOLD = {how: [one for one in mutants() if is_told(one) and (how == "steered" or is_met(one))] for how in JUDGES}
FEW = TOLD["steered"][:: len(TOLD["steered"]) // 4]


@pytest.mark.parametrize("mutant", FEW, ids=[one.name for one in FEW])
def test_a_few_mutants_are_found(mutant: Mutant, tmp_path: Path) -> None:
    assert found(mutant, tmp_path, "steered")


@pytest.mark.long
@pytest.mark.parametrize("how", JUDGES)
def test_the_mutation_score(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = TOLD[how]
    survivors = [one.name for one in told if not found(one, tmp_path, how)]
    score = 1 - len(survivors) / len(told)
    with capsys.disabled():
        print(f"\n{how}: {score:.3f} of {len(told)} mutants; survivors: {survivors or 'none'}")  # noqa: T201
    assert score >= LEAST
