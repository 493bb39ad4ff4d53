"""The mutation score of the documented answers: each property dropped, retyped or changed is found, but for those
that nothing promises; and no mutant is without a report. On a mock that is steered, and as the live API is judged."""

from pathlib import Path

import pytest

from contract_tests.check import Layer
from contract_tests.judge import Outcome
from contract_tests.server.run import Options, judge_server, opened
from contract_tests.server.talk.target import Settings, SilentServerError
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
LEAST = 0.95


def is_told(mutant: Mutant) -> bool:
    """Whether the document says that this must not be."""
    name = mutant.place[-1]
    return not (mutant.how == "shift" and (name in FREE or f"shift {name}" in UNTOLD))


def found(mutant: Mutant, folder: Path, *, as_live: bool = False) -> bool:
    """Whether a run finds it, as far as it has to go for that."""
    bad = Bad(mutant.name, "", hook=mutant.hook)
    report = judged_as_live(bad, folder, task_s=0.3, layers=LAYERS, tell=stop).report if as_live else steered(bad, folder)
    assert not [one.reason for one in report.results if "the judge failed" in one.reason]
    return bool(report.of(Outcome.BROKEN, Outcome.WARNED))


FEW = [one for one in mutants() if is_told(one)][:: len([*mutants()]) // 4]


@pytest.mark.parametrize("mutant", FEW, ids=[one.name for one in FEW])
def test_a_few_mutants_are_found(mutant: Mutant, tmp_path: Path) -> None:
    assert found(mutant, tmp_path)


@pytest.mark.long
def test_the_mutation_score(tmp_path: Path) -> None:
    told = [one for one in mutants() if is_told(one)]
    survivors = [one.name for one in told if not found(one, tmp_path)]
    assert 1 - len(survivors) / len(told) >= LEAST, survivors
