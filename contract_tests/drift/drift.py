"""Drift: where recordings of a live service say something else than the document, or than the fake does."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import jsonschema_rs

from contract_tests.check import Check
from contract_tests.drift.recording import Recording, Request
from contract_tests.drift.shape import Beyond, Location, resolved, sightings
from contract_tests.exchange import as_text, cut

_JSON = "application/json"
FAILURES = "x-evolink-failures"
_SPOKEN = {"createVideoGeneration": "the submission", "getTask": "the query", "getCredits": "the credits"}
"""What the sources of checks call the operations that every document has."""
_SHOWN = 300
_VALUES = 50
_ERRORS = 20
_OF_EVERY_PATH = frozenset({"HEAD", "OPTIONS", "TRACE"})
"""Methods that HTTP itself has, whatever a document names."""
_NO_METHOD = 405
_REFUSED = frozenset({401, 403, 404, _NO_METHOD, 501})
"""What a server without an operation answers who asks for it, in agreement with the document that has none."""


class Kind(StrEnum):
    """What drifted."""

    OPERATION = "the document has no such operation"
    STATUS = "the document has no such status"
    CODE = "the document gives no such code for this status"
    FAILURE = "the document lists no such reason of a failure"
    SCHEMA = "the answer does not fit its schema"
    FIELD = "the document has no such field"
    FAKE = "the fake answers differently"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the document should say, at this place: a field `name`, or another `type`, `enum`, response or example.
    `values` are what was seen, to infer it from."""

    location: Location
    about: str
    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """One contradiction. `place` is a path in the body, as `usage.cost`; `recordings` the files that show it."""

    kind: Kind
    operation: str
    status: int
    place: str
    received: str
    documented: str
    recordings: tuple[str, ...]
    proposal: Proposal | None = None

    @property
    def name(self) -> tuple[str, ...]:
        """Two drifts of one name are one, seen twice."""
        varies = {Kind.SCHEMA: self.documented, Kind.FAKE: self.received}
        varies |= dict.fromkeys((Kind.CODE, Kind.FAILURE), self.received)
        return (self.kind, self.operation, f"{self.status}", self.place, varies.get(self.kind, ""))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the document. `role` and `profile` are what the fake does with it."""

    id: str
    location: Location
    path: str
    role: str
    profile: str


def find_operation(document: Mapping[str, Any], method: str, path: str) -> Operation | None:
    """The operation that a request goes to; a path without parameters comes before one with them."""
    plain = path.partition("?")[0]
    for template, item in sorted(document["paths"].items(), key=lambda pair: pair[0].count("{")):
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))
        node = item.get(method.lower())
        if node is not None and re.fullmatch(pattern, plain):
            role, profile = node.get("x-evolink-role", ""), node.get("x-evolink-profile", "")
            name = node.get("operationId", f"{method} {template}")
            return Operation(name, ("paths", template, method.lower()), template, role, profile)
    return None


def asked_operation(document: Mapping[str, Any], one: Recording) -> Operation | None:
    """The operation that was asked for; none where the answer says that the path itself lacks the method, though one
    with parameters has it."""
    operation = find_operation(document, one.request.method, one.request.path)
    plain = one.request.path.partition("?")[0]
    is_another = operation is not None and operation.path != plain and plain in document["paths"]
    return None if is_another and one.answer.status == _NO_METHOD else operation


def against_document(recordings: Mapping[str, Recording], document: dict[str, Any]) -> tuple[Drift, ...]:
    """Where the recordings contradict the document, each contradiction once."""
    found = (drift for name, one in recordings.items() for drift in _judged(name, one, document))
    return merged(found)


def merged(drifts: Iterator[Drift]) -> tuple[Drift, ...]:
    """Drifts of one name made one, with all that was seen of it."""
    kept: dict[tuple[str, ...], Drift] = {}
    for drift in drifts:
        former = kept.get(drift.name)
        kept[drift.name] = drift if former is None else _together(former, drift)
    return tuple(kept.values())


def concerned(drift: Drift, checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks whose source is the very place that drifted: the operation, the status, and the field or none."""
    if drift.kind is Kind.FAILURE:
        return tuple(one for one in checks if one.source == FAILURES)
    places = [f"{name}, {drift.status}" for name in (drift.operation, _SPOKEN.get(drift.operation)) if name]
    field = "" if drift.kind is Kind.CODE else drift.place.replace("[]", "")
    return tuple(one for one in checks for place in places if _is_source(one.source, place, field))


def _is_source(source: str, place: str, field: str) -> bool:
    if not source.startswith(place):
        return False
    named = re.findall(r"`([^`]+)`", source)
    return field in named if named else not field


def _together(former: Drift, later: Drift) -> Drift:
    proposal = former.proposal
    if proposal is not None and later.proposal is not None:
        proposal = replace(proposal, values=(*proposal.values, *later.proposal.values)[:_VALUES])
    names = dict.fromkeys((*former.recordings, *later.recordings))
    return replace(former, recordings=tuple(names), proposal=proposal)


