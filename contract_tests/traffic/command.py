"""`contract-tests traffic URL|FILE`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from contract_tests.check import Layer
from contract_tests.contract.options import contract_from, spec_options
from contract_tests.exchange import redacted
from contract_tests.report import COULD_NOT_JUDGE, EXIT_CODES
from contract_tests.reporting import publish, report_options
from contract_tests.traffic.judging import judge_traffic
from contract_tests.traffic.source import Traffic, UnreadableError, of_file, of_url


@click.command(epilog=EXIT_CODES)
@click.argument("source", metavar="URL|FILE")
@spec_options
@click.option("--control-token", envvar="MOCKSERVER_SERVE_CONTROL_TOKEN", help="Token of the mock's control API.")
@report_options(Layer.CLIENT)
def traffic(
    source: str, *, specs: tuple[Path, ...], model: str | None, control_token: str | None, **reports: Any
) -> None:
    """Judge whatever has talked to the mock at URL: a service, or a test suite in any language.

    The journal of the mock tells, grouped by key and task; FILE is a saved answer of `GET /_mock/requests`. Judge
    before the mock is reset. What only the end of a program could tell is not judged here: `contract-tests client`
    does that. One key for each test tells requests of tests apart that look the same.
    """
    contract = contract_from(specs, model)
    try:
        seen = replace(_seen(source, control_token), contract=contract)
    except UnreadableError as error:
        click.echo(f"Could not judge: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_JUDGE) from None
    report = publish(judge_traffic(seen, redacted(source)), **reports)
    raise click.exceptions.Exit(report.exit_code)


def _seen(source: str, token: str | None) -> Traffic:
    if source.startswith(("http://", "https://")):
        return of_url(source, token)
    path = Path(source)
    if not path.is_file():
        raise click.UsageError(f"received {source!r}; allowed: the http address of a mock, or a file")
    return of_file(path)
