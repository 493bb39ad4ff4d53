"""`contract-tests server URL`: a server against the contract."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from contract_tests.check import Layer, checks
from contract_tests.contract.contract import Contract
from contract_tests.contract.document import UC_PER_CREDIT, uc
from contract_tests.contract.options import contract_from, spec_options, spec_words
from contract_tests.drift.recording import record
from contract_tests.report import COULD_NOT_JUDGE, EXIT_CODES, HOLDS
from contract_tests.reporting import FileToWrite, Number, progress, publish, report_options
from contract_tests.server.fake import AS_LIVE_POLL_S, FAKE, Fake, fake, rehearsal_credits
from contract_tests.server.run import EXAMPLES, LAYERS, Options, Run, judge_server, opened
from contract_tests.server.standing import UnreachableError
from contract_tests.server.talk import reading
from contract_tests.server.talk.address import AddressError, callback_address, server_address
from contract_tests.server.talk.budget import credits_of
from contract_tests.server.talk.memory import ForeignMemoryError
from contract_tests.server.talk.target import Settings, keys_from_environment

_REHEARSED = 1_000.0
"""What a submission may cost in a rehearsal, where nobody says."""
_MOST_CREDITS = 1e9
_POLL_S = 5.0
"""As often as the documentation's examples poll (facts, section 8)."""
_EXAMPLE_IMAGE = "https://example.com/winter.jpg"
_REPEATED = (
    *("max_credits", "highest_price", "key_file", "other_key_file", "callback_url", "callback_port", "video_url"),
    *("video_seconds", "image_url", "poll_seconds", "examples", "timeout", "deadline", "rate"),
)
"""What a finding may hang on, and the command that shows it again repeats; not `--yes`: who pays is asked again."""
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog=EXIT_CODES)
@click.argument("url")
@spec_options
@click.option("--profile", type=click.Choice(["documented", "observed"]), help="What a mock says, else documented.")
@click.option("--seed", default=0, show_default=True, help="What is drawn is drawn from it.")
@click.option(
    "--max-credits",
    type=Number(0, _MOST_CREDITS),
    help="Most credits that the run may reserve; 0 unless the server is a mock, whose money is play money.",
)
@click.option("--key-file", type=_FILE, help="File with the API key; else EVOLINK_API_KEY.")
@click.option("--other-key-file", type=_FILE, help="File with another account's key; else EVOLINK_OTHER_API_KEY.")
@click.option("--control-token", envvar="MOCKSERVER_SERVE_CONTROL_TOKEN", help="Token of a mock's control API.")
@click.option("--no-control", is_flag=True, help="Judge a mock like any other server: real time, real caution.")
@click.option("--as-live", is_flag=True, help="With `fake`: rehearse a paid run; checked keys, no control API.")
@click.option("--dry-run", is_flag=True, help="Show what would be bought, and end there.")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    type=click.Choice([layer.value for layer in LAYERS]),
    help="Only this layer; repeatable.",
)
@click.option("--check", "only", multiple=True, metavar="ID", help="Only what may judge this check; repeatable.")
@click.option("--quick", is_flag=True, help="Leave out what waits in real time.")
@click.option(
    "--examples", default=EXAMPLES, show_default=True, type=click.IntRange(1, 10_000), help="Drawn requests."
)
@click.option("--timeout", default=10.0, show_default=True, type=Number(0.1, 120), help="Seconds a request.")
@click.option("--deadline", default=600.0, show_default=True, type=Number(1), help="Seconds for the run.")
@click.option("--rate", type=Number(0.01, 10_000), help="Most requests a second.")
@click.option("--video-url", help="A video that the server can reach, in place of the example's.")
@click.option("--video-seconds", type=Number(0.1), help="Its length; else what the document takes it for.")
@click.option(
    "--highest-price",
    type=Number(0, _MOST_CREDITS),
    metavar="CREDITS",
    help="The most that a submission costs, where the document does not say: without it nothing is bought.",
)
@click.option("--image-url", help="An image that the server can reach; without it no image is bought.")
@click.option("--poll-seconds", type=Number(0.01, 60), help="Between polls; 5 in real time.")
@click.option("--callback-url", default="", help="Public address that leads to --callback-port on this machine.")
@click.option("--callback-port", default=0, type=click.IntRange(0, 65535), help="Where callbacks are received.")
@click.option("--state", type=FileToWrite(), help="Remember payments here, so that an interrupted run goes on.")
@click.option("--record", "recorded", type=click.Path(file_okay=False, path_type=Path), help="Keep exchanges here.")
@click.option("--yes", is_flag=True, help="Don't ask before credits are spent.")
@report_options(*LAYERS)
def server(url: str, **arguments: Any) -> None:
    """Judge the server at URL, or a mock started for it (`fake`). No more than --max-credits is spent."""
    dry_run: bool = arguments.pop("dry_run")
    files = {name: arguments.pop(name) for name in ("junit", "json_file", "html", "har", "accepted")}
    recorded: Path | None = arguments.pop("recorded")
    if recorded is not None:
        _made(recorded)
    with _target(url, arguments) as (options, yes):
        try:
            with opened(options) as run:
                _announce(run, yes, dry_run=dry_run)
                if dry_run:
                    sys.exit(HOLDS)
                with progress(f"Judging {options.settings.url}") as tell:
                    report = judge_server(run, tell)
                if recorded is not None:
                    _record(run, recorded)
        except (UnreachableError, ForeignMemoryError) as error:
            click.echo(f"Could not judge: {error}", err=True)
            sys.exit(COULD_NOT_JUDGE)
        report = publish(report, **files)
    sys.exit(report.exit_code)


