"""The control API: one handler for each operationId of control.yaml, with its requests validated against it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mockserver.contract.document import Document
from mockserver.contract.objection import Objection, shown
from mockserver.contract.operation import Request as RequestContract
from mockserver.contract.operation import read_request
from mockserver.contract.query import Query
from mockserver.contract.registry import Registry
from mockserver.runtime.clock import Mode
from mockserver.runtime.node import Node
from mockserver.simulation import command as commands
from mockserver.simulation.event import Reply
from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Event, State
from mockserver.web.identity import tenant_of
from mockserver.web.journal import Journal, differences
from mockserver.web.records import book_record, clock_record, delivery_record, scenario_record, task_record
from mockserver.web.script import ScriptError, Scripts, whole
from mockserver.web.stream import EventStream

Handler = Callable[[Request, Any], Awaitable[Response]]
_encode = msgspec.json.Encoder(enc_hook=list).encode
_NEWEST_FIRST_LIMIT = 1_000
_NO_FIELDS = {"type": "object", "properties": {}, "additionalProperties": False}
"""The body of an operation that takes none: `{}` at most."""
_WHOLE = re.compile(r"[0-9]{1,6}")

_REFUSED: dict[Refusal, tuple[int, str]] = {
    Refusal.TASK_NOT_FOUND: (404, "No task has this id"),
    Refusal.TASK_ENDED: (409, "The task has ended"),
    Refusal.DELIVERY_NOT_FOUND: (404, "No delivery has this id"),
    Refusal.DELIVERY_BUSY: (409, "An attempt of this delivery is under way"),
    Refusal.SCENARIO_NOT_FOUND: (404, "No scenario in force has this name"),
    Refusal.TOO_MANY_SCENARIOS: (409, "The bound on scenarios is reached; remove some first"),
    Refusal.TOO_MANY_TENANTS: (409, "The bound on API keys is reached; reset some first"),
}


class _WrongError(Exception):
    """A control request that can't be carried out, with its status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The handlers. Each takes the request and its validated body (None where there is none)."""

    node: Node
    registry: Registry
    scripts: Scripts
    journal: Journal
    stream: EventStream
    health: Callable[[], dict[str, Any]]
    replay_file: Callable[[], Any]
    start_over: Callable[[], Awaitable[None]]

    # --- server

    async def get_health(self, request: Request, body: Any) -> Response:
        return _json({**self.health(), "now_ms": self.node.catch_up()})

    async def reset(self, request: Request, body: Any) -> Response:
        key = (body or {}).get("key")
        if key is None:
            await self.start_over()
        else:
            tenant = self._tenant_id(key)
            self._do(commands.ForgetTenant(at_ms=self.node.catch_up(), tenant=tenant))
            self.journal.forget(tenant)
        return _json({"done": True})

    async def stream_events(self, request: Request, body: Any) -> Response:
        events = self.stream.subscribe(self._tenant_asked(request))
        return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def get_log(self, request: Request, body: Any) -> Response:
        return StreamingResponse(_paced(self.replay_file()), media_type="application/jsonl")

    # --- clock

    async def get_clock(self, request: Request, body: Any) -> Response:
        self.node.catch_up()
        return _json(clock_record(self.node.clock, self.node.world.next_due_ms()))

    async def set_clock(self, request: Request, body: Any) -> Response:
        now_ms = self.node.catch_up()
        if body.get("now_ms", now_ms) < now_ms:
            raise _invalid(Objection("now_ms", str(body["now_ms"]), f"{now_ms} or later: time never goes back"))
        mode = Mode(body["mode"]) if "mode" in body else None
        self.node.set_clock(mode, speed=body.get("speed"), poll_step_ms=body.get("poll_step_ms"))
        if "now_ms" in body:
            await self.node.advance(body["now_ms"])
        return await self.get_clock(request, None)

    async def advance_clock(self, request: Request, body: Any) -> Response:
        now_ms = self.node.catch_up()
        if "ms" in body:
            target_ms: int | None = now_ms + body["ms"]
        else:
            target_ms = (self.node.world.next_due_ms() or now_ms) if "to_next" in body else None
        fired, count = await self.node.advance(target_ms)
        return _json({"now_ms": self.node.clock.now_ms(), "fired_count": count, "fired": fired})

    # --- tasks

    async def list_tasks(self, request: Request, body: Any) -> Response:
        now_ms = self.node.catch_up()
        tenant = self._tenant_asked(request)
        tasks = self.node.world.tasks if tenant is None else self.node.world.tenant(tenant).tasks
        state = request.query_params.get("state")
        if state is not None and state not in set(State):
            raise _invalid(Objection("state", shown(state), ", ".join(State)))
        fitting = [task for task in reversed(tasks.values()) if state in (None, task.state)]
        listed = [task_record(task, now_ms) for task in fitting[: _limit(request)]]
        return _json({"total": len(fitting), "tasks": listed})

    async def complete_task(self, request: Request, body: Any) -> Response:
        return await self._steer(request, Event.COMPLETE)

    async def fail_task(self, request: Request, body: Any) -> Response:
        code = (body or {}).get("code", "service_error")
        if code not in self.registry.failures:
            raise _invalid(Objection("code", shown(code), ", ".join(self.registry.failures)))
        return await self._steer(request, Event.FAIL, code, (body or {}).get("message"))

    async def cancel_task(self, request: Request, body: Any) -> Response:
        return await self._steer(request, Event.CANCEL)

    async def _steer(
        self, request: Request, event: Event, failure: str | None = None, message: str | None = None
    ) -> Response:
        now_ms = self.node.catch_up()
        task_id = request.path_params["task_id"]
        reply = self._do(commands.Steer(at_ms=now_ms, task_id=task_id, event=event, failure=failure, message=message))
        if not self.node.clock.runs:
            await self.node.courier.settled()
        if reply.task is None:
            raise AssertionError("a steered task is there")
        return _json(task_record(reply.task, now_ms))

    # --- money

    async def get_ledger(self, request: Request, body: Any) -> Response:
        self.node.catch_up()
        tenant = self._tenant_asked(request)
        world = self.node.world
        tenants = list(world.tenants.values()) if tenant is None else [world.tenant(tenant)]
        return _json({"accounts": [book_record(one) for one in tenants]})

    async def set_account(self, request: Request, body: Any) -> Response:
        key = request.path_params["key"]
        if not key:
            raise _invalid(Objection("key", "nothing", "an API key, or a tenant as answers name it"))
        tenant = self._tenant_id(key)
        changes = {name: value for name, value in body.items() if name not in ("credits", "token_credits")}
        limit = body.get("token_credits", UNSET)
        if "models" in changes and changes["models"] is not None:
            changes["models"] = tuple(changes["models"])
        if "state" in changes:
            changes["state"] = commands.AccountState(changes["state"])
        self._do(
            commands.SetAccount(
                at_ms=self.node.catch_up(),
                tenant=tenant,
                credits_uc=_in_uc(body["credits"]) if "credits" in body else UNSET,
                token_credits_uc=_in_uc(limit) if isinstance(limit, int | float) else limit,
                **changes,
            )
        )
        return _json(book_record(self.node.world.tenant(tenant)))

    # --- callbacks

    async def list_callbacks(self, request: Request, body: Any) -> Response:
        self.node.catch_up()
        tenant, task_id = self._tenant_asked(request), request.query_params.get("task_id")
        fitting = (
            delivery
            for delivery in self.node.world.deliveries.values()
            if tenant in (None, delivery.tenant) and task_id in (None, delivery.task_id)
        )
        return _json({"callbacks": [delivery_record(one) for one in islice(fitting, _limit(request))]})

    async def replay_callback(self, request: Request, body: Any) -> Response:
        delivery_id = request.path_params["delivery_id"]
        self._do(commands.Redeliver(at_ms=self.node.catch_up(), delivery_id=delivery_id))
        await self.node.courier.settled()
        return _json(delivery_record(self.node.world.deliveries[delivery_id]))

    # --- journal

    async def list_requests(self, request: Request, body: Any) -> Response:
        entries = list(self.journal.entries(self._tenant_asked(request)))
        return _json({"requests": [entry.record() for entry in entries[-_limit(request) :]]})

    async def verify_requests(self, request: Request, body: Any) -> Response:
        tenant = self._tenant_id(body["key"]) if "key" in body else None
        expected = {
            name: body[name] for name in ("method", "path", "query", "headers", "body", "status") if name in body
        }
        compared = [(differences(expected, one), one) for one in map(_record, self.journal.entries(tenant))]
        matched = sum(not found for found, _ in compared)
        answer: dict[str, Any] = {"verified": _counted(body, matched), "matched": matched}
        if compared and not matched:
            nearest, record = min(compared, key=lambda pair: len(pair[0]))
            answer["nearest"] = {"request": record, "differences": nearest}
        return _json(answer)

    # --- scenarios

    async def list_scenarios(self, request: Request, body: Any) -> Response:
        tenant = self._tenant_asked(request)
        playbook = self.node.world.playbook
        if tenant is None:
            return _json({"scenarios": list(playbook.scenarios.values())})
        hits = playbook.hits.get(tenant, {})
        listed = [scenario_record(scenario, own=own, hits=hits) for scenario, own in playbook.of(tenant)]
        return _json({"scenarios": listed})

    async def add_scenario(self, request: Request, body: Any) -> Response:
        try:
            scenario = self.scripts.scenario(body, self._tenant_asked(request))
        except ScriptError as error:
            raise _invalid(error.objection) from error
        self._do(commands.AddScenario(at_ms=self.node.catch_up(), scenario=scenario))
        return _json(scenario, status=201)

    async def remove_scenarios(self, request: Request, body: Any) -> Response:
        name = request.query_params.get("name")
        tenant = self._tenant_asked(request)
        self._do(commands.RemoveScenarios(at_ms=self.node.catch_up(), tenant=tenant, name=name))
        return _json({"done": True})

    # --- steps

    def _do(self, command: commands.Command) -> Reply:
        reply = self.node.execute(command).reply
        if reply.refusal is not None:
            status, message = _REFUSED[reply.refusal]
            raise _WrongError(status, reply.refusal, message)
        return reply

    def _tenant_asked(self, request: Request) -> str | None:
        key = request.query_params.get("key")
        return None if key is None else self._tenant_id(key)

    def _tenant_id(self, key: str) -> str:
        """A key as clients send it, or the name of a tenant as answers show it."""
        return key if key in self.node.world.tenants else tenant_of(key)


