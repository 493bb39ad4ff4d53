"""`contract-tests receiver URL`."""

import secrets
import shlex
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from contract_tests.check import Layer
from contract_tests.contract.options import contract_from, spec_options, spec_words
from contract_tests.receiver.bounds import Bounds
from contract_tests.receiver.delivery import UnfitUrlError, fit
from contract_tests.receiver.grid import CASES as GRID
from contract_tests.receiver.hooks import (
    Hooks,
    failed_by_command,
    state_of_command,
    state_of_url,
    told_by_command,
)
from contract_tests.receiver.replay import replay_of, variable
from contract_tests.receiver.run import CASES, judge_receiver
from contract_tests.receiver.sequences import CaseError, case_of
from contract_tests.report import EXIT_CODES
from contract_tests.reporting import Number, progress, publish, report_options


def _address(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        return fit(value)
    except UnfitUrlError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _program(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A program and its arguments, quoted as for a shell."""
    try:
        words = None if value is None else shlex.split(value)
    except ValueError as error:
        raise click.BadParameter(f"received {value!r}: {error}", ctx, param) from None
    if words == []:
        raise click.BadParameter("received nothing; needed: a program", ctx, param)
    return value


def _cases(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the grid, or texts of sequences."""
    for name in names:
        if name not in GRID and ":" not in name:
            near = get_close_matches(name, GRID, 1)
            hint = f"; did you mean {near[0]}?" if near else "; --list names them"
            raise click.BadParameter(f"received {name!r}, which is no case{hint}", ctx, param)
        try:
            _ = name in GRID or case_of(name)
        except CaseError as error:
            raise click.BadParameter(str(error), ctx, param) from None
    return names


def _list(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        width = max(map(len, GRID))
        for name, probe in GRID.items():
            click.echo(f"{name:{width}}  {probe.line}")
        ctx.exit()


@click.command(epilog=EXIT_CODES)
@click.argument("url", callback=_address, envvar=variable("url"))
@spec_options
@click.option("--state-url", help="A GET here tells the receiver's state: what it has done for which task.")
@click.option("--state-command", callback=_program, metavar="COMMAND", help="The state is what this prints.")
@click.option(
    "--before",
    callback=_program,
    metavar="COMMAND",
    help="Run before a task's first callback, with its id in EVOLINK_TASK_ID.",
)
@click.option(
    "--fail-command", callback=_program, metavar="COMMAND", help="Makes the receiver fail the next callback, once."
)
@click.option("--profile", type=click.Choice(["documented", "observed"]), default="documented", show_default=True)
@click.option("--seed", type=click.IntRange(0), help="Decides the drawn sequences; drawn itself if absent.")
@click.option(
    "--case", "only", multiple=True, callback=_cases, metavar="NAME", help="Only this one, of --list; repeatable."
)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Name the cases.")
@click.option("--cases", type=click.IntRange(1, 1_000), default=CASES, show_default=True, help="Drawn sequences.")
@click.option(
    "--timeout",
    type=Number(0, 60, min_open=True),
    default=Bounds().timeout_s,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option(
    "--settle",
    type=Number(0, 60),
    default=Bounds().settle_s,
    show_default=True,
    help="Seconds that the receiver may work on after its answer, before its state is read.",
)
@click.option(
    "--max-seconds",
    type=Number(1, 86_400),
    default=Bounds().run_s,
    show_default=True,
    help="No new case begins after this; cut short, nothing passes.",
)
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Authorities to trust for https."
)
@report_options(Layer.RECEIVER)
def receiver(  # noqa: PLR0913 - one for each option
    url: str,
    *,
    specs: tuple[Path, ...],
    model: str | None,
    state_url: str | None,
    state_command: str | None,
    before: str | None,
    fail_command: str | None,
    profile: str,
    seed: int | None,
    only: tuple[str, ...],
    cases: int,
    timeout: float,
    settle: float,
    max_seconds: float,
    ca_file: Path | None,
    **files: Any,
) -> None:
    """Judge the callback receiver at URL: https, or http on this machine.

    It gets callbacks of every kind, duplicates, unknown tasks and fields, many at once, in any order, too slowly, too
    large, and garbage; first by name (--list), then in drawn sequences. Tasks are made up, with new ids in every run.
    Whether an effect came once, or got lost, only its state can tell: without --state-url or --state-command those
    checks are not judged. Leave out of it what changes by itself, such as the time; and let nobody else use the
    receiver meanwhile.
    """
    if state_url and state_command:
        raise click.UsageError("received --state-url and --state-command; allowed: one of them")
    contract = contract_from(specs, model)
    if contract.requests.callback is None:
        raise click.UsageError(f"{contract.source} has no field that says where to report the end: nobody calls back")
    given = {
        "profile": profile if profile != "documented" else None,
        "state-url": state_url,
        "state-command": state_command,
        "before": before,
        "fail-command": fail_command,
        "ca-file": str(ca_file) if ca_file else None,
        "timeout": f"{timeout:g}" if timeout != Bounds().timeout_s else None,
        "settle": f"{settle:g}" if settle != Bounds().settle_s else None,
    }
    hooks = Hooks(
        state=state_of_url(state_url) if state_url else state_of_command(state_command) if state_command else None,
        before=told_by_command(before) if before else None,
        fail=failed_by_command(fail_command) if fail_command else None,
    )
    with progress("Receiver") as tell:
        report = judge_receiver(
            url,
            seed=secrets.randbelow(2**32) if seed is None else seed,
            profile=profile,
            cases=cases,
            only=only,
            replay=lambda case: replay_of(case, url, given, spec_words(specs, model)),
            contract=contract,
            hooks=hooks,
            bounds=Bounds(timeout_s=timeout, settle_s=settle, run_s=max_seconds),
            ca_file=str(ca_file) if ca_file else None,
            tell=tell,
        )
    report = publish(report, **files)
    raise click.exceptions.Exit(report.exit_code)
