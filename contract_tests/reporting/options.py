"""The options that every command writes its report by."""

import math
import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from contract_tests.check import Layer, checks

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILES = (
    ("--junit", "junit", "Write JUnit XML here, for CI."),
    ("--json", "json_file", "Write the whole report as JSON here."),
    ("--html", "html", "Write one page for people here."),
    ("--har", "har", "Write all exchanges as an HTTP archive here, without secrets."),
)


class FileToWrite(click.Path):
    """A file that can be written: its folder is there and takes new files, and it is no folder itself. So a run is
    refused before it begins, not when it has been paid for."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"received {str(path)!r}; there is no folder {str(path.parent)!r}", param, ctx)
        if not _is_special(path) and not os.access(path.parent, os.W_OK):
            self.fail(f"received {str(path)!r}; nothing can be written to {str(path.parent)!r}", param, ctx)
        return path


class Number(click.FloatRange):
    """A number in a range: `nan` is in every range for click, and without an upper bound `inf` is in it, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"received {value}; allowed: a number", param, ctx)
        return number


def _is_special(path: Path) -> bool:
    """A pipe or a terminal, which is written as it is."""
    return path.exists() and not path.is_file()


def report_options(*layers: Layer) -> Callable[[_Command], _Command]:
    """Adds `--junit`, `--json`, `--html`, `--har` and `--accept`, as keyword arguments `junit`, `json_file`, `html`
    and `har`, each a Path or None, and `accepted`: as `publish` takes them. `layers` are those that are judged."""

    def accepted(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
        return dict(_accepted(text, layers, ctx, param) for text in texts)

    def add(command: _Command) -> _Command:
        for flag, name, text in reversed(_FILES):
            command = click.option(flag, name, type=FileToWrite(), metavar="FILE", help=text)(command)
        accept = click.option(
            "--accept",
            "accepted",
            multiple=True,
            callback=accepted,
            metavar="CHECK=REASON",
            help="What this check finds is accepted, and reported so with the reason; repeatable.",
        )
        return accept(command)

    return add


def _accepted(text: str, layers: tuple[Layer, ...], ctx: click.Context, param: click.Parameter) -> tuple[str, str]:
    """The id of a check, and why what it finds is accepted. Raises BadParameter."""
    check_id, _, reason = text.partition("=")
    known = [one.id for one in checks(*layers)]
    if check_id not in known:
        near = "".join(f"; did you mean {one}?" for one in get_close_matches(check_id.upper(), known, 1))
        raise click.BadParameter(f"received {check_id!r}, which is no check of this command{near}", ctx, param)
    if not reason.strip():
        raise click.BadParameter(f"received {text!r}; needed: {check_id}=REASON", ctx, param)
    return check_id, reason.strip()
