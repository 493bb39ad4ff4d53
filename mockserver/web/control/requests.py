"""The journal: which requests came, what there is to say of them, and whether one like this was among them."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from mockserver.runtime.turn import Turn
from mockserver.web.control.desk import Desk, WrongError, flag_asked, json_response, limit_asked, whole_asked
from mockserver.web.control.records import Record, present
from mockserver.web.journal import OPEN, Difference, Entry, differences
from mockserver.web.looking.reason import reason

_LAST = 2**53
_COMPARED = ("method", "path", "query", "headers", "body", "status")


class RequestCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._making, self._verifying = desk, asyncio.Lock(), asyncio.Lock()

    async def list_requests(self, request: Request, body: Any) -> Response:
        entries = self._wanted(request)
        limit = limit_asked(request)
        entries = entries[:limit] if "after" in request.query_params else entries[-limit:]
        make = Entry.line if flag_asked(request, "summary") else Entry.record
        name = self._desk.name_asked(request)
        return json_response({"requests": await self._records(entries, make), **self._forgotten(name)})

    async def get_request(self, request: Request, body: Any) -> Response:
        """One exchange; of a refused one also why, from both sides."""
        sequence = request.path_params["sequence"]
        entry = next((one for one in self._desk.journal.entries() if str(one.sequence) == sequence), None)
        if entry is None:
            raise WrongError(404, "request_not_found", "The journal has no request of this number, or no longer")
        record = entry.record()
        return json_response({**record, **present(reason=reason(self._desk.registry, record))})

    def _forgotten(self, name: str | None) -> Record:
        """Nothing, while the journal still has all."""
        return {"forgotten": dropped} if (dropped := self._desk.journal.dropped(name)) else {}

    async def _records(self, entries: Iterable[Entry], make: Callable[[Entry], Record]) -> list[Record]:
        """Made in turns with what others ask, one list at a time: many who want long ones make nobody wait."""
        turn, records = Turn(), []
        async with self._making:
            for entry in entries:
                records.append(make(entry))
                await turn.give()
        return records

    def _wanted(self, request: Request) -> list[Entry]:
        """The entries of a key, between two numbers, of a task."""
        entries = self._desk.journal.entries(self._desk.name_asked(request))
        after = whole_asked(request, "after", 0, most=_LAST)
        before = whole_asked(request, "before", _LAST, most=_LAST)
        task_id = request.query_params.get("task_id")
        between = [one for one in entries if after < one.sequence < before]
        return between if task_id is None else [one for one in between if one.task_id == task_id]

    async def list_hints(self, request: Request, body: Any) -> Response:
        tenant = self._desk.name_asked(request)
        given = [] if self._desk.adviser is None else self._desk.adviser.given(tenant)
        return json_response({"hints": [present(**structs.asdict(one)) for one in given]})

    async def verify_requests(self, request: Request, body: Any) -> Response:
        name = self._desk.name_of(body["key"], request) if "key" in body else None
        wanted = {place: body[place] for place in _COMPARED if place in body}
        expected = self._desk.journal.veil.over_all(wanted, msgspec.json.encode(wanted))  # as the records are
        async with self._verifying:
            matched, nearest = await _compared(expected, self._desk.journal.entries(name))
        answer: dict[str, Any] = {"verified": counted(body, matched), "matched": matched, **self._forgotten(name)}
        if nearest is not None and not matched:
            entry, found = nearest
            answer["nearest"] = {"request": entry.record(), "differences": found}
        return json_response(answer)


async def _compared(
    expected: dict[str, Any], entries: Iterable[Entry]
) -> tuple[int, tuple[Entry, list[Difference]] | None]:
    """How many are alike, and the first of those that miss least. In turns with what others ask; what lies open is
    compared first, and only who may still be alike or nearest is looked into."""
    turn, matched = Turn(), 0
    nearest: tuple[Entry, list[Difference]] | None = None
    plain = {place: value for place, value in expected.items() if place in OPEN}
    for entry in entries:
        misses = len(differences(plain, entry.part(plain)))
        if not misses or not (matched or (nearest and len(nearest[1]) <= misses)):
            found = differences(expected, entry.part(expected))
            matched += not found
            if found and (nearest is None or len(found) < len(nearest[1])):
                nearest = entry, found
        await turn.give()
    return matched, nearest


def counted(body: dict[str, Any], matched: int) -> bool:
    if "count" in body:
        return bool(matched == body["count"])
    least = body.get("at_least", 0 if "at_most" in body else 1)
    return bool(least <= matched <= body.get("at_most", matched))
