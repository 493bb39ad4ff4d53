"""The options that every command writes its report by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILES = (
    ("--junit", "junit", "Write JUnit XML here, for CI."),
    ("--json", "json_file", "Write the whole report as JSON here."),
    ("--html", "html", "Write one page for people here."),
    ("--har", "har", "Write all exchanges as an HTTP archive here, without secrets."),
)


class _FileToWrite(click.Path):
    """A file that can be written: its folder is there, and it is no folder itself."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"received {str(path)!r}; there is no folder {str(path.parent)!r}", param, ctx)
        return path


def report_options(command: _Command) -> _Command:
    """Adds `--junit`, `--json`, `--html` and `--har`, as keyword arguments `junit`, `json_file`, `html` and `har`:
    each a Path or None, as `publish` takes them."""
    for flag, name, text in reversed(_FILES):
        command = click.option(flag, name, type=_FileToWrite(), metavar="FILE", help=text)(command)
    return command
