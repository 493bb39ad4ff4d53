"""`python -m reference [FOLDER]`: build the guide into a folder (site/), with every warning an error."""

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx_build

from reference.guide import WRITTEN, chapters, front_page, plain_text, text_of

_HERE = Path(__file__).parent
_FOR_ALL = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What the theme leaves out for those who read by ear or by key: levels of headings, and whatever can be scrolled."""


def gather(folder: Path) -> None:
    """All pages as Markdown, with pictures, and the front page that lists them."""
    shutil.copytree(WRITTEN, folder, dirs_exist_ok=True)
    (folder / "reference").mkdir()
    for names in chapters().values():
        for name in names:
            (folder / f"{name}.md").write_text(text_of(name), "utf-8")
    (folder / "index.md").write_text(front_page() + "".join(map(_contents, chapters().items())), "utf-8")


def _contents(chapter: tuple[str, tuple[str, ...]]) -> str:
    caption, names = chapter
    return f"\n```{{toctree}}\n:caption: {caption}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"


def _mend(page: Path) -> None:
    text = page.read_text("utf-8")
    for written, needed in _FOR_ALL.items():
        text = text.replace(written, needed)
    page.write_text(text, "utf-8")


def build(target: Path) -> int:
    """The guide as HTML and as one plain text. Returns Sphinx's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        gather(Path(folder))
        done: int = sphinx_build(["-q", "-W", "--keep-going", "-E", "-c", str(_HERE), folder, str(target)])
    for page in target.rglob("*.html"):
        _mend(page)
    (target / "llms.txt").write_text(plain_text(), "utf-8")
    shutil.rmtree(target / ".doctrees", ignore_errors=True)
    return done


if __name__ == "__main__":
    raise SystemExit(build(Path(*sys.argv[1:2] or ["site"])))
