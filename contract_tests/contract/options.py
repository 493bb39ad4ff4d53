"""The options of every command that judges by a document: which one, and which of its models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from contract_tests.contract.contract import Contract
from contract_tests.contract.mounted import contract_of
from mockserver.testing import SpecError

_SPEC = click.Path(exists=True, path_type=Path)


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--spec` and `--model`, as `specs` and `model`."""
    which = "The model that is judged; may be left out where the documents have one alone."
    where = "Judge by this document of a model, or by those of a folder; repeatable."
    command = click.option("--model", help=which)(command)
    return click.option("--spec", "specs", multiple=True, type=_SPEC, metavar="FILE_OR_DIR", help=where)(command)


def contract_from(specs: Sequence[Path], model: str | None) -> Contract:
    """What the options name. Raises UsageError."""
    try:
        return contract_of(specs, model)
    except SpecError as error:
        raise click.UsageError(str(error)) from error


def spec_words(specs: Sequence[Path], model: str | None) -> list[str]:
    """The options as they were given."""
    return [*(word for one in specs for word in ("--spec", str(one))), *(["--model", model] if model else [])]
