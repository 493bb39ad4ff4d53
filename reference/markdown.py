"""Pieces of Markdown."""

from collections.abc import Iterable


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose cells may hold anything: line ends and bars in them are harmless."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def page(title: str, intro: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join((f"# {title}", intro, *(part.strip() for part in parts))) + "\n"