def _judged(name: str, one: Recording, document: dict[str, Any]) -> Iterator[Drift]:
    operation = asked_operation(document, one)
    status, body = one.answer.status, parsed(one.answer.body)
    if operation is None:
        if _is_news(one.request, status):
            asked = f"{one.request.method} {one.request.path.partition('?')[0]}"
            yield Drift(Kind.OPERATION, asked, status, "", f"{status}", ", ".join(sorted(document["paths"])), (name,))
        return
    responses, answers = resolved(document, (*operation.location, "responses"))
    key = next((key for key in (f"{status}", f"{status // 100}XX", "default") if key in answers), None)
    if key is None:
        proposal = Proposal(responses, "response", f"{status}", (body,))
        received, known = cut(f"{status} {one.answer.body}", _SHOWN), ", ".join(answers)
        yield Drift(Kind.STATUS, operation.id, status, "", received, known, (name,), proposal)
        return
    where, response = resolved(document, (*responses, key))
    if _JSON in response.get("content", {}):
        for drift in _judged_body(body, (*where, "content", _JSON), document):
            yield replace(drift, operation=operation.id, status=status, recordings=(name,))
    if operation.role == "get_task":
        yield from _unknown_failure(name, operation.id, body, document.get(FAILURES, {}))


def _unknown_failure(name: str, operation: str, body: Any, known: Mapping[str, Any]) -> Iterator[Drift]:
    """A task that failed says why in a word that the document lists."""
    error = body.get("error") if isinstance(body, dict) and body.get("status") == "failed" else None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code not in known:
        yield Drift(Kind.FAILURE, operation, 200, "error.code", code, ", ".join(known), (name,))


def _is_news(request: Request, status: int) -> bool:
    """Whether this answer shows an operation that the document lacks."""
    return not request.is_link and request.method not in _OF_EVERY_PATH and status not in _REFUSED


def _judged_body(body: Any, media: Location, document: dict[str, Any]) -> Iterator[Drift]:
    """Drifts of an answer's body, still without the name of their operation."""
    if body is None:
        yield Drift(Kind.SCHEMA, "", 0, "", "no JSON", _JSON, ())
        return
    _, content = resolved(document, media)
    beyond = [*sightings(document, (*media, "schema"), body)]
    proposals = {one.place: Proposal(one.location, one.beyond, one.name, (one.value,)) for one in beyond}
    yield from _misfits(body, content["schema"], document, proposals)
    for one in beyond:
        if one.beyond is Beyond.FIELD:
            shown = cut(as_text(one.value), _SHOWN)
            known = f"no `{one.name}` in {'/'.join(one.location)}"
            yield Drift(Kind.FIELD, "", 0, one.place, shown, known, (), proposals[one.place])
    yield from _unknown_code(body, content, (*media, "examples"))


def _misfits(body: Any, schema: Any, document: dict[str, Any], proposals: Mapping[str, Proposal]) -> Iterator[Drift]:
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": document.get("components", {})}, mask="this"
    )
    for number, error in enumerate(validator.iter_errors(body)):
        if number == _ERRORS:
            return
        place = _place(error.instance_path)
        proposal = proposals.get(place)
        allowed = _allowed(proposal, document)
        shown = as_text(error.instance) if allowed else json.dumps(error.instance, ensure_ascii=False)
        known = cut(allowed or error.message, _SHOWN)
        yield Drift(Kind.SCHEMA, "", 0, place, cut(shown, _SHOWN), known, (), proposal)


def _allowed(proposal: Proposal | None, document: dict[str, Any]) -> str:
    """The values that the schema lists, where that is what does not fit."""
    if proposal is None or proposal.about != Beyond.VALUE:
        return ""
    return ", ".join(as_text(value) for value in resolved(document, proposal.location)[1]["enum"])


def _unknown_code(body: Any, content: Mapping[str, Any], examples: Location) -> Iterator[Drift]:
    """An error's code and type are those of an example, where the document gives any."""
    known = {_kind(one.get("value")) for one in content.get("examples", {}).values()} - {None}
    received = _kind(body)
    if known and received is not None and received not in known:
        proposal = Proposal(examples, "example", f"{received[0]}", (body,))
        allowed = ", ".join(f"{code} ({kind})" for code, kind in sorted(known, key=str))  # type: ignore[misc]
        yield Drift(Kind.CODE, "", 0, "error.code", f"{received[0]} ({received[1]})", allowed, (), proposal)


def _kind(body: Any) -> tuple[Any, Any] | None:
    error = body.get("error") if isinstance(body, dict) and "status" not in body else None
    return (as_text(error.get("code")), as_text(error.get("type"))) if isinstance(error, dict) else None


def parsed(text: str) -> Any:
    """JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _place(steps: Sequence[str | int]) -> str:
    """A path in a body, the same for every element of an array."""
    place = "".join("[]" if isinstance(step, int) else f".{step}" for step in steps)
    return place.removeprefix(".")
