"""What happens to whom next: the scenarios that come with the kit, their parts, and the trigger words."""

from collections.abc import Iterator
from typing import Any

import yaml

from mockserver.contract.document.document import Document
from mockserver.data import data
from mockserver.web.api.script import EFFECT_WORDS, MEDIA_WORDS
from reference.control_api import read
from reference.markdown import page, table

_BEHIND = {
    "duration_seconds": "in a media URL: how long the medium behind it is (media are never fetched)",
    "bytes": "in a media URL: how large the medium behind it is",
}


def scenarios() -> str:
    """The page of scenarios: what a rule can say, and the files that come with the kit."""
    files = sorted(data("fixtures", "scenarios").glob("*.yaml"))
    return page(
        "Scenarios",
        "A scenario is a YAML or JSON file: [how to write one](../scenarios.md).",
        "## What a rule can say\n\n" + table(("part", "is", "bounds"), _parts()),
        "## Those that come with the kit\n\n" + "\n".join(map(_file, files)),
    )


def _file(path: Any) -> str:
    text = path.read_text("utf-8")
    told = yaml.safe_load(text)
    return f"### {told['name']}\n\n{told['description']}\n\n```yaml\n{text}```\n"


def _parts() -> Iterator[tuple[str, str, str]]:
    document = read()
    yield from _members(document, document.raw["components"]["schemas"]["Rule"])


def _members(document: Document, schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    for name, written in schema.get("properties", {}).items():
        member = document.resolved(written)
        yield f"`{path}{name}`", member.get("description", ""), _bounds(member)
        yield from _members(document, member, f"{path}{name}.")


def _bounds(schema: dict[str, Any]) -> str:
    words = [f"`{one}`" for one in schema.get("enum", [])]
    known = {"minimum": "from {:,}", "maximum": "to {:,}", "maxLength": "at most {:,} characters"}
    return ", ".join(words or (says.format(schema[name]) for name, says in known.items() if name in schema))


def trigger_words() -> str:
    """The page of trigger words."""
    return page(
        "Trigger words",
        "In the prompt or in a media URL, for programs that you can't change. An unknown word is refused with the "
        "list of known ones.",
        table(("word", "does", "values"), [*_effects(), *((f"`mock:{w}=`", _BEHIND[w], "") for w in MEDIA_WORDS)]),
    )


def _effects() -> Iterator[tuple[str, str, str]]:
    document = read()
    for word, path in EFFECT_WORDS.items():
        schema = {"properties": document.raw["components"]["schemas"]["Effect"]["properties"]}
        above = schema
        for step in path:
            above, schema = schema, document.resolved(schema["properties"][step])
        told = schema.get("description") or f"{above.get('description', '')} Its {path[-1]}."
        yield f"`mock:{word}=`", told, _bounds(schema)
