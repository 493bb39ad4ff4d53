"""What every format says in the same words: the verdict, the case as lines, the counts."""

from collections import Counter
from collections.abc import Iterator

from contract_tests.check import Evidence
from contract_tests.judge import Finding, Outcome
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS, Report

VERDICTS = {HOLDS: "holds", BROKEN: "broken", COULD_NOT_JUDGE: "could not judge"}


def counts(report: Report) -> dict[Outcome, int]:
    """How many checks had each outcome."""
    found = Counter(result.outcome for result in report.results)
    return {outcome: found[outcome] for outcome in Outcome}


def times(report: Report) -> int:
    """How often anything was judged."""
    return sum(result.times for result in report.results)


def verdict(report: Report) -> str:
    """The run in one line."""
    found = counts(report)
    judged = sum(found.values()) - found[Outcome.NOT_JUDGED]
    warned = f", {found[Outcome.WARNED]} warned" if found[Outcome.WARNED] else ""
    early = f"; the run ended early: {report.aborted}" if report.aborted else ""
    if report.exit_code == BROKEN:
        return f"Broken: {found[Outcome.BROKEN]} of {_checks(judged)}{warned}{early}"
    if report.exit_code == HOLDS:
        return f"Holds: {_checks(judged)}, judged {times(report):,} times{warned}"
    return f"Could not judge: {report.aborted or 'nothing in this run came to any check'}"


def promised(finding: Finding) -> str:
    """What stands before that which was received should have been: the document's word, or another's."""
    return "documented" if finding.check.evidence is Evidence.DOCUMENTED else "expected"


def case_lines(finding: Finding) -> Iterator[tuple[str, str]]:
    """The shortest case: each request as a curl line, and what came back."""
    for step in finding.steps:
        yield step.curl(), step.answer_line()


def _checks(number: int) -> str:
    return f"{number} check" if number == 1 else f"{number} checks"
