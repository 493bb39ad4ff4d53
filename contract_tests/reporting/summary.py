"""The summary on the console: what is broken and how to see it again, then what was judged, then the verdict."""

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
from contract_tests.reporting.words import case_lines, promised, times, verdict

_STYLES = {Outcome.HELD: "green", Outcome.BROKEN: "bold red", Outcome.WARNED: "yellow", Outcome.NOT_JUDGED: "dim"}
_STEPS = 12
"""Steps of a case that the console shows; the files show all."""
_LINE = 2_000
"""Characters of one thing that the console shows."""
_LABEL = 12


def print_summary(report: Report, console: Console) -> None:
    """Print a clean report. Lines are never broken, so that a curl line can be copied."""
    _say(console, f"{report.title}: {report.subject}", "bold")
    for name, fact in report.facts.items():
        _say(console, f"  {name}: {fact}", "dim")
    for result in (*report.of(Outcome.BROKEN), *report.of(Outcome.WARNED)):
        _print_finding(result, console)
    if times(report):
        _say(console, "")
        console.print(_table(report))
        for line in _not_judged(report):
            _say(console, line, "dim")
    style = {HOLDS: "bold green", BROKEN: "bold red"}.get(report.exit_code, "bold yellow")
    _say(console, f"{verdict(report)}  ({report.elapsed_s:.1f} s, seed {report.seed})", style)


def _print_finding(result: Result, console: Console) -> None:
    _say(console, "")
    _say(console, f"{result.outcome.upper()} {result.check.id}: {result.check.promise}", _STYLES[result.outcome])
    if result.finding is not None:
        for label, text in _lines(result, result.finding):
            shown = cut(text, _LINE).replace("\n", "\n" + " " * (_LABEL + 2))
            _say(console, f"  {label:<{_LABEL}}{shown}")


def _lines(result: Result, finding: Finding) -> Iterator[tuple[str, str]]:
    """What a finding says, as label and text."""
    for line in finding.when:
        yield "when", line
    yield "received", finding.received
    yield promised(finding), finding.documented
    yield "source", f"{result.check.source} ({result.check.evidence})"
    for note in finding.notes:
        yield "note", note
    for number, (request, answer) in enumerate(case_lines(finding), 1):
        if number > _STEPS:
            yield "", f"... ({len(finding.steps) - _STEPS} more requests)"
            break
        yield f"request {number}", request
        yield "", f"-> {answer}"
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
    """The checks that were not judged, by their reason."""
    reasons: dict[str, list[str]] = {}
    for result in report.of(Outcome.NOT_JUDGED):
        reasons.setdefault(result.reason, []).append(result.check.id)
    for reason, names in reasons.items():
        yield f"not judged: {', '.join(names)}: {reason}"


def _say(console: Console, text: str, style: str = "") -> None:
    """Plain text, whatever stands in it: no markup, no emoji codes, nothing that the console can't encode."""
    writable = text.encode(console.encoding, "backslashreplace").decode(console.encoding)
    console.print(Text(writable, style), soft_wrap=True)
