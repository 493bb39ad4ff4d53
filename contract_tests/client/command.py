"""`contract-tests client -- COMMAND`."""

import secrets
import shlex
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.deviation import BehaviourError
from contract_tests.client.behaviours.grid import behaviour_of, cells, name_of, named
from contract_tests.client.campaign import Campaign, NoClientError
from contract_tests.client.processes import Processes
from contract_tests.client.stage import POLLS, scaled
from contract_tests.contract.options import contract_from, spec_options, spec_words
from contract_tests.contract.silence import of_clients
from contract_tests.judge import Judge
from contract_tests.report import EXIT_CODES, Report
from contract_tests.reporting import Number, progress, publish, report_options

TITLE = "Client"
_WHERE = "EVOLINK_BASE_URL tells it where (or --intercept leads it), EVOLINK_API_KEY with which key."
TIME_LIMIT_S = 30.0


def _list(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        width = max(map(len, named()))
        for name, behaviour in named().items():
            click.echo(f"{name:{width}}  {'; '.join(behaviour.lines)}")
        context.exit()


def _behaviours(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[Behaviour, ...]:
    try:
        return tuple(behaviour_of(text) for text in texts)
    except BehaviourError as error:
        raise click.BadParameter(str(error)) from error


@click.command(epilog=EXIT_CODES)
@click.argument("command", nargs=-1, required=True)
@spec_options
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="What is drawn; a new one each time unless given.")
@click.option("--profile", type=click.Choice(["documented", "observed"]), default="documented", show_default=True)
@click.option("--examples", type=click.IntRange(0, 10_000), default=12, show_default=True, help="How many are drawn.")
@click.option("--behaviour", multiple=True, callback=_behaviours, help="Only this one: a name or a text; repeatable.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Name the behaviours.")
@click.option(
    "--clock",
    type=click.Choice(["polls", "scaled"]),
    default="polls",
    show_default=True,
    help="polls: each query of a task lets 1 s pass. scaled: time runs by itself, --speed times as fast.",
)
@click.option("--speed", type=Number(0.1, 1000), default=5.0, show_default=True, help="For --clock scaled.")
@click.option(
    "--time-limit",
    type=Number(1, 3600),
    default=TIME_LIMIT_S,
    show_default=True,
    help="Seconds a case may take beside 5 times what the plain course took. What a program that outlasts them would "
    "have done is not judged; from 600 s on it counts as never ending.",
)
@click.option("--intercept", is_flag=True, help="COMMAND has the live hosts written into it; lead it to the fake.")
@click.option("--parallel", type=click.IntRange(1, 32), default=12, show_default=True, help="Cases at once.")
@report_options(Layer.CLIENT)
def client(
    command: tuple[str, ...],
    specs: tuple[Path, ...],
    model: str | None,
    seed: int | None,
    profile: str,
    examples: int,
    behaviour: tuple[Behaviour, ...],
    clock: str,
    speed: float,
    time_limit: float,
    intercept: bool,
    parallel: int,
    **reports: Any,
) -> None:
    """Run COMMAND against the fake, again and again, each time with another behaviour, and judge it.

    COMMAND is to do its one job: submit a task, wait for its end, exit 0 if it went well and otherwise not. It finds
    the API at EVOLINK_BASE_URL (with --intercept, at the live hosts) and its key in EVOLINK_API_KEY. Its own sleeping
    is real; the task's time is not.
    """
    seed, contract = secrets.randbits(32) if seed is None else seed, contract_from(specs, model)
    again = ["contract-tests", "client", *spec_words(specs, model), "--seed", str(seed)]
    again += ["--profile", profile, "--clock", clock]
    again += ["--speed", f"{speed:g}"] if clock == "scaled" else []
    again += ["--intercept"] if intercept else []
    again += ["--time-limit", f"{time_limit:g}"] if time_limit != TIME_LIMIT_S else []
    judge = Judge(checks(Layer.CLIENT), silent=of_clients(contract))
    started, begun = datetime.now(UTC), time.monotonic()
    with Processes(
        command,
        profile=profile,
        seed=seed,
        moved_by=POLLS if clock == "polls" else scaled(speed),
        limit_s=time_limit,
        parallel=parallel,
        intercept=intercept,
        contract=contract,
    ) as processes:
        campaign = Campaign(
            player=processes.player,
            judge=judge,
            replay_of=lambda one: shlex.join([*again, "--behaviour", name_of(one), "--", *command]),
        )
        aborted = _run(campaign, behaviour, examples, seed)
    report = Report(
        title=TITLE,
        subject=shlex.join(command),
        started=started,
        elapsed_s=time.monotonic() - begun,
        seed=seed,
        results=judge.results(),
        facts={
            "model": f"{contract.model} ({contract.source})",
            "profile": profile,
            "clock": clock,
            "behaviours": str(len(campaign.runs)),
            **_left_open(campaign),
        },
        exchanges=tuple(entry.exchange() for run in campaign.runs.values() for entry in run.entries),
        aborted=aborted,
    )
    report = publish(report, **reports)
    raise SystemExit(report.exit_code)


def _left_open(campaign: Campaign) -> dict[str, str]:
    """What could not be played or judged, by its reason: nothing is left out silently."""
    names: dict[str, list[str]] = {}
    for name, reason in campaign.open_ends.items():
        names.setdefault(reason, []).append(name)
    return {f"not judged, {reason}": ", ".join(_in_short(cases)) for reason, cases in names.items()}


def _in_short(names: list[str]) -> list[str]:
    """Names of behaviours; all cells of a row are `row-*`."""
    rows: dict[str, set[str]] = {}
    for cell in cells():
        rows.setdefault(cell.where, set()).add(cell.name)
    whole = {row: row_names for row, row_names in rows.items() if row_names <= set(names) and len(row_names) > 1}
    left = set(names).difference(*whole.values())
    return [*(f"{row}-*" for row in whole if row), *(name for name in names if name in left)]


def _run(campaign: Campaign, chosen: tuple[Behaviour, ...], examples: int, seed: int) -> str:
    """Play it all; why it ended early, if it did. Being terminated is being interrupted: nothing is left running."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with progress(TITLE) as campaign.tell:
            campaign.open()
            campaign.named(chosen or named().values())
            if not chosen:
                campaign.drawn(examples, seed)
    except KeyboardInterrupt:
        return "interrupted"
    except OSError as error:
        return f"the command can't be run: {error}"
    except NoClientError as error:
        return str(error) if campaign.runs else f"{error}\n{_WHERE}"
    finally:
        signal.signal(signal.SIGTERM, before)
    return ""
