"""A report as people and machines read it: a summary on the console, and the whole of it as JSON."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from contract_tests.report import Report

Tell = Callable[[str, int, int], None]
_Command = TypeVar("_Command", bound=Callable[..., Any])


def report_options(command: _Command) -> _Command:
    """Adds `--json`."""
    return click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))(command)


def publish(report: Report, *, json_file: Path | None = None) -> None:
    """Print the summary and write the file."""
    for result in report.results:
        click.echo(f"{result.outcome:10} {result.check.id} ({result.times}) {result.reason}".rstrip())
        if result.finding is not None:
            told = (f"received: {result.finding.received}", *result.finding.notes, result.finding.replay)
            click.echo("".join(f"    {line}\n" for line in told), nl=False)
    click.echo(f"seed {report.seed}, {report.elapsed_s:.1f} s, {report.facts} {report.aborted}".rstrip())
    if json_file is not None:
        json_file.write_text(json.dumps(asdict(report), default=str), "utf-8")


@contextmanager
def progress(title: str) -> Iterator[Tell]:
    """Says what is judged, on stderr."""
    yield lambda text, done, total: click.echo(f"{title}: {text} ({done} of {total})", err=True)
