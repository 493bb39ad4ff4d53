"""The generation API as one plain function: (method, path, query, headers, body, now) -> answer.

The way of a request goes one way: authenticate, find the operation, validate, command, reply, body.
"""

from collections.abc import Callable, Iterable

from mockserver.contract.behaviour import FILE_ROLES, UPLOADS, Role
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.contract.request.objection import shown
from mockserver.runtime.node import Node
from mockserver.runtime.resident import Resident
from mockserver.simulation.command import AccountState, Steer, Strike
from mockserver.simulation.event import Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import UNACCEPTED, Effect
from mockserver.simulation.task import Event, Task
from mockserver.simulation.world import World
from mockserver.web.api.body import TaskBodies
from mockserver.web.api.identity import Headers, names_of, tenant_asking
from mockserver.web.api.intake import Call, Intake, Order, judge_parameters, task_asked
from mockserver.web.api.listing import Listing
from mockserver.web.api.matter import Matter
from mockserver.web.api.refused import RefusedError, error, on_the_wire, retry_after, scripted, too_many_tenants
from mockserver.web.api.view import CreditsView, in_credits
from mockserver.web.files.api import FilesApi
from mockserver.web.http.cors import HOW, is_preflight
from mockserver.web.http.exchange import Answer, json_answer


class Api:
    """Answers requests of the generation API. Holds no state of its own: that is the node's."""

    def __init__(
        self,
        *,
        node: Node,
        registry: Registry,
        intake: Intake,
        bodies: TaskBodies,
        files: FilesApi,
        body_limit: int,
        upload_limit: int,
        only_keys: Iterable[str] = (),
    ) -> None:
        self._node, self._registry, self.intake = node, registry, intake
        self._bodies, self._files, self._listing = bodies, files, Listing(registry, bodies)
        self._body_limit, self.fits_anywhere = body_limit, min(body_limit, upload_limit)
        self._known = names_of(only_keys)
        self._upload_limits = {one.path: upload_limit for one in registry.operations if one.role in UPLOADS}
        self._roles: dict[Role, Callable[[Call], Answer]] = {
            Role.CREATE_TASK: self._create,
            Role.GET_TASK: self._get_task,
            Role.GET_CREDITS: self._get_credits,
            Role.CANCEL_TASK: self._cancel_task,
            Role.LIST_TASKS: self._list_tasks,
            Role.GET_TASKS: self._get_tasks,
            Role.LIST_MODELS: self._list_models,
            **dict.fromkeys(FILE_ROLES, self._of_files),
        }

    def handle(self, method: str, path: str, query: bytes, headers: Headers, body: bytes, now: float) -> Answer:
        """Answer one request. Whatever comes in, an answer in the API's own shape goes out.

        `now` is the machine's monotonic clock in milliseconds. Raises NotHereError where a world has to be loaded
        first, LogError while the log can't be written; then nothing has changed.
        """
        route = self._registry.route(method, path)
        if route is None:
            return self._unrouted(method, path, headers)
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding.lower() != b"identity":
            return self.general("unsupported_encoding", path, received=shown(encoding.decode("latin-1")))
        tenant = tenant_asking(headers, self._known)
        if tenant is None:
            return error(route.operations[0].errors["unauthorized"])
        resident = self._node.worlds.here(tenant)
        resident.touched = now / 1000
        call = Call(resident, route, headers, body, resident.now_ms(now), query)
        try:
            judge_parameters(call)
            answer = self._roles[call.operation.role](call)
        except RefusedError as refused:
            answer = refused.answer
            answer.matter = Matter(call, refused.operation or call.operation, None, refused.objection)
        if answer.matter is None:
            answer.matter = Matter(call, call.operation)
        answer.tenant = tenant
        answer.at_ms = call.now_ms
        return answer

    def limit_of(self, path: str) -> int:
        """How many bytes a body at this path may have."""
        return self._upload_limits.get(path, self._body_limit)

    def general(self, refusal: str, path: str, **values: object) -> Answer:
        """An answer that belongs to no operation, as the API at this path tells it."""
        return error(self._registry.general_of(path)[refusal], **values)

    def broken(self, path: str) -> Answer:
        """The answer where the mock itself fails."""
        return self.general("internal_error", path)

    def unavailable(self, method: str, path: str, message: str) -> Answer:
        """The answer where nothing can be told at the moment, and nothing was done."""
        route = self._registry.route(method, path)
        errors = self._registry.general_of(path) if route is None else route.operations[0].errors
        refusal = "too_many_connections" if route is None else "service_unavailable"
        return retry_after(error(errors[refusal], message=message), 1)

    # --- operations

    def _create(self, call: Call) -> Answer:
        order = self.intake.order(call)
        reply = self._node.execute(call.resident, order.command)
        if reply.refusal is not None:
            raise RefusedError(self._order_refused(call, order, reply))
        answer = self._submitted(call, order.operation, reply)
        answer.matter = Matter(call, order.operation, order.body)
        return answer

    def _submitted(self, call: Call, operation: Operation, reply: Reply) -> Answer:
        task = reply.task
        if task is None:
            raise AssertionError("an accepted submission has a task")
        body = self._bodies.submitted(operation, task, call.resident.world.account.user_group)
        answer = json_answer(operation.status, body, task.id)
        if reply.replayed:
            answer.add_header(operation.task_behaviour.idempotency.replayed_header, "true")
        return on_the_wire(answer, reply.effect)

    def _get_task(self, call: Call) -> Answer:
        task_id = task_asked(call)
        world = call.resident.world
        foreign = self._is_foreign(call.resident, task_id)
        self._admit(call)
        effect = self._struck(call, task_id)
        if task_id not in world.tasks and not call.operation.parameter_fits("task_id", task_id):
            raise RefusedError(error(call.operation.errors["invalid_task_id"], received=shown(task_id)))
        now_ms = self._node.poll(call.resident, call.now_ms)
        task = self._own(call, task_id, foreign=foreign)
        answer = json_answer(200, self._bodies.detail(task, now_ms, world.account.user_group), task.id)
        return on_the_wire(answer, effect)

    def _cancel_task(self, call: Call) -> Answer:
        """End a task of another provider, as its owner asks."""
        task_id = task_asked(call)
        world = call.resident.world
        foreign = self._is_foreign(call.resident, task_id)
        self._admit(call)
        effect = self._struck(call, task_id)
        task = self._own(call, task_id, foreign=foreign)
        reply = self._node.execute(call.resident, Steer(at_ms=call.now_ms, task_id=task_id, event=Event.CANCEL))
        if reply.refusal is not None:
            raise RefusedError(self._refused(call.operation, reply))
        if not call.operation.shape.described():
            return on_the_wire(Answer(call.operation.status, [], b"", task_id=task_id), effect)
        body = self._bodies.by(call.operation.shape, task, call.now_ms, world.account.user_group)
        return on_the_wire(json_answer(call.operation.status, body, task_id), effect)

    def _get_credits(self, call: Call) -> Answer:
        world = self._admit(call)
        effect = self._struck(call)
        return on_the_wire(json_answer(200, call.operation.shape.render(CreditsView(world.book))), effect)

    def _list_tasks(self, call: Call) -> Answer:
        world = self._admit(call)
        effect = self._struck(call)
        if call.operation.speech is not None:
            now_ms = self._node.poll(call.resident, call.now_ms)
            recent = self._listing.recent(call.operation, world, now_ms)
            return on_the_wire(json_answer(200, recent), effect)
        asked = self.intake.query(call)
        body = self._listing.page(call.operation, world, asked, self._node.poll(call.resident, call.now_ms))
        return on_the_wire(json_answer(200, body), effect)

    def _get_tasks(self, call: Call) -> Answer:
        world = self._admit(call)
        effect = self._struck(call)
        task_ids = self.intake.body(call)["task_ids"]
        body = self._listing.batch(call.operation, world, task_ids, self._node.poll(call.resident, call.now_ms))
        return on_the_wire(json_answer(200, body), effect)

    def _list_models(self, call: Call) -> Answer:
        world = self._admit(call)
        effect = self._struck(call)
        return on_the_wire(json_answer(200, self._listing.models(call.operation, world.account)), effect)

    def _of_files(self, call: Call) -> Answer:
        self._admit(call)
        effect = self._struck(call)
        if effect is not None and effect.fault in UNACCEPTED:
            return on_the_wire(self.broken(call.operation.path), effect)
        return on_the_wire(self._files.answer(call), effect)

    # --- steps on the way

    def _unrouted(self, method: str, path: str, headers: Headers) -> Answer:
        methods, answers = self._registry.methods(path), self._registry.general_of(path)
        left = self._registry.not_served(method, path)
        if left is not None:
            told = {"method": method, "path": path[:200], "file": left.file, "reason": left.reason}
            return error(self._registry.general["not_served"], **told)
        if not methods:
            return error(answers["unknown_path"], method=method, path=path[:200])
        allowed = ", ".join(methods)
        how = f"; {HOW}" if is_preflight(method, headers) else ""
        answer = error(answers["method_not_allowed"], method=method, allowed=allowed + how)
        answer.add_header("Allow", allowed)
        return answer

    def _admit(self, call: Call) -> World:
        """Let in whoever may ask, with all that is due by now done."""
        self._node.catch_up(call.resident, call.now_ms)
        world = call.resident.world
        if world.account.state is not AccountState.ACTIVE:
            raise RefusedError(error(call.operation.errors["unauthorized"]))
        return world

    def _struck(self, call: Call, task_id: str = "") -> Effect | None:
        """What a scenario does to a request that creates nothing; an error it asks for is answered at once."""
        matches = self.intake.matches(call, call.operation, {}, task_id)
        if not matches:
            return None
        reply = self._node.execute(call.resident, Strike(at_ms=call.now_ms, matches=matches))
        if reply.refusal is not None:
            raise RefusedError(self._refused(call.operation, reply))
        if reply.effect is not None and reply.effect.answer is not None:
            raise RefusedError(on_the_wire(scripted(call.operation, reply.effect.answer), reply.effect))
        return reply.effect

    def _own(self, call: Call, task_id: str, *, foreign: bool) -> Task:
        """A task of whoever asks."""
        task = call.resident.world.tasks.get(task_id)
        if task is None:
            refusal = Refusal.PERMISSION_DENIED if foreign else Refusal.TASK_NOT_FOUND
            raise RefusedError(error(call.operation.errors[refusal]))
        return task

    def _is_foreign(self, own: Resident, task_id: str) -> bool:
        """Whether it is somebody else's task: that is forbidden, one that nobody has is not found."""
        if task_id in own.world.tasks:
            return False
        worlds, elsewhere = self._node.worlds, self._node.elsewhere
        if elsewhere is not None and elsewhere.is_away(task_id):
            return elsewhere.is_task(task_id)
        others = (name for name in worlds.names_for(task_id) if name != own.name)
        return any(task_id in worlds.here(name).world.tasks for name in others)

    def _order_refused(self, call: Call, order: Order, reply: Reply) -> Answer:
        """The answer to a submission that the world refused."""
        if reply.effect is not None and reply.effect.answer is not None:
            told = scripted(order.operation, reply.effect.answer, model=order.body["model"])
            return on_the_wire(told, reply.effect)
        if reply.effect is not None:
            return on_the_wire(self.broken(order.operation.path), reply.effect)
        balance = call.resident.world.book.user.available
        extra = {
            "account_balance_credits": in_credits(balance),
            "estimated_credits": in_credits(order.command.terms.reserve_uc),
        }
        return self._refused(order.operation, reply, model=order.command.terms.model, extra=extra)

    def _refused(self, operation: Operation, reply: Reply, **values: object) -> Answer:
        """The documented answer to a refusal of the world, with the time to wait where there is one."""
        if reply.refusal is Refusal.TOO_MANY_TENANTS:
            return too_many_tenants(operation, self._node.worlds.limits.worlds)
        wait_s = -(-reply.retry_after_ms // 1000)
        answer = error(operation.errors[reply.refusal or ""], retry_after=wait_s, **values)
        return retry_after(answer, wait_s) if wait_s else answer
