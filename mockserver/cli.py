"""The command line. Exit codes: 0 done, 1 failed or not reproduced, 2 wrong usage."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mockserver import __version__

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


_specs = click.option(
    "--spec",
    "specs",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE_OR_DIR",
    help="Mount a published OpenAPI document, or all below a folder; repeatable.",
)
_strict = click.option("--strict", is_flag=True, help="Refuse a --spec folder with a file that can't be used.")
_profile = click.option(
    "--profile",
    type=click.Choice(["documented", "observed"]),
    default="documented",
    show_default=True,
    help="What answers hold: what is promised, or what was recorded as well.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MOCKSERVER"})
@click.version_option(__version__, prog_name="mockserver")
def main() -> None:
    """A stateful mock of EvoLink's generation API: tasks, credits and callbacks under a clock you control."""
    _hold_standard_files()


def _hold_standard_files() -> None:
    """Where standard input, output or error came closed, nothing else may get its number, such as a socket."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; localhost is 127.0.0.1 and ::1, :: every address of both stacks.",
)
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--seed", default=0, show_default=True, help="Ids, queues and chances are drawn from it.")
@click.option(
    "--clock",
    type=click.Choice(["real", "manual", "polls"]),
    default="real",
    show_default=True,
    help="What moves the clock: time itself, only the control API, or each query of a task (1 s each).",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    help="How fast a real clock runs.",
)
@click.option(
    "--task-seconds",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 2_592_000),
    help="How long a task takes.",
)
@click.option("--realistic", is_flag=True, help="A task takes as long as its document estimates (300 s).")
@click.option(
    "--log",
    default="memory",
    show_default=True,
    metavar="memory|sqlite:PATH|redis://...",
    help="Where the log of commands is; a server started again on a file or on Redis goes on where it was. Several "
    "servers on one Redis share the work.",
)
@click.option("--node-name", default="", help="What this server is called among those on the same Redis.")
@click.option("--node-url", default="", help="Where the others reach it, if not at the address listened on.")
@click.option(
    "--credits",
    default=10_000_000.0,
    show_default=True,
    type=click.FloatRange(0, 1e9),
    help="What each new API key has.",
)
@click.option(
    "--only-key",
    "only_keys",
    multiple=True,
    metavar="KEY",
    help="An API key there is; repeatable. Any other is answered 401. Without it any key is an account of its own.",
)
@click.option(
    "--allow-local-callbacks/--no-allow-local-callbacks",
    default=False,
    show_default=True,
    help="Let callbacks go to this machine, by http too. The real API forbids it.",
)
@click.option("--callback-ca", type=_FILE, help="PEM file of a CA to trust for https callbacks.")
@click.option("--scenario", "scenarios", multiple=True, type=_FILE, help="Scenario file (YAML or JSON); repeatable.")
@click.option("--public-url", help="Where result links lead, if not to the address listened on.")
@click.option(
    "--links-follow-host",
    is_flag=True,
    help="Result links lead to the host and port by which each client reached the mock, e.g. through a mapped port.",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin ask the API, such as http://localhost:3000; repeatable; * is any.",
)
@click.option(
    "--control-token",
    help="Bearer token for /_mock; required on any address but loopback. "
    "Better given as MOCKSERVER_SERVE_CONTROL_TOKEN.",
)
@click.option(
    "--max-body-bytes",
    default=1_048_576,
    show_default=True,
    type=click.IntRange(1024, 104_857_600),
    help="Longest request body.",
)
@click.option(
    "--max-upload-bytes",
    default=20_971_520,
    show_default=True,
    type=click.IntRange(1024, 268_435_456),
    help="Longest request body of a file upload; base64 takes a third more than the file.",
)
@click.option(
    "--max-log-bytes",
    default=67_108_864,
    show_default=True,
    type=click.IntRange(65_536),
    help="Memory of all logs (compressed); past its share the oldest part of a key's log is folded into a snapshot.",
)
@click.option(
    "--max-journal-entries",
    default=1_000,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Requests that the journal keeps.",
)
@click.option(
    "--max-tasks",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="Tasks kept for each key, as when it came; past it the oldest ended one is forgotten.",
)
@click.option(
    "--max-keys",
    default=10_000,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="API keys that the mock keeps a world for.",
)
@click.option(
    "--max-loaded-keys",
    default=1_000,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="Of these how many stay in memory while idle, where the log is a file.",
)
@click.option(
    "--hints/--no-hints",
    default=True,
    show_default=True,
    help="Say what looks like a mistake, once for each kind and key, as the header X-Mock-Hint too.",
)
@_specs
@_strict
@_profile
@click.option(
    "--intercept",
    is_flag=True,
    help="Also stand in for https://api.evolink.ai and https://files-api.evolink.ai, for programs on this machine.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but where it serves.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How each request, end of a task, attempt of a callback and hint is printed.",
)
def serve(intercept: bool, quiet: bool, log_format: str, **arguments: Any) -> None:
    """Serve until interrupted. Each option can also be set as MOCKSERVER_SERVE_<OPTION>."""
    from mockserver import config
    from mockserver.contract.document.document import DocumentError
    from mockserver.web import listening, server
    from mockserver.web.app import Application, OptionsError

    host, port = arguments.pop("host"), arguments.pop("port")
    try:
        options = config.options(host, arguments)
        sockets = listening.listeners(host, port)
    except config.ConfigError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        more = f"; {listening.holder(host, port)}" if error.errno == errno.EADDRINUSE else ""
        raise click.ClickException(f"can't listen on {host} port {port}: {error.strerror or error}{more}") from error
    address = listening.url_of(sockets[0], host)
    try:
        application = Application(config.placed(options, address))
    except (OptionsError, DocumentError) as error:
        for listener in sockets:
            listener.close()
        raise click.UsageError(str(error)) from error
    application.public_url = options.public_url or address
    lines = None if quiet else config.lines(application, log_format, sys.stdout)

    def ready() -> None:
        with _though_nobody_reads():
            click.echo(config.ready(application, address, log_format, told))
        if lines is not None:
            lines.start()

    with (
        contextlib.suppress(KeyboardInterrupt),  # how it is told to stop
        contextlib.nullcontext() if lines is None else contextlib.closing(lines),
        _intercepting(options, address) if intercept else contextlib.nullcontext("") as told,
    ):
        server.Server(application, ready).run_on(sockets)


@contextlib.contextmanager
def _though_nobody_reads() -> Iterator[None]:
    """A pipe that nobody reads keeps nobody from serving; what is left in its buffer goes nowhere at exit."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _intercepting(options: Any, address: str) -> Iterator[str]:
    """While inside, the live hosts are stood in for; gives what the banner says of it."""
    from mockserver import program
    from mockserver.interception.authority import InterceptionError

    try:
        with program.intercepting(options, address.replace("localhost", "127.0.0.1")) as shell_file:
            yield f"\n\nFor a program with the live hosts written into it, in its shell:  . {shell_file}"
    except InterceptionError as error:
        raise click.ClickException(str(error)) from error


