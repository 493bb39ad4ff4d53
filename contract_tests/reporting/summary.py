"""The summary on the console: the verdict, what is broken and how to see it again, what was judged, the verdict."""

from collections import Counter
from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract_tests.check import Layer
from contract_tests.exchange import cut
from contract_tests.judge import Finding, Outcome, Result
from contract_tests.report import BROKEN, HOLDS, Report
from contract_tests.reporting.words import FOUND, case_lines, contrast, reasons, times, verdict

_STYLES = {
    Outcome.HELD: "green",
    Outcome.BROKEN: "bold red",
    Outcome.WARNED: "yellow",
    Outcome.ACCEPTED: "cyan",
    Outcome.NOT_JUDGED: "dim",
}
_FIRST, _LAST = 4, 8
"""Lines of a case that the console shows, of its beginning and of its end, where the finding is; the files show
all."""
_LINE = 2_000
"""Characters of one thing that the console shows."""
_NAMES = 6
"""Checks that one reason names; the files name all."""
_LABEL = 12


def print_summary(report: Report, console: Console) -> None:
    """Print a clean report. Lines are never broken, so that a curl line can be copied."""
    _print_verdict(report, console)
    _say(console, f"{report.title}: {report.subject}", "bold")
    for name, fact in report.facts.items():
        _say(console, f"  {name}: {fact}", "dim")
    for outcome in FOUND:
        for result in report.of(outcome):
            _print_finding(result, console)
    if times(report) or not report.aborted:
        _say(console, "")
        for line in _not_judged(report):
            _say(console, line, "dim")
    if times(report):
        console.print(_table(report))
        _print_verdict(report, console)


def _print_verdict(report: Report, console: Console) -> None:
    """First, for whoever reads from the top; and last, where a console has stopped."""
    style = {HOLDS: "bold green", BROKEN: "bold red"}.get(report.exit_code, "bold yellow")
    _say(console, f"{verdict(report)}  ({report.elapsed_s:.1f} s, seed {report.seed})", style)


def _print_finding(result: Result, console: Console) -> None:
    _say(console, "")
    _say(console, f"{result.outcome.upper()} {result.check.id}: {result.check.promise}", _STYLES[result.outcome])
    if result.reason:
        _say(console, f"  {'accepted':<{_LABEL}}{result.reason}")
    if result.finding is not None:
        for label, text in _lines(result, result.finding):
            shown = cut(text, _LINE).replace("\n", "\n" + " " * (_LABEL + 2))
            _say(console, f"  {label:<{_LABEL - 1}} {shown}")


def _lines(result: Result, finding: Finding) -> Iterator[tuple[str, str]]:
    """What a finding says, as label and text."""
    for line in finding.when:
        yield "when", line
    yield from contrast(finding)
    yield "source", f"{result.check.source} ({result.check.evidence})"
    for note in finding.notes:
        yield "note", note
    steps = list(case_lines(finding))
    left_out = len(steps) - _FIRST - _LAST
    for place, step in enumerate(steps):
        if place == _FIRST and left_out > 0:
            yield "", f"... ({left_out} more requests)"
        if place < _FIRST or place >= _FIRST + left_out:
            yield f"request {step.number}", step.request
            yield "", f"-> {step.answer}"
    if finding.replay:
        yield "replay", finding.replay


def _table(report: Report) -> Table:
    table = Table("layer", box=SIMPLE, pad_edge=False)
    for name in (*Outcome, "times judged"):
        table.add_column(str(name), justify="right")
    for layer in Layer:
        if results := [result for result in report.results if result.check.layer is layer]:
            found = Counter(result.outcome for result in results)
            cells = [Text(f"{found[outcome]}", _STYLES[outcome] if found[outcome] else "dim") for outcome in Outcome]
            table.add_row(str(layer), *cells, f"{sum(result.times for result in results):,}")
    return table


def _not_judged(report: Report) -> Iterator[str]:
    """The checks that were not judged, by their reason, and what would make them judged."""
    for reason in reasons(report):
        more = len(reason.checks) - _NAMES
        names = ", ".join(reason.checks[:_NAMES]) + (f" and {more} more" if more > 0 else "")
        yield f"not judged: {names}: {reason.text}"
        if reason.remedy:
            yield f"  to have {'it' if len(reason.checks) == 1 else 'them'} judged: {reason.remedy}"


def _say(console: Console, text: str, style: str = "") -> None:
    """Plain text, whatever stands in it: no markup, no emoji codes, nothing that the console can't encode."""
    writable = text.encode(console.encoding, "backslashreplace").decode(console.encoding)
    console.print(Text(writable, style), soft_wrap=True)