def routes(document: Document, control: Control) -> list[Route]:
    """A route for each operation of the document. Raises AttributeError where one has no handler."""
    found = []
    for method, path, raw in document.operations():
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in raw["operationId"])
        contract = read_request(document, raw) or RequestContract(document, _NO_FIELDS, required=False)
        endpoint = _endpoint(getattr(control, name), contract, Query(document, raw))
        found.append(Route(path.replace("{key}", "{key:path}"), endpoint, methods=[method]))  # a key may hold a slash
    return found


def error_body(code: str, message: str, kind: str = "invalid_request_error") -> bytes:
    """An error of the control API, in the shape that the generation API's errors have."""
    return _encode({"error": {"code": code, "message": message, "type": kind}})


def _endpoint(handler: Handler, contract: RequestContract, query: Query) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            _known(request, query)
            return await handler(request, await _validated(request, contract))
        except _WrongError as wrong:
            return _error(wrong.status, wrong.code, wrong.message)
        except RecursionError:
            return _error(400, "invalid_request", "The request body is nested too deeply")

    return endpoint


def unrouted(request: Request, error: Exception) -> Response:
    """The answer where no route takes the path, or none takes the method."""
    methods = (getattr(error, "headers", None) or {}).get("Allow")
    if methods is None:
        return _error(404, "not_found", f"Nothing answers {request.method} {request.url.path[:200]}")
    allowed = ", ".join(sorted(methods.split(", ")))
    answer = _error(405, "method_not_allowed", f"Method: received {request.method}; allowed: {allowed}")
    answer.headers["allow"] = allowed
    return answer