_PLACE = ("host", "port", "control_token", "intercept", "node_name", "node_url", "quiet", "log_format")
"""Options of `serve` that say where, and what it prints: a mock of one program's own is on a free port of loopback,
and the terminal is that program's."""


@main.command(
    "exec",
    params=[option for option in serve.params if option.name not in _PLACE],
    context_settings={"allow_interspersed_args": False},
)
@click.option("--quiet", is_flag=True, help="Say nothing on stderr.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(command: tuple[str, ...], quiet: bool, **arguments: Any) -> None:
    """Run COMMAND unchanged: https://api.evolink.ai and https://files-api.evolink.ai lead to a mock of its own.

    The exit code is the command's; 127 if it is not found, 126 if it can't be run, 128 + n if signal n ended it.
    """
    from mockserver import config, program
    from mockserver.contract.document.document import DocumentError
    from mockserver.interception.authority import InterceptionError
    from mockserver.interception.interceptor import LOOPBACK
    from mockserver.web.app import OptionsError

    try:
        options = config.options(LOOPBACK, {**arguments, "control_token": None})
        sys.exit(program.run(options, command, quiet=quiet))
    except (config.ConfigError, OptionsError, DocumentError) as error:
        raise click.UsageError(str(error)) from error
    except InterceptionError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("file", type=_FILE)
@click.option("--until", type=click.IntRange(min=0), help="Stop after this many commands: travel in time.")
@click.option("--profile", type=click.Choice(["documented", "observed"]), help="Shape bodies by another profile.")
@click.option(
    "--show",
    type=click.Choice(["summary", "commands", "tasks", "ledger", "callbacks", "state"]),
    default="summary",
    show_default=True,
    help="What to print; all but the summary as JSON lines.",
)
def replay(file: Path, until: int | None, profile: str | None, show: str) -> None:
    """Make the world of a replay FILE (GET /_mock/log) again, and print what is in it."""
    from mockserver.log.replay import ReplayError
    from mockserver.web.replay import Replay

    try:
        again = Replay.of(file, until=until, profile=profile)
    except ReplayError as error:
        raise click.ClickException(f"{file}: {error}") from error
    try:
        for line in getattr(again, show)():
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"what was replayed can't be written: {error.strerror}") from error


@main.command()
@_specs
@_strict
@_profile
@click.option("--model", help="Only the operation that serves this model.")
@click.option("--faults", is_flag=True, help="What is wrong with the documents, with file and place.")
def explain(specs: tuple[Path, ...], strict: bool, profile: str, model: str | None, faults: bool) -> None:
    """What was read from the documents, what was inferred and from where, and what is not enforced."""
    from mockserver import explain as explanation
    from mockserver.contract.behaviour import Profile
    from mockserver.contract.document.document import DocumentError
    from mockserver.web.app import OptionsError, registry_of
    from mockserver.web.options import Options

    options = Options(specs=specs, strict=strict, profile=Profile(profile))
    try:
        registry = registry_of(options)
    except (DocumentError, OptionsError) as error:
        raise click.UsageError(str(error)) from error
    if model is not None and registry.of_model(model) is None:
        left = registry.by_model.unserved(model)
        if left is not None:
            raise click.UsageError(f"--model: {model} is named by {left.file}, which is not served: {left.reason}")
        nearest = ", ".join(registry.by_model.nearest(model))
        raise click.UsageError(f"--model: received {model}; near it are {nearest}")
    for line in explanation.faults(registry) if faults else explanation.models(registry, model):
        click.echo(line)


@main.command()
@click.option("--seed", default=0, show_default=True, help="Ids and queues are drawn from it.")
def demo(seed: int) -> None:
    """The whole story in one terminal: submit, progress, a receiver that fails twice, retries, the ledger."""
    from mockserver.demo import run

    run(seed)


@main.command("mcp")
@click.option("--url", help="The mock to work on; without it, one is started for these tools.")
@click.option("--control-token", help="Its token, if it asks for one. Better given as MOCKSERVER_MCP_CONTROL_TOKEN.")
def agents(url: str | None, control_token: str | None) -> None:
    """Give a coding agent the mock and the judges as tools (Model Context Protocol, standard input and output)."""
    try:
        from mockserver.agents import serving
    except ModuleNotFoundError as error:
        raise click.UsageError(f"{error.name} is not installed: pip install 'evolink-mock[mcp]'") from error
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--url: received {url}; allowed: the http or https address of a mock")
    serving.run(url, control_token)
