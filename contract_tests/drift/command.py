"""`contract-tests drift`: what recordings of a live service contradict, and what the document should say."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from contract_tests.check import Layer, checks
from contract_tests.contract.document import contract_document
from contract_tests.drift.drift import Drift, against_document, concerned
from contract_tests.drift.overlay import proposed
from contract_tests.drift.recording import Recording
from contract_tests.drift.rehearsal import against_fake
from contract_tests.drift.source import RecordingError, Source, load
from contract_tests.report import BROKEN, COULD_NOT_JUDGE, HOLDS
from contract_tests.reporting import FileToWrite
from contract_tests.reporting.clean import printable

_NAMES = 3
"""Files that a line names."""


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--overlay",
    type=FileToWrite(),
    metavar="FILE",
    help="Write the proposed change to the document here, as an OpenAPI overlay.",
)
def drift(source: Path, overlay: Path | None) -> None:
    """Compare the recordings in SOURCE with the document and with the fake.

    Recordings are what `contract-tests server URL --record DIRECTORY` keeps; an HTTP archive (HAR) of a browser or a
    proxy; a cassette of vcrpy, Ruby's VCR or PHP-VCR; or a folder of any of these. Exit codes: 0 no drift, 1 drift,
    2 a file that is no recording, 3 no recordings.
    """
    document = contract_document()
    loaded = _loaded(source, document)
    recordings = loaded.recordings
    found = against_document(recordings, document)
    profile, differing = against_fake(recordings, document)
    console = Console()
    _say(console, f"{len(recordings)} recordings, compared with the document and with the fake ({profile})")
    if loaded.others:
        _say(console, f"left out: what was exchanged with {_hosts(loaded)}, which no operation of the document is of")
    if loaded.unkept:
        _say(console, f"left out: {loaded.unkept} answers whose bodies the archive did not keep")
    for one in (*found, *_news(differing, found)):
        _tell(console, one)
    change = proposed(found, document, _seen(recordings))
    if any(one.proposal for one in found):
        _propose(console, change, overlay)
    elif overlay is not None:
        _say(console, f"\nThere is no change to propose; {overlay} is not written.\n")
    drifted = len(found) + len(_news(differing, found))
    _say(console, f"Drift: {drifted}" if drifted else "No drift", "bold red" if drifted else "bold green")
    sys.exit(BROKEN if drifted else HOLDS)


def _loaded(source: Path, document: dict[str, Any]) -> Source:
    try:
        loaded = load(source, document)
    except RecordingError as error:
        raise click.BadParameter(f"{error}") from error
    if not loaded.recordings:
        of_others = f" of an operation of the document, only of {_hosts(loaded)}" if loaded.others else ""
        unkept = f": of {loaded.unkept} answers the archive did not keep the bodies" if loaded.unkept else ""
        click.echo(f"Could not judge: there are no recordings in {source}{of_others}{unkept}", err=True)
        sys.exit(COULD_NOT_JUDGE)
    return loaded


def _hosts(loaded: Source) -> str:
    """Those of other APIs, the most asked first."""
    named = [f"{host} ({count})" for host, count in loaded.others.most_common(_NAMES)]
    more = len(loaded.others) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _news(differing: tuple[Drift, ...], found: tuple[Drift, ...]) -> tuple[Drift, ...]:
    """How the fake differs where the document, which drives it, was not contradicted already."""
    contradicted = {(name, one.place) for one in found for name in one.recordings}
    whole = {name for one in found if one.place in ("", "error.code") for name in one.recordings}
    return tuple(
        one
        for one in differing
        if not all(name in whole or (name, one.place) in contradicted for name in one.recordings)
    )


def _tell(console: Console, one: Drift) -> None:
    at = f", {one.place}" if one.place else ""
    more = len(one.recordings) - _NAMES
    shown = ", ".join(one.recordings[:_NAMES]) + (f" and {more} more" if more > 0 else "")
    _say(console, "")
    _say(console, f"{one.kind}: {one.operation}, {one.status}{at}", "bold")
    _say(console, f"  received    {one.received}")
    _say(console, f"  documented  {one.documented}")
    _say(console, f"  seen in     {shown}")
    for check in concerned(one, checks(*Layer)):
        _say(console, f"  concerns    {check.id} ({check.evidence}): {check.promise}")


def _propose(console: Console, change: str, overlay: Path | None) -> None:
    if overlay is not None:
        overlay.write_text(change, "utf-8")
        _say(console, f"\nThe proposed change to the document is in {overlay}.\n")
        return
    _say(console, "\nProposed change to the document:\n")
    _say(console, change)


def _seen(recordings: dict[str, Recording]) -> date:
    """The day of the latest recording."""
    return max(one.run for one in recordings.values()).date()


def _say(console: Console, text: str, style: str = "") -> None:
    writable = printable(text).encode(console.encoding, "backslashreplace").decode(console.encoding)
    console.print(Text(writable, style), soft_wrap=True)
