"""The report as JSON; its shape is report.schema.json."""

from typing import Any

import msgspec

from contract_tests.exchange import Exchange
from contract_tests.judge import Finding, Result
from contract_tests.report import Report
from contract_tests.reporting.words import VERDICTS, counts, reasons, times, verdict

VERSION = 1
"""Of the shape: counted up when a reader of the former one would go wrong."""


def as_json(report: Report) -> str:
    """A clean report as JSON text."""
    return msgspec.json.format(msgspec.json.encode(_report(report))).decode() + "\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "version": VERSION,
        "verdict": VERDICTS[report.exit_code],
        "summary": verdict(report),
        "exit_code": report.exit_code,
        "title": report.title,
        "subject": report.subject,
        "aborted": report.aborted,
        "started": report.started.isoformat(),
        "elapsed_s": report.elapsed_s,
        "seed": report.seed,
        "facts": report.facts,
        "counts": {outcome.replace(" ", "_"): number for outcome, number in counts(report).items()},
        "times": times(report),
        "not_judged": [
            {"reason": reason.text, "remedy": reason.remedy, "checks": reason.checks} for reason in reasons(report)
        ],
        "checks": [_check(result) for result in report.results],
    }


def _check(result: Result) -> dict[str, Any]:
    check = result.check
    shown: dict[str, Any] = {
        "id": check.id,
        "layer": check.layer,
        "promise": check.promise,
        "source": check.source,
        "evidence": check.evidence,
        "outcome": result.outcome,
        "times": result.times,
    }
    if result.reason:
        shown["reason"] = result.reason
    if result.remedy:
        shown["remedy"] = result.remedy
    if result.finding is not None:
        shown["finding"] = _finding(result.finding)
    return shown


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "when": finding.when,
        "received": finding.received,
        "documented": finding.documented,
        "steps": [_step(step) for step in finding.steps],
        "notes": finding.notes,
        "replay": finding.replay,
    }


def _step(step: Exchange) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(step)
    return shown | {"curl": step.curl()}