def _error(status: int, code: str, message: str) -> Response:
    return Response(error_body(code, message), status, media_type="application/json")


BODY_LIMIT = 1024 * 1024


def _known(request: Request, query: Query) -> None:
    """A parameter that is misspelt is told, not passed over."""
    unknown = query.unknown(request.scope["query_string"])
    if unknown is not None:
        allowed = ", ".join(query.names) or "none"
        raise _invalid(Objection(shown(unknown), "a parameter that is not known here", allowed))


async def _validated(request: Request, contract: RequestContract) -> Any:
    """The body, checked against the document; None where none came and none is needed."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise _WrongError(413, "body_too_large", f"The request body is longer than {BODY_LIMIT} bytes")
    if not raw and not contract.required:
        return None
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _WrongError(400, "invalid_request", f"The request body is not valid JSON: {error}") from error
    objection = contract.objection(body)
    if objection is not None:
        raise _invalid(objection)
    return whole(body)


def _invalid(objection: Objection) -> _WrongError:
    message = f"{objection.field}: received {objection.received}; allowed: {objection.allowed}"
    return _WrongError(400, "invalid_request", message)


def _json(content: Any, status: int = 200) -> Response:
    return Response(_encode(content), status, media_type="application/json")


async def _paced(lines: Any) -> AsyncIterator[bytes]:
    """In pieces of some size, so that a long log leaves room for other requests."""
    while piece := b"".join(islice(lines, 1_000)):
        yield piece


def _limit(request: Request) -> int:
    written = request.query_params.get("limit", "100")
    if _WHOLE.fullmatch(written) is None or not 1 <= int(written) <= _NEWEST_FIRST_LIMIT:
        raise _invalid(Objection("limit", shown(written), f"a whole number from 1 to {_NEWEST_FIRST_LIMIT}"))
    return int(written)


def _in_uc(credits_amount: float) -> int:
    return round(credits_amount * UC_PER_CREDIT)


def _counted(body: dict[str, Any], matched: int) -> bool:
    if "count" in body:
        return bool(matched == body["count"])
    least = body.get("at_least", 0 if "at_most" in body else 1)
    return bool(least <= matched <= body.get("at_most", matched))


def _record(entry: Any) -> dict[str, Any]:
    record: dict[str, Any] = entry.record()
    return record
