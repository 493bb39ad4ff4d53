"""Publishing a report: the summary on the console, then the files that were asked for."""

import secrets
from pathlib import Path

from rich.console import Console

from contract_tests.report import Report
from contract_tests.reporting.clean import clean
from contract_tests.reporting.har import as_har
from contract_tests.reporting.html import as_html
from contract_tests.reporting.json_report import as_json
from contract_tests.reporting.junit import as_junit
from contract_tests.reporting.summary import print_summary


def publish(
    report: Report,
    *,
    junit: Path | None = None,
    json_file: Path | None = None,
    html: Path | None = None,
    har: Path | None = None,
    console: Console | None = None,
) -> None:
    """Print the summary on stdout and write these files, each whole or not at all. No secret gets out.

    Raises OSError where a file can't be written; the summary is printed by then.
    """
    shown = clean(report)
    print_summary(shown, console or Console())
    for path, written in ((junit, as_junit), (json_file, as_json), (html, as_html), (har, as_har)):
        if path is not None:
            write_whole(path, written(shown))


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
