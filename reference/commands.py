"""Every command with its options, defaults and exit codes, as click knows them."""

import inspect
from collections.abc import Iterator

import click

from contract_tests.cli import main as contract_tests
from contract_tests.report import EXIT_CODES
from mockserver.cli import main as mockserver
from reference.markdown import page, table

PROGRAMS = {"mockserver": mockserver, "contract-tests": contract_tests}


def commands() -> str:
    """The page of commands and options."""
    return page(
        "Commands and options",
        "What `--help` says, in one place. Every option can also be set by a variable of the environment: the "
        "program, the command and the option in capitals, `MOCKSERVER_SERVE_PORT` for `mockserver serve --port`.",
        *(_section(path, command) for path, command in every()),
    )


def exit_codes() -> str:
    """The page of exit codes."""
    contract = EXIT_CODES.removeprefix("Exit codes: ").removesuffix(".")
    rows = [("`contract-tests`, every command", *code.split(" ", 1)) for code in contract.split(", ")]
    rows += [
        ("`mockserver serve`", "0", "told to stop (SIGINT, SIGTERM)"),
        ("`mockserver exec`", "the command's", "127: not found; 126: can't be run; 128 + n: ended by signal n"),
        ("`mockserver`, every command", "1", "failed, or not reproduced"),
        ("`mockserver`, every command", "2", "wrong usage"),
    ]
    return page("Exit codes", "For scripts and CI.", table(("of", "code", "means"), rows))


def every() -> Iterator[tuple[str, click.Command]]:
    """Each command with the words that call it."""
    for program, group in PROGRAMS.items():
        context = click.Context(group, info_name=program)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield f"{program} {name}", command


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    rows = [(f"`{name}`", said.replace("<", "&lt;")) for name, said in filter(None, records)]
    return f"## {path}\n\n{_prose(command)}\n\n```text\n{usage}\n```\n\n" + table(("option", "does"), rows)


def _prose(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b", "").replace("<", "&lt;")
