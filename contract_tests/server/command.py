"""`contract-tests server URL`: a server against the contract."""

import secrets
import shlex
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from contract_tests.check import Layer, checks
from contract_tests.document import example_request
from contract_tests.report import COULD_NOT_JUDGE, EXIT_CODES
from contract_tests.reporting import progress, publish, report_options
from contract_tests.server.memory import ForeignMemoryError
from contract_tests.server.recording import record
from contract_tests.server.run import EXAMPLES, LAYERS, Options, Run, UnreachableError, judge_server, opened
from contract_tests.server.target import Settings, keys_from_environment

FAKE = "fake"
"""In place of a URL: a mock that the run starts itself."""
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog=EXIT_CODES)
@click.argument("url")
@click.option("--profile", type=click.Choice(["documented", "observed"]), help="What a mock says, else documented.")
@click.option("--seed", default=0, show_default=True, help="What is drawn is drawn from it.")
@click.option(
    "--max-credits",
    type=click.FloatRange(min=0),
    help="Most credits that the run may reserve; 0 unless the server is a mock, whose money is play money.",
)
@click.option("--key-file", type=_FILE, help="File with the API key; else EVOLINK_API_KEY.")
@click.option("--other-key-file", type=_FILE, help="File with another account's key; else EVOLINK_OTHER_API_KEY.")
@click.option("--control-token", envvar="MOCKSERVER_SERVE_CONTROL_TOKEN", help="Token of a mock's control API.")
@click.option("--no-control", is_flag=True, help="Judge a mock like any other server: real time, real caution.")
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
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 120), help="Seconds a request."
)
@click.option("--deadline", default=600.0, show_default=True, type=click.FloatRange(1), help="Seconds for the run.")
@click.option("--rate", type=click.FloatRange(0.01, 10_000), help="Most requests a second.")
@click.option("--video-url", default=example_request()["video_urls"][0], help="A video that the server can reach.")
@click.option("--video-seconds", default=9.0, show_default=True, type=click.FloatRange(0.1), help="Its length.")
@click.option(
    "--poll-seconds", default=5.0, show_default=True, type=click.FloatRange(0.01, 60), help="Between polls."
)
@click.option("--callback-url", default="", help="Public address that leads to --callback-port on this machine.")
@click.option("--callback-port", default=0, type=click.IntRange(0, 65535), help="Where callbacks are received.")
@click.option("--state", type=_FILE, help="Remember payments here, so that an interrupted run goes on.")
@click.option("--record", "recorded", type=click.Path(file_okay=False, path_type=Path), help="Keep exchanges here.")
@click.option("--yes", is_flag=True, help="Don't ask before credits are spent.")
@report_options(*LAYERS)
def server(url: str, **arguments: Any) -> None:
    """Judge the server at URL, or a mock started for it (`fake`). No more than --max-credits is spent."""
    files = {name: arguments.pop(name) for name in ("junit", "json_file", "html", "har", "accepted")}
    recorded: Path | None = arguments.pop("recorded")
    with _target(url, arguments) as (options, yes):
        try:
            with opened(options) as run:
                _announce(run, yes)
                with progress(f"Judging {options.settings.url}") as tell:
                    report = judge_server(run, tell)
                if recorded is not None:
                    record(run.target.exchanges, recorded)
        except (UnreachableError, ForeignMemoryError) as error:
            click.echo(f"Could not judge: {error}", err=True)
            sys.exit(COULD_NOT_JUDGE)
        report = publish(report, **files)
    sys.exit(report.exit_code)


@contextmanager
def _target(url: str, arguments: dict[str, Any]) -> Iterator[tuple[Options, bool]]:
    yes = arguments.pop("yes")
    if url != FAKE:
        yield _options(url, arguments), yes
        return
    with fake(arguments["profile"] or "documented", arguments["seed"]) as started:
        options = _options(started.url, arguments, started.certificate)
        yield replace(options, replay=_replay(url, arguments)), yes


@dataclass(frozen=True, slots=True)
class Fake:
    """A mock for this run, and the certificate of a receiver that it trusts."""

    url: str
    certificate: ssl.SSLContext


@contextmanager
def fake(profile: str, seed: int) -> Iterator[Fake]:
    """Start a mock that trusts our receiver, so that callbacks go by https as in life."""
    import trustme

    from mockserver.testing import MockServer

    authority = trustme.CA()
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(certificate)
    with tempfile.TemporaryDirectory(prefix="contract-tests-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        with MockServer(profile=profile, seed=seed, callback_ca=ca_file) as mock:
            yield Fake(mock.url, certificate)


def _options(url: str, arguments: dict[str, Any], certificate: ssl.SSLContext | None = None) -> Options:
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"URL: received {url}; allowed: an http or https address, or {FAKE}")
    key, other_key = keys_from_environment()
    settings = Settings(
        url=url.rstrip("/"),
        key=_key(arguments["key_file"]) or key,
        other_key=_key(arguments["other_key_file"]) or other_key,
        timeout_s=arguments["timeout"],
        requests_per_second=arguments["rate"],
        video_url=arguments["video_url"],
        video_seconds=arguments["video_seconds"],
        poll_s=arguments["poll_seconds"],
        run=secrets.token_hex(4),
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
        callback_url=arguments["callback_url"],
        callback_port=arguments["callback_port"],
        certificate=certificate,
        replay=_replay(url, arguments),
        state=arguments["state"],
    )


def _replay(url: str, arguments: dict[str, Any]) -> str:
    words = ["contract-tests", "server", url, "--seed", str(arguments["seed"])]
    words += ["--profile", arguments["profile"]] if arguments["profile"] else []
    words += [f"--{name.replace('_', '-')}" for name in ("quick", "no_control") if arguments[name]]
    return shlex.join(words)


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


def _announce(run: Run, yes: bool) -> None:
    """The plan and its highest price, before the first paid request."""
    if not run.is_paid:
        return
    paid, most = run.plan()
    cap = run.options.max_credits or 0
    click.echo(
        f"Plan: {paid} paid submissions, {most:g} credits at most; the cap is {cap:g} (--max-credits).", err=True
    )
    click.echo(f"Credits now: {_credits(run)}. What the cap does not cover is not judged.", err=True)
    if min(cap, most) and not yes:
        _ask(f"Spend up to {min(cap, most):g} credits?")


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
    data = run.target.case().credits().at("data", "user", "remaining_credits")
    return "unknown" if data is None else f"{data:,.10g}"
