"""Answers that are made of the answers of all nodes. Those that gave none are named in `unanswered`."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.objection import Objection
from mockserver.web.control.desk import LISTED_LIMIT, Desk, WrongError, invalid, json_response
from mockserver.web.control.requests import counted
from mockserver.web.nodes import gathering
from mockserver.web.nodes.asking import Told, is_part, question
from mockserver.web.nodes.gathering import PLANS, Plan, Span
from mockserver.web.nodes.membership import Membership

Handled = Callable[[Request, Any], Awaitable[Response]]
_GOOD = range(200, 300)


def concerns_all(desk: Desk, name: str, request: Request, body: Any) -> bool:
    """Whether this call is to be answered for every node, from here."""
    plan = PLANS.get(name)
    if plan is None or desk.members is None or is_part(request):
        return False
    has_key = "key" in request.query_params or (isinstance(body, dict) and "key" in body)
    return plan.with_key or not has_key


async def gather(members: Membership, name: str, request: Request, body: Any, handled: Handled) -> Response:
    """Ask this node, then the others."""
    plan, query = PLANS[name], request.scope["query_string"]
    span = Span.of(query)
    wide = _widened(span, query) if plan.is_part else query
    own = await _own(Request({**request.scope, "query_string": wide}), body, handled)
    others = await members.ask_all(question(request, wide, body))
    status, told = _made(name, plan, span, query, body, own, others)
    missing = [one.node for one in others if not one.status or one.status >= 500]
    return json_response({**told, "unanswered": missing} if missing else told, status)


async def _own(request: Request, body: Any, handled: Handled) -> Told:
    try:
        answer = await handled(request, body)
    except WrongError as wrong:
        if wrong.code != "request_not_found":
            raise
        return Told("", wrong.status, msgspec.json.encode({"error": {"code": wrong.code, "message": wrong.message}}))
    return Told("", answer.status_code, bytes(answer.body))


def _made(
    name: str, plan: Plan, span: Span, query: bytes, body: Any, own: Told, others: list[Told]
) -> tuple[int, dict[str, Any]]:
    good = [one for one in (own, *others) if one.status in _GOOD]
    if not good:
        return own.status, gathering.read(own.body)
    contents = [gathering.read(one.body) for one in good]
    if name == "verify_requests":
        return 200, gathering.verified(body, contents, counted)
    if plan.records:
        return 200, gathering.merged(plan, span, query, contents)
    return good[0].status, contents[0]


def _widened(span: Span, query: bytes) -> bytes:
    try:
        return span.widened(query)
    except gathering.TooDeepError:
        received = f"{span.limit} after {span.offset}"
        raise invalid(
            Objection("offset", received, f"up to {LISTED_LIMIT} in all, where several nodes are asked")
        ) from None
