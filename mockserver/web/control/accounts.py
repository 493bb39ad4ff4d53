"""Accounts: the money, and what a key may do."""

from typing import Any

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from mockserver.simulation.command import AccountState, SetAccount
from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.web.control.desk import Desk, json_response, limit_asked, offset_asked
from mockserver.web.control.records import account_record, book_record


class AccountCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_ledger(self, request: Request, body: Any) -> Response:
        residents = await self._desk.everyone(self._desk.name_asked(request))
        return json_response({"accounts": [book_record(one.world) for one in residents]})

    async def list_accounts(self, request: Request, body: Any) -> Response:
        """Only those that are shown are loaded."""
        worlds, search = self._desk.node.worlds, request.query_params.get("search", "").casefold()
        names = [name for name in worlds.names() if search in name.casefold()]
        offset = offset_asked(request)
        residents = await self._desk.those(names[offset : offset + limit_asked(request)])
        listed = [account_record(one, one.now_ms()) for one in residents if one.is_open]
        return json_response({"total": len(names), "accounts": listed})

    async def set_account(self, request: Request, body: Any) -> Response:
        resident = await self._desk.fetch(self._desk.name_of(request.path_params["key"], request))
        changes = {name: value for name, value in body.items() if name not in ("credits", "token_credits")}
        limit = body.get("token_credits", UNSET)
        if changes.get("models") is not None:
            changes["models"] = tuple(changes["models"])
        if "state" in changes:
            changes["state"] = AccountState(changes["state"])
        command = SetAccount(
            at_ms=resident.now_ms(),
            credits_uc=_in_uc(body["credits"]) if "credits" in body else UNSET,
            token_credits_uc=_in_uc(limit) if isinstance(limit, int | float) else limit,
            **changes,
        )
        self._desk.do(resident, command)
        return json_response(book_record(resident.world))


def _in_uc(credits_amount: float) -> int:
    return round(credits_amount * UC_PER_CREDIT)
