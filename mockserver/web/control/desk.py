"""What all calls of the control API share: whose world is meant, what went wrong, how answers look."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.document.document import Document
from mockserver.contract.registry import Registry
from mockserver.contract.request.objection import Objection, shown
from mockserver.runtime.node import Node
from mockserver.runtime.resident import Resident
from mockserver.runtime.timekeeper import Timekeeper
from mockserver.simulation import command as commands
from mockserver.simulation.event import Reply
from mockserver.simulation.refusal import Refusal
from mockserver.web.api.identity import PAGE_HEADER, is_tenant, tenant_of
from mockserver.web.api.script import Scripts
from mockserver.web.control.stream import EventStream
from mockserver.web.hints.adviser import Adviser
from mockserver.web.hints.hint import HEADER, in_a_header
from mockserver.web.journal import Journal
from mockserver.web.looking.pulse import Pulse
from mockserver.web.nodes.membership import Membership

_encode = msgspec.json.Encoder(enc_hook=list).encode
LISTED_LIMIT = 1_000
"""How many records one call lists at the most."""
LISTED_USUALLY = 100
_WHOLE = re.compile(r"[0-9]{1,16}")
_REFUSED: dict[Refusal, tuple[int, str]] = {
    Refusal.TASK_NOT_FOUND: (404, "No task has this id"),
    Refusal.TASK_ENDED: (409, "The task has ended"),
    Refusal.DELIVERY_NOT_FOUND: (404, "No delivery has this id"),
    Refusal.DELIVERY_BUSY: (409, "An attempt of this delivery is under way"),
    Refusal.SCENARIO_NOT_FOUND: (404, "No scenario in force has this name"),
    Refusal.TOO_MANY_SCENARIOS: (409, "The bound on scenarios is reached; remove some first"),
    Refusal.UNKNOWN_TENANT: (400, "key: received one that is no account; allowed: those of --only-key"),
    Refusal.TOO_MANY_TENANTS: (409, "The bound on API keys is reached; reset some first"),
}


class WrongError(Exception):
    """A control request that can't be carried out, with its status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Desk(Struct, frozen=True, kw_only=True):
    """The parts of the server that calls are about."""

    node: Node
    timekeeper: Timekeeper
    registry: Registry
    control_document: Document
    scripts: Scripts
    journal: Journal
    adviser: Adviser | None
    stream: EventStream
    pulse: Pulse
    health: Callable[[], dict[str, Any]]
    version: str
    public_url: Callable[[], str]
    only_keys: bool
    start_over: Callable[[], Awaitable[None]]
    members: Membership | None = None

    def name_asked(self, request: Request) -> str | None:
        """The name of the world of `key`; None where the whole server is meant."""
        key = request.query_params.get("key")
        return None if key is None else self.name_of(key, request)

    def name_of(self, key: str, request: Request) -> str:
        """A key as clients send it, or the name of its world as answers show it. The page knows names alone, also of
        worlds that are forgotten by now; a program's key may look like a name."""
        if not key:
            raise invalid(Objection("key", "nothing", "an API key, or a tenant as answers name it"))
        is_name = self.node.worlds.knows(key) or (PAGE_HEADER in request.headers and is_tenant(key))
        return key if is_name else tenant_of(key)

    def forget_exchanges(self, name: str) -> None:
        """What is remembered beside a key's world."""
        self.journal.forget(name)
        if self.adviser is not None:
            self.adviser.forget(name)

    def hint(self, request: Request, answer: Response) -> None:
        """Let an answer carry the hints that wait for one: to the key that it is about, or to anybody. The page hears
        of them by its stream, and takes none away from whoever is to read it."""
        if self.adviser is None or PAGE_HEADER in request.headers:
            return
        name = self.name_asked(request)
        waiting = self.adviser.waiting(name, everybody=name is None)
        if waiting:
            answer.raw_headers.append((HEADER, in_a_header(waiting)))

    async def asked(self, request: Request) -> Resident | None:
        """The world of `key`, caught up with its clock; None where the whole server is meant."""
        name = self.name_asked(request)
        return None if name is None else await self.fetch(name)

    async def fetch(self, name: str) -> Resident:
        resident = await self.node.worlds.fetch(name)
        self.node.catch_up(resident)
        return resident

    async def owner_of(self, one_id: str, refusal: Refusal) -> Resident:
        """Whose task or delivery this is, caught up with its clock."""
        resident = await self.node.finder.owner_of(one_id)
        if resident is None:
            raise refused(refusal)
        self.node.catch_up(resident)
        return resident

    async def everyone(self, name: str | None) -> list[Resident]:
        """One world, or all that there are."""
        return await self.those() if name is None else [await self.fetch(name)]

    async def those(self, names: Iterable[str] | None = None) -> list[Resident]:
        """The worlds of these names, or all; without what can't be read."""
        found = [resident async for resident in self.node.worlds.everyone(names)]
        for resident in found:
            self.node.catch_up(resident)
        return found

    def do(self, resident: Resident, command: commands.Command) -> Reply:
        return accepted(self.node.execute(resident, command))


def accepted(reply: Reply) -> Reply:
    """A reply that is no refusal."""
    if reply.refusal is not None:
        raise refused(reply.refusal)
    return reply


def refused(refusal: Refusal) -> WrongError:
    status, message = _REFUSED[refusal]
    return WrongError(status, refusal, message)


def invalid(objection: Objection) -> WrongError:
    message = f"{objection.field}: received {objection.received}; allowed: {objection.allowed}"
    return WrongError(400, "invalid_request", message)


def json_response(content: Any, status: int = 200) -> Response:
    return Response(_encode(content), status, media_type="application/json")


def error_body(code: str, message: str, kind: str = "invalid_request_error") -> bytes:
    """An error of the control API, in the shape that the generation API's errors have."""
    return _encode({"error": {"code": code, "message": message, "type": kind}})


def error_response(status: int, code: str, message: str) -> Response:
    return Response(error_body(code, message), status, media_type="application/json")


def limit_asked(request: Request) -> int:
    """How many records are wanted."""
    return whole_asked(request, "limit", LISTED_USUALLY, least=1, most=LISTED_LIMIT)


def offset_asked(request: Request) -> int:
    """How many records are passed over first."""
    return whole_asked(request, "offset", 0)


def whole_asked(request: Request, name: str, default: int, *, least: int = 0, most: int = 999_999_999) -> int:
    """A parameter that is a whole number."""
    written = request.query_params.get(name, str(default))
    if _WHOLE.fullmatch(written) is None or not least <= int(written) <= most:
        raise invalid(Objection(name, shown(written), f"a whole number from {least} to {most}"))
    return int(written)


def flag_asked(request: Request, name: str) -> bool:
    """A parameter that is true or false; false where it is absent."""
    return one_asked(request, name, ("true", "false")) == "true"


def one_asked(request: Request, name: str, allowed: Iterable[str]) -> str | None:
    """A parameter that is one of a few words; None where it is absent."""
    written = request.query_params.get(name)
    words = list(allowed)
    if written is not None and written not in words:
        raise invalid(Objection(name, shown(written), ", ".join(words)))
    return written