def _made(folder: Path) -> None:
    """Before anything is paid for. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--record: {folder} can't be made: {error.strerror}") from error


def _record(run: Run, folder: Path) -> None:
    """What can't be kept costs nobody the report."""
    try:
        record(tuple(run.target.exchanges), folder)
    except OSError as error:
        click.echo(f"--record: {folder} can't be written: {error.strerror}", err=True)


@contextmanager
def _target(url: str, arguments: dict[str, Any]) -> Iterator[tuple[Options, bool]]:
    yes, as_live = arguments.pop("yes"), arguments.pop("as_live")
    arguments["contract"] = contract_from(arguments["specs"], arguments["model"])
    arguments["replay"] = _replay(url, arguments, is_rehearsal=as_live)
    if url != FAKE:
        if as_live:
            raise click.UsageError(f"--as-live: received {url}; allowed: {FAKE}, a mock that the run starts itself")
        yield _options(_address(server_address, url), arguments), yes
        return
    arguments |= _rehearsing(arguments, arguments["contract"]) if as_live else {}
    profile, seed, specs = arguments["profile"] or "documented", arguments["seed"], arguments["contract"].specs
    with fake(profile, seed, specs, as_live=as_live, purse=arguments["max_credits"] or 0) as started:
        yield _options(started.url, arguments, started), yes or as_live


def _rehearsing(arguments: dict[str, Any], contract: Contract) -> dict[str, Any]:
    """What a paid run would be told; the money is play money, so that nobody is asked."""
    cap, price = arguments["max_credits"], arguments["highest_price"]
    highest = contract.highest_uc(arguments["video_seconds"]) if price is None else uc(price)
    if highest is None:
        price, highest = _REHEARSED, uc(_REHEARSED)
    return {
        "highest_price": price,
        "no_control": True,
        "max_credits": rehearsal_credits(highest) if cap is None else cap,
        "image_url": arguments["image_url"] or _EXAMPLE_IMAGE,
        "poll_seconds": arguments["poll_seconds"] or AS_LIVE_POLL_S,
    }


def _address(check: Any, given: str) -> str:
    try:
        address: str = check(given)
    except AddressError as error:
        raise click.UsageError(str(error)) from error
    return address


