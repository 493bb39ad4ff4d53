"""The report as one page for people: no script, no request to anywhere."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from contract_tests.check import Layer
from contract_tests.judge import Outcome, Result
from contract_tests.report import Report
from contract_tests.reporting.words import VERDICTS, Line, case_lines, contrast, counts, reasons, times, verdict


def as_html(report: Report) -> str:
    """A clean report as HTML text."""
    return _template().render(
        report=report,
        verdict=verdict(report),
        state=VERDICTS[report.exit_code],
        counts=counts(report),
        times=times(report),
        findings=report.of(Outcome.BROKEN) + report.of(Outcome.WARNED),
        accepted=report.of(Outcome.ACCEPTED),
        reasons=reasons(report),
        layers=_layers(report),
        case_lines=case_lines,
        contrast=contrast,
        needs_key=_needs_key,
    )


def _needs_key(lines: list[Line]) -> bool:
    """Whether a reader who repeats them has to have the key."""
    return any(line.is_curl and "$EVOLINK_API_KEY" in line.request for line in lines)


def _layers(report: Report) -> dict[str, list[Result]]:
    """The results of each layer that has any."""
    grouped = {str(layer): [result for result in report.results if result.check.layer is layer] for layer in Layer}
    return {layer: results for layer, results in grouped.items() if results}


@cache
def _template() -> Template:
    environment: Any = Environment(
        loader=PackageLoader("contract_tests.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = _coded
    template: Template = environment.get_template("report.html.j2")
    return template


def _coded(text: str) -> Markup:
    """Text of the list of checks, with what stands between `backticks` as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = (
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )
    return Markup().join(shown)
