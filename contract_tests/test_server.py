"""The checks of servers as tests: one for each talk with the server, and one for the schema layer."""

import time

import pytest

from contract_tests.judge import Judge, Outcome, Result
from contract_tests.server.course import all_probes
from contract_tests.server.run import EXAMPLES, Run
from contract_tests.server.schema import judge_schema

_SCHEMA_S = 120


@pytest.mark.parametrize("name", [one.name for one in all_probes()])
def test_server(name: str, evolink_run: Run) -> None:
    (probe,) = (one for one in all_probes() if one.name == name)
    probe.run(evolink_run.setting(), evolink_run.missing)
    _tell(evolink_run.judge, frozenset(probe.judges))


def test_schema(evolink_run: Run) -> None:
    judge_schema(evolink_run.setting(), evolink_run.missing, EXAMPLES, time.monotonic() + _SCHEMA_S)
    _tell(evolink_run.judge, frozenset(one.id for one in evolink_run.judge.checks if one.id.startswith("SCHEMA-")))


def _tell(judge: Judge, asked: frozenset[str]) -> None:
    """Fail for what is broken, skip where nothing could be judged."""
    results = [result for result in judge.results() if result.check.id in asked]
    if broken := [_shown(result) for result in results if result.outcome is Outcome.BROKEN]:
        pytest.fail("\n\n".join(broken), pytrace=False)
    if results and all(result.outcome is Outcome.NOT_JUDGED for result in results):
        pytest.skip(results[0].reason)


def _shown(result: Result) -> str:
    finding = result.finding
    if finding is None:
        raise AssertionError("a broken check has its finding")
    steps = (f"  {step.curl()}\n  -> {step.answer_line()}" for step in finding.steps)
    told = (
        f"{result.check.id}: {result.check.promise}\n  received {finding.received}\n  documented {finding.documented}"
    )
    return "\n".join((told, f"  source {result.check.source} ({result.check.evidence})", *steps))