def _options(address: str, arguments: dict[str, Any], started: Fake | None = None) -> Options:
    key, other_key = keys_from_environment()
    keys = (started.keys if started else ()) or (
        _key(arguments["key_file"]) or key,
        _key(arguments["other_key_file"]) or other_key,
    )
    settings = Settings(
        url=address,
        key=keys[0],
        other_key=keys[1],
        timeout_s=arguments["timeout"],
        requests_per_second=arguments["rate"],
        video_url=arguments["video_url"],
        video_seconds=arguments["video_seconds"],
        image_url=arguments["image_url"],
        poll_s=arguments["poll_seconds"] or _POLL_S,
        highest_credits=arguments["highest_price"],
        contract=arguments["contract"],
    )
    return Options(
        settings=settings,
        profile=arguments["profile"],
        seed=arguments["seed"],
        max_credits=arguments["max_credits"],
        layers=tuple(Layer(layer) for layer in arguments["layers"]) or LAYERS,
        only=_known(arguments["only"]),
        control=not arguments["no_control"],
        control_token=arguments["control_token"],
        quick=arguments["quick"],
        deadline_s=arguments["deadline"],
        examples=arguments["examples"],
        callback_url=_address(callback_address, given) if (given := arguments["callback_url"]) else "",
        callback_port=arguments["callback_port"],
        certificate=started.certificate if started else None,
        replay=arguments["replay"],
        state=arguments["state"],
    )


def _replay(url: str, arguments: dict[str, Any], *, is_rehearsal: bool) -> str:
    words = ["contract-tests", "server", url, "--seed", str(arguments["seed"])]
    words += spec_words(arguments["specs"], arguments["model"])
    words += ["--as-live"] if is_rehearsal else []
    words += ["--profile", arguments["profile"]] if arguments["profile"] else []
    words += [_flag(name) for name in ("quick", "no_control") if arguments[name]]
    for name in _REPEATED:
        if _was_given(name):
            value = arguments[name]
            words += [_flag(name), f"{value:.10g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _was_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _known(only: tuple[str, ...]) -> frozenset[str]:
    known = {one.id for one in checks(*LAYERS)}
    if unknown := set(only) - known:
        raise click.UsageError(f"--check: received {', '.join(sorted(unknown))}; allowed: {', '.join(sorted(known))}")
    return frozenset(only)


def _key(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("utf-8").strip() or None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file} can't be read: {error}") from error


def _announce(run: Run, yes: bool, *, dry_run: bool) -> None:
    """The plan and its highest price, before the first paid request."""
    if not run.is_paid:
        if dry_run:
            click.echo("Plan: nothing is bought; this is a mock, and its money is play money.", err=True)
        return
    plan, contract = run.plan(), run.target.contract
    if run.control is not None:
        most = credits_of(max(0, plan.cap_uc - plan.spent_uc))
        click.echo(f"Plan: up to {most} of play money; this is a mock, which needs no --max-credits.", err=True)
        return
    if run.options.settings.highest_uc() is None:
        click.echo(f"{contract.source} does not say what a submission costs: --highest-price does.", err=True)
    for line in plan.lines():
        click.echo(line, err=True)
    click.echo(f"Credits now: {_credits(run)}.", err=True)
    if plan.most_uc and not yes and not dry_run:
        _ask(f"Spend up to {plan.most_uc / UC_PER_CREDIT:g} credits?")


def _ask(question: str) -> None:
    """Raises UsageError where there is nobody to ask; ends the command unless it is agreed to."""
    if not _is_asked():
        raise click.UsageError("credits would be spent and nobody can be asked: agree with --yes")
    with suppress(click.Abort):
        if click.confirm(question, err=True):
            return
    click.echo("Could not judge: nothing was spent.", err=True)
    sys.exit(COULD_NOT_JUDGE)


def _is_asked() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin.isatty()


def _credits(run: Run) -> str:
    there = run.target.contract.credits
    if there is None:
        return "unknown"
    request = run.target.build(there.method, there.path, headers={"Authorization": f"Bearer {run.target.key()}"})
    balance = reading.balance(reading.parsed(run.target.send(request).body)[0])
    return "unknown" if balance is None else f"{balance.remaining / UC_PER_CREDIT:,.10g}"
