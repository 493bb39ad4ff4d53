"""The guide: the order of its pages, those that nobody writes by hand, and all of it as one plain text."""

import re
from collections.abc import Callable
from pathlib import Path

from reference.commands import commands, exit_codes
from reference.control_api import control_api
from reference.judging import behaviours, check_list
from reference.limits import bounds
from reference.scripting import scenarios, trigger_words

ROOT = Path(__file__).parent.parent
WRITTEN = ROOT / "docs"
REFERENCE: dict[str, Callable[[], str]] = {
    "reference/commands": commands,
    "reference/control-api": control_api,
    "reference/checks": check_list,
    "reference/behaviours": behaviours,
    "reference/scenarios": scenarios,
    "reference/trigger-words": trigger_words,
    "reference/bounds": bounds,
    "reference/exit-codes": exit_codes,
}
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Develop": ("offline", "seeing", "page", "scenarios", "clock", "exec", "models", "replay", "control"),
    "Test": ("pytest", "languages", "ci", "agents"),
    "Judge": ("clients", "receivers", "servers", "by-document", "live", "traffic", "reports", "drift"),
    "Run": ("team", "cluster", "speed"),
    "Understand": ("trust", "proof", "coming-from", "house"),
}
"""The pages of docs/, in the order in which the guide shows them; any other comes after them."""
MORE = "More"


def chapters() -> dict[str, tuple[str, ...]]:
    """Every page of the guide but the first: those named above, those nobody named, those that are made."""
    named = {name for names in CHAPTERS.values() for name in names}
    others = tuple(sorted(path.stem for path in WRITTEN.glob("*.md") if path.stem not in named))
    return {**CHAPTERS, **({MORE: others} if others else {}), "Reference": tuple(REFERENCE)}


def text_of(name: str) -> str:
    """The Markdown of a page."""
    return REFERENCE[name]() if name in REFERENCE else (WRITTEN / f"{name}.md").read_text("utf-8")


def front_page() -> str:
    """README.md as a page of the guide: links into docs/ lead beside it, to other files of the checkout nowhere."""
    text = (ROOT / "README.md").read_text("utf-8").replace("](docs/", "](")
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]*)\)", _beside, text)


def _beside(link: re.Match[str]) -> str:
    label, target = link.groups()
    name = target.partition("#")[0].removesuffix(".md")
    return link[0] if any(name in names for names in chapters().values()) else label


def plain_text() -> str:
    """All of it, for reading without a browser and for coding agents."""
    return "\n\n".join([front_page(), *(text_of(name) for names in chapters().values() for name in names)])
