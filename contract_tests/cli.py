"""The command line."""

import importlib
import os

import click

from contract_tests.report import EXIT_CODES

_COMMANDS: dict[str, str] = {
    "client": "contract_tests.client.command:client",
    "receiver": "contract_tests.receiver.command:receiver",
    "server": "contract_tests.server.command:server",
    "traffic": "contract_tests.traffic.command:traffic",
    "drift": "contract_tests.drift.command:drift",
}
"""Loaded when asked for: Hypothesis and schemathesis take their time."""
_STORAGE = os.path.join("~", ".cache", "evolink-mock", "hypothesis")
"""What Hypothesis remembers of Python's own modules, which it else leaves in the folder where it is run."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            return _not_installed(cmd_name, error)
        return command


def _not_installed(name: str, error: ModuleNotFoundError) -> click.Command:
    """In place of a command whose libraries are not there."""
    need = f"{error.name} is not installed: pip install 'evolink-mock[contract]'"

    @click.command(name, help=f"({need})", add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("anything", nargs=-1, type=click.UNPROCESSED, expose_value=False)
    def missing() -> None:
        raise click.UsageError(need)

    return missing


@click.group(
    cls=_Lazy,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "CONTRACT_TESTS"},
)
@click.version_option(package_name="evolink-mock", prog_name="contract-tests")
def main() -> None:
    """Judge servers, clients, callback receivers and traffic against the contract of EvoLink's generation API."""
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.expanduser(_STORAGE))
