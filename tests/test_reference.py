"""The pages that are made tell all that there is: commands, options, calls, checks, cases, words, bounds, codes."""

import pytest

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.grid import named
from contract_tests.receiver.grid import CASES
from mockserver.data import data
from mockserver.web.api.script import EFFECT_WORDS, MEDIA_WORDS
from mockserver.web.options import Bounds
from reference.commands import every
from reference.control_api import read
from reference.guide import CHAPTERS, REFERENCE, WRITTEN, chapters, plain_text

WRITTEN_HERE = {name: text() for name, text in REFERENCE.items()}


def _options() -> list[str]:
    return [option for _, command in every() for one in command.params for option in one.opts if option[:2] == "--"]


TOLD = {
    "reference/commands": [*(f"## {path}" for path, _ in every()), *_options()],
    "reference/control-api": [f"## {method} {path}" for method, path, _ in read().operations()],
    "reference/checks": [f"`{one.id}`" for one in checks(*Layer)],
    "reference/behaviours": [f"`{name}`" for name in (*named(), *CASES)],
    "reference/scenarios": [f"### {path.stem}" for path in data("fixtures", "scenarios").glob("*.yaml")],
    "reference/trigger-words": [f"`mock:{word}=`" for word in (*EFFECT_WORDS, *MEDIA_WORDS)],
    "reference/bounds": [f"`{name}`" for name in Bounds.__struct_fields__],
    "reference/exit-codes": ["could not judge"],
}


@pytest.mark.parametrize("page", REFERENCE)
def test_nothing_is_left_out(page: str) -> None:
    assert TOLD[page]
    assert [one for one in TOLD[page] if one not in WRITTEN_HERE[page]] == []


def test_every_page_has_its_place() -> None:
    there = {path.stem for path in WRITTEN.glob("*.md")}
    assert {name for names in CHAPTERS.values() for name in names} <= there
    assert there <= {name for names in chapters().values() for name in names}


def test_the_plain_text_has_every_page() -> None:
    told = plain_text()
    assert all(path.read_text().strip() in told for path in WRITTEN.glob("*.md"))
