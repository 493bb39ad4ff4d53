"""Publishing a report: the summary on the console, then the files that were asked for."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.reporting.clean import clean
from contract_tests.reporting.har import as_har
from contract_tests.reporting.html import as_html
from contract_tests.reporting.json_report import as_json
from contract_tests.reporting.junit import as_junit
from contract_tests.reporting.summary import print_summary

_NOTHING: Mapping[str, str] = {}


def publish(
    report: Report,
    *,
    junit: Path | None = None,
    json_file: Path | None = None,
    html: Path | None = None,
    har: Path | None = None,
    accepted: Mapping[str, str] = _NOTHING,
    console: Console | None = None,
) -> Report:
    """Print the summary on stdout and write these files, each whole or not at all. No secret gets out.

    `accepted` says why the findings of which checks are; the report that is published has them so, and is returned.
    What can't be written is told on stderr, and costs neither the verdict nor the other files.
    """
    report = _accepting(report, accepted)
    shown = clean(report)
    print_summary(shown, console or Console())
    for path, written in ((junit, as_junit), (json_file, as_json), (html, as_html), (har, as_har)):
        if path is not None:
            _write(path, written(shown))
    return report


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        click.echo(f"{path} can't be written: {error.strerror}", err=True)


def _accepting(report: Report, accepted: Mapping[str, str]) -> Report:
    """What was accepted and found nothing is told too: then it need not be accepted any longer."""
    held = [result.check.id for result in report.of(Outcome.HELD) if result.check.id in accepted]
    facts = report.facts | ({"accepted, but held": ", ".join(held)} if held else {})
    return replace(report.accepting(accepted), facts=facts)


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place and move it there: nobody ever reads half of it. A pipe is written as it is."""
    if path.exists() and not path.is_file():
        path.write_text(text, "utf-8")
        return
    place = path.resolve()
    part = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
