"""The pages that people read, README.md and docs/*.md, and the blocks of code on them.

Every block is run by a test, or is the verbatim part of a file that one runs. The line `<!-- not run: why -->` before
a block says why this one can't be.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
}
_BLOCK = re.compile(r"(<!-- not run: .+ -->\n+)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:contract-tests|mockserver|pytest) ")


class Block(NamedTuple):
    """A block of code, and where it stands."""

    page: str
    line: int
    language: str
    text: str
    is_run: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def lines(self) -> list[str]:
        """Commands as they are written, each on one line, without comments."""
        whole = (re.sub(r"(^|\s+)# .*$", "", line) for line in self.text.replace("\\\n", " ").splitlines())
        return [line for line in whole if line.strip()]


def _blocks(page: str, text: str) -> list[Block]:
    return [
        Block(page, text.count("\n", 0, found.start(2)) + 1, found[2], found[3], found[1] is None)
        for found in _BLOCK.finditer(text)
    ]


BLOCKS = [block for page, text in PAGES.items() for block in _blocks(page, text)]


def blocks(language: str) -> list[Block]:
    """Those of a language that are run."""
    return [block for block in BLOCKS if block.language == language and block.is_run]


def once(found: list[Block]) -> list[Block]:
    """The same text on two pages counts once."""
    return list({block.text: block for block in found}.values())
