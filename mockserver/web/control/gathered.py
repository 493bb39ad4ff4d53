"""Answers that are made of the answers of all nodes. `unanswered` names those whose keys are in none of them."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.request.objection import Objection
from mockserver.log import MovedError
from mockserver.web.control.desk import LISTED_LIMIT, WrongError, invalid, json_response
from mockserver.web.control.requests import counted
from mockserver.web.nodes import gathering
from mockserver.web.nodes.asking import Question, Told, question
from mockserver.web.nodes.coverage import NO_GAP, SLOTS_TOLD, bits
from mockserver.web.nodes.gathering import PLANS, Plan, Span
from mockserver.web.nodes.membership import LOOK_S, WAIT_S, Membership

Handled = Callable[[Request, Any], Awaitable[Response]]
_GOOD = range(200, 300)


def concerns_all(name: str, request: Request, body: Any) -> bool:
    """Whether this call is to be answered for every node, from here."""
    plan = PLANS.get(name)
    if plan is None:
        return False
    has_key = "key" in request.query_params or (isinstance(body, dict) and "key" in body)
    return plan.with_key or not has_key


async def part(members: Membership, request: Request, body: Any, handled: Handled) -> Response:
    """This node's own answer, and for which slots it speaks: for none where some have changed hands meanwhile."""
    before = frozenset(members.territory.ready)
    answer = await handled(request, body)
    settled = before if before == members.territory.ready else ()
    answer.headers[SLOTS_TOLD] = f"{bits(settled):x}"
    return answer


async def gather(members: Membership, name: str, request: Request, body: Any, handled: Handled) -> Response:
    """Ask this node, then the others; and again for a while, where keys are on their way from node to node."""
    plan, query = PLANS[name], request.scope["query_string"]
    span = Span.of(query)
    wide = _widened(span, query) if plan.is_part else query
    mine = Request({**request.scope, "query_string": wide})
    own_part = partial(_own, members, mine, body, handled)
    own, others, missing = await _answers(members, plan, own_part, question(request, wide, body))
    status, told = _made(name, plan, span, query, body, own, others)
    return json_response({**told, "unanswered": sorted(missing)} if missing else told, status)


async def _answers(
    members: Membership, plan: Plan, own_part: Callable[[], Awaitable[Told]], asked: Question
) -> tuple[Told, list[Told], set[str]]:
    """This node's part, those of the others, and whose keys are in none of them."""
    until = time.monotonic() + WAIT_S
    while True:
        own = await own_part()
        if plan.tells:
            await members.territory.refresh()
        others = await members.ask_all(asked)
        silent = {one.node for one in others if not one.status or one.status >= 500}
        gap = members.gap((own, *others)) if plan.of_worlds else NO_GAP
        is_settled = gap.owners <= silent and not gap.has_twice
        if is_settled or members.territory.is_away or time.monotonic() > until:
            return own, others, silent | gap.owners
        await members.territory.changed(LOOK_S)


async def _own(members: Membership, request: Request, body: Any, handled: Handled) -> Told:
    try:
        answer = await part(members, request, body, handled)
    except WrongError as wrong:
        if wrong.code != "request_not_found":
            raise
        return _refused(wrong.status, wrong.code, wrong.message)
    except MovedError:
        return _refused(503, "service_unavailable", members.hindrance)
    return Told("", answer.status_code, bytes(answer.body), int(answer.headers[SLOTS_TOLD], 16))


def _refused(status: int, code: str, message: str) -> Told:
    return Told("", status, msgspec.json.encode({"error": {"code": code, "message": message}}))


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
