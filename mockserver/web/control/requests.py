"""The journal: which requests came, and whether one like this was among them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.web.control.desk import Desk, json_response, limit_asked
from mockserver.web.journal import differences

_COMPARED = ("method", "path", "query", "headers", "body", "status")


class RequestCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_requests(self, request: Request, body: Any) -> Response:
        entries = list(self._desk.journal.entries(self._desk.name_asked(request)))
        return json_response({"requests": [entry.record() for entry in entries[-limit_asked(request) :]]})

    async def verify_requests(self, request: Request, body: Any) -> Response:
        name = self._desk.name_of(body["key"]) if "key" in body else None
        expected = {place: body[place] for place in _COMPARED if place in body}
        records = [entry.record() for entry in self._desk.journal.entries(name)]
        compared = [(differences(expected, one), one) for one in records]
        matched = sum(not found for found, _ in compared)
        answer: dict[str, Any] = {"verified": _counted(body, matched), "matched": matched}
        if compared and not matched:
            nearest, record = min(compared, key=lambda pair: len(pair[0]))
            answer["nearest"] = {"request": record, "differences": nearest}
        return json_response(answer)


def _counted(body: dict[str, Any], matched: int) -> bool:
    if "count" in body:
        return bool(matched == body["count"])
    least = body.get("at_least", 0 if "at_most" in body else 1)
    return bool(least <= matched <= body.get("at_most", matched))
