"""Calls of the control API that concern every node: each answers for itself, and one answer is made of all."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec

from mockserver.web.control.desk import LISTED_LIMIT, LISTED_USUALLY

Content = dict[str, Any]


class TooDeepError(Exception):
    """A list of several nodes is not read so far."""


class Span(NamedTuple):
    """Which part of a list is asked for."""

    offset: int
    limit: int

    @classmethod
    def of(cls, query: bytes) -> "Span":
        told = dict(parse_qsl(query.decode("latin-1")))
        return cls(_whole(told.get("offset"), 0), _whole(told.get("limit"), LISTED_USUALLY))

    def widened(self, query: bytes) -> bytes:
        """The query for each node: from its first record to the last that may be listed. Raises TooDeepError."""
        if self.offset + self.limit > LISTED_LIMIT:
            raise TooDeepError
        told = [pair for pair in parse_qsl(query.decode("latin-1"), True) if pair[0] not in ("offset", "limit")]
        return urlencode([*told, ("limit", self.offset + self.limit)], encoding="latin-1").encode()


class Plan(NamedTuple):
    """How one call is made of many. `records` is the name of a list whose parts are put in order by `order`; from the
    end of it where the last are listed. `with_key` says whether it is gathered for one key, too, `of_worlds` whether
    each key's part of it comes from the node that has the key, so that none may be missing; `tells` whether who began
    a moment ago has to hear of it, too."""

    records: str = ""
    order: Callable[[Content], Any] | None = None
    is_part: bool = False
    from_end: bool = False
    with_key: bool = False
    of_worlds: bool = False
    tells: bool = False


PLANS: dict[str, Plan] = {
    "list_tasks": Plan("tasks", lambda one: -one["submitted_ms"], is_part=True, of_worlds=True),
    "list_callbacks": Plan("callbacks", is_part=True, of_worlds=True),
    "list_accounts": Plan("accounts", lambda one: one["tenant"], is_part=True, of_worlds=True),
    "list_uploads": Plan("files", is_part=True, of_worlds=True),
    "list_requests": Plan("requests", lambda one: one["sequence"], is_part=True, from_end=True, with_key=True),
    "get_ledger": Plan("accounts", of_worlds=True),
    "list_hints": Plan("hints", with_key=True),
    "list_scenarios": Plan("scenarios"),
    "verify_requests": Plan(with_key=True),
    "get_request": Plan(with_key=True),
    "reset": Plan(of_worlds=True, tells=True),
    "add_scenario": Plan(tells=True),
    "remove_scenarios": Plan(tells=True),
}


def merged(plan: Plan, span: Span, query: bytes, answers: Iterable[Content]) -> Content:
    """One list out of those of the nodes; the first is of the node that gathers."""
    first, *others = answers = list(answers)
    records = list(first[plan.records])
    for other in others:
        records += [one for one in other[plan.records] if plan.records != "scenarios" or one.get("tenant")]
    if plan.order is not None:
        records.sort(key=plan.order)
    if plan.is_part:
        from_start = not plan.from_end or b"after=" in query
        last = span.offset + span.limit
        records = records[span.offset : last] if from_start else records[-span.limit :]
    told = {**first, plan.records: records}
    if "total" in first:
        told["total"] = sum(one["total"] for one in (first, *others))
    return told | _forgotten(answers)


def verified(expected: Content, answers: list[Content], counted: Callable[[Content, int], bool]) -> Content:
    """Whether a request came to any node, as often as is expected."""
    matched = sum(one["matched"] for one in answers)
    told: Content = {"verified": counted(expected, matched), "matched": matched, **_forgotten(answers)}
    nearest = [one["nearest"] for one in answers if "nearest" in one]
    if nearest and not matched:
        told["nearest"] = min(nearest, key=lambda one: len(one["differences"]))
    return told


def _forgotten(answers: Iterable[Content]) -> Content:
    """How many requests the journals no longer have; nothing while they have all."""
    forgotten = sum(one.get("forgotten", 0) for one in answers)
    return {"forgotten": forgotten} if forgotten else {}


def read(body: bytes) -> Any:
    return msgspec.json.decode(body)


def _whole(written: str | None, default: int) -> int:
    return int(written) if written is not None and written.isdecimal() and len(written) < 10 else default
