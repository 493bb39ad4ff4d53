"""What recordings show beyond a document, as a proposed change to it: an OpenAPI Overlay 1.0 document."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import yaml
from genson import SchemaBuilder  # type: ignore[import-untyped]

from contract_tests.drift.drift import Drift, Proposal
from contract_tests.drift.shape import Beyond, Location, kind_of, resolved
from contract_tests.exchange import as_text

_EXAMPLE = 500
"""Characters of an example that a proposal shows."""
_EVIDENCE = {"x-evolink-evidence": "observed"}


def proposed(drifts: Iterable[Drift], document: dict[str, Any], seen: date) -> str:
    """The overlay as YAML. Every addition carries the mark `observed` and the date of the recording."""
    actions = [_action(one, document, seen) for one in _proposals(drifts)]
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": f"Observed in recordings of {seen}", "version": f"{seen}"},
        "actions": actions,
    }
    return yaml.safe_dump(overlay, sort_keys=False, allow_unicode=True, width=110)


def _proposals(drifts: Iterable[Drift]) -> Iterator[Proposal]:
    """One a place of the document, with all the values seen there, whatever operation showed them."""
    kept: dict[tuple[Location, str, str], Proposal] = {}
    for one in (drift.proposal for drift in drifts if drift.proposal is not None):
        name = (one.location, one.about, one.name)
        former = kept[name].values if name in kept else ()
        kept[name] = Proposal(one.location, one.about, one.name, (*former, *one.values))
    yield from kept.values()


def _action(one: Proposal, document: dict[str, Any], seen: date) -> dict[str, Any]:
    told = f"Seen on {seen}"
    if one.about == Beyond.FIELD:
        field = _inferred(one.values) | {"description": told} | _example(one.values[0]) | _EVIDENCE
        return _update((*one.location, "properties"), {one.name: field}, f"{told}: field {one.name}")
    if one.about == Beyond.TYPE:
        return _update(one.location, {"type": _types(one, document)}, f"{told}: another type")
    if one.about == Beyond.VALUE:
        listed = resolved(document, one.location)[1]["enum"]
        new = [value for value in dict.fromkeys(one.values) if value not in listed]
        return _update(one.location, {"enum": new}, f"{told}: {', '.join(map(as_text, new))}")
    if one.about == "response":
        bodies = [body for body in one.values if body is not None]
        media = {"content": {"application/json": {"schema": _inferred(bodies)}}} if bodies else {}
        response = {"description": told} | _EVIDENCE | media
        return _update(one.location, {one.name: response}, f"{told}: status {one.name}")
    example = {one.name: _EVIDENCE | {"value": one.values[0]}}
    return _update(one.location, example, f"{told}: error code {one.name}")


def _update(location: Location, update: dict[str, Any], description: str) -> dict[str, Any]:
    return {"target": _path(location), "description": description, **_EVIDENCE, "update": update}


def _path(location: Location) -> str:
    """A place as JSONPath (RFC 9535)."""
    return "$" + "".join(f".{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f"[{_quoted(key)}]" for key in location)


def _quoted(key: str) -> str:
    return key if key.isdigit() and len(key) < 3 else "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _types(one: Proposal, document: dict[str, Any]) -> list[str]:
    """What a list gains; a single type becomes a list."""
    known = resolved(document, one.location)[1].get("type", [])
    new = sorted({kind_of(value) for value in one.values})
    return new if isinstance(known, list) else [known, *new]


def _inferred(values: Iterable[Any]) -> dict[str, Any]:
    """The schema of what was seen; that a field was always there is no promise."""
    builder = SchemaBuilder(schema_uri=None)
    for value in values:
        builder.add_object(value)
    return _lenient(builder.to_schema())


def _lenient(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {word: value for word, value in schema.items() if word != "required"}
    if "properties" in kept:
        kept["properties"] = {name: _lenient(inner) for name, inner in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _lenient(kept["items"])
    if "anyOf" in kept:
        kept["anyOf"] = [_lenient(inner) for inner in kept["anyOf"]]
    return kept


def _example(value: Any) -> dict[str, Any]:
    return {"example": value} if len(as_text(value)) <= _EXAMPLE else {}
