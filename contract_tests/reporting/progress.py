"""How far a run is, on stderr, where somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contract_tests.reporting.clean import printable

Tell = Callable[[str, int, int], None]
"""Told what is judged now, how many parts are done, and of how many."""


@contextmanager
def progress(title: str) -> Iterator[Tell]:
    """Shows a bar while it is open; where stderr is no terminal, as in CI, it says nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:  # a bar that is disabled writes an empty line still, by older versions of rich
        yield lambda *_: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(_line(title), total=None)

        def tell(text: str, done: int, total: int) -> None:
            bar.update(task, description=_line(f"{title}: {text}"), completed=done, total=total)

        yield tell


def _line(text: str) -> str:
    return escape(printable(" ".join(text.split())))
