"""What every format says in the same words: the verdict, the case as lines, the counts, why a check is not judged."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from contract_tests.check import Evidence
from contract_tests.exchange import Exchange
from contract_tests.judge import Finding, Outcome
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS, Report

VERDICTS = {HOLDS: "holds", BROKEN: "broken", COULD_NOT_JUDGE: "could not judge"}
FOUND = (Outcome.BROKEN, Outcome.WARNED, Outcome.ACCEPTED)
"""What does not hold, the worst first."""
_ONE_LINE = 160
_FEW = 2
"""So many alike are shown one by one."""
_OWN = re.compile(r"task-unified-[\w-]+|\d+")
"""What differs between requests that are alike."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why these checks are not judged, and what would make them so; `remedy` may be empty."""

    text: str
    remedy: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A request of a case as a curl line, or in words what is like the one before; and what came back."""

    number: str
    request: str
    answer: str
    is_curl: bool = True


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
    judged = found[Outcome.HELD] + found[Outcome.BROKEN] + found[Outcome.WARNED]
    others = [f", {found[one]} {one}" for one in (Outcome.WARNED, Outcome.ACCEPTED) if found[one]]
    early = f"; the run ended early: {report.aborted}" if report.aborted else ""
    if report.exit_code == BROKEN:
        return f"Broken: {found[Outcome.BROKEN]} of {_checks(judged)}{''.join(others)}{early}"
    if report.exit_code == HOLDS:
        return f"Holds: {_checks(judged)}, judged {times(report):,} times{''.join(others)}"
    return f"Could not judge: {report.aborted or 'nothing in this run came to any check'}"


def promised(finding: Finding) -> str:
    """What stands before that which was received should have been: the document's word, or another's."""
    return "documented" if finding.check.evidence is Evidence.DOCUMENTED else "expected"


def contrast(finding: Finding) -> list[tuple[str, str]]:
    """What was received against what was allowed, as label and text: in one line where they are short. Nothing is
    allowed in other words where that would only repeat the promise."""
    received = finding.received or "nothing"
    if finding.documented == finding.check.promise:
        return [("received", received)]
    label = promised(finding)
    line = f"{received}  |  {label}: {finding.documented}"
    if len(line) <= _ONE_LINE and "\n" not in line:
        return [("received", line)]
    return [("received", received), (label, finding.documented)]


def case_lines(finding: Finding) -> Iterator[Line]:
    """The shortest case: each request as a curl line and what came back; many that are alike in two lines."""
    number = 1
    for _, group in groupby(finding.steps, _alike):
        alike = list(group)
        for step in alike if len(alike) <= _FEW else alike[:1]:
            yield Line(f"{number}", step.curl(), step.answer_line())
            number += 1
        if len(alike) > _FEW:
            last = number + len(alike) - 2
            same = len({(step.url, step.request_body) for step in alike}) == 1
            words = "the same again" if same else "the same, but for its ids and numbers"
            yield Line(f"{number}-{last}", words, _answers(alike[1:]), is_curl=False)
            number = last + 1


def reasons(report: Report) -> list[Reason]:
    """Why checks are not judged, the reason of most of them first."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for result in report.of(Outcome.NOT_JUDGED):
        grouped.setdefault((result.reason, result.remedy), []).append(result.check.id)
    found = [Reason(text, remedy, tuple(checks)) for (text, remedy), checks in grouped.items()]
    return sorted(found, key=lambda reason: -len(reason.checks))


def _alike(step: Exchange) -> tuple[str, ...]:
    types = (value for name, value in step.request_headers.items() if name.lower() == "content-type")
    return (step.method, _OWN.sub("#", step.url), _OWN.sub("#", step.request_body), *types)


def _answers(steps: list[Exchange]) -> str:
    """Each different answer, and how many there were of it."""
    found = Counter(_OWN.sub("#", step.answer_line()).strip() for step in steps)
    shown = {_OWN.sub("#", step.answer_line()).strip(): step.answer_line().strip() for step in reversed(steps)}
    return "; ".join(f"{count} x {shown[answer]}" for answer, count in found.items())


def _checks(number: int) -> str:
    return f"{number} check" if number == 1 else f"{number} checks"
