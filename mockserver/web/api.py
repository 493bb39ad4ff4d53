"""The generation API as one plain function: (method, path, headers, body, now) -> answer.

The way of a request goes one way: authenticate, find the operation, validate, command, reply, body.
"""

from collections.abc import Callable, Iterable

from mockserver.contract.behaviour import FILE_ROLES, UPLOADS, Role
from mockserver.contract.objection import shown
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.runtime.clock import Mode
from mockserver.runtime.node import Node
from mockserver.simulation.command import AccountState, Strike
from mockserver.simulation.event import Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import UNACCEPTED, Effect
from mockserver.simulation.task import Task
from mockserver.simulation.tenant import Tenant
from mockserver.web.body import TaskBodies
from mockserver.web.exchange import Answer, json_answer
from mockserver.web.files import FilesApi
from mockserver.web.identity import Headers, tenant_asking, tenant_of
from mockserver.web.intake import Call, Intake, Order
from mockserver.web.listing import Listing
from mockserver.web.refused import RefusedError, error, on_the_wire, retry_after, scripted, too_many_tenants
from mockserver.web.view import CreditsView, in_credits


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
        self.body_limit = body_limit
        self._known = frozenset(map(tenant_of, only_keys))
        self._upload_limits = {one.path: upload_limit for one in registry.operations if one.role in UPLOADS}
        self._roles: dict[Role, Callable[[Call], Answer]] = {
            Role.CREATE_TASK: self._create,
            Role.GET_TASK: self._get_task,
            Role.GET_CREDITS: self._get_credits,
            Role.LIST_TASKS: self._list_tasks,
            Role.GET_TASKS: self._get_tasks,
            Role.LIST_MODELS: self._list_models,
            **dict.fromkeys(FILE_ROLES, self._of_files),
        }

    def handle(
        self, method: str, path: str, headers: Headers, body: bytes, now_ms: int, query: bytes = b""
    ) -> Answer:
        """Answer one request. Whatever comes in, an answer in the API's own shape goes out."""
        route = self._registry.route(method, path)
        if route is None:
            return self._unrouted(method, path)
        tenant = tenant_asking(headers, self._known)
        if tenant is None:
            return error(route.operations[0].errors["unauthorized"])
        call = Call(tenant, route, headers, body, now_ms, query)
        try:
            answer = self._roles[call.operation.role](call)
        except RefusedError as refused:
            answer = refused.answer
        answer.tenant = tenant
        return answer

    def limit_of(self, path: str) -> int:
        """How many bytes a body at this path may have."""
        return self._upload_limits.get(path, self.body_limit)

    def too_large(self, path: str) -> Answer:
        """The answer to a body over the bound, which nobody reads to its end."""
        answer = error(self._registry.general_of(path)["body_too_large"], limit=self.limit_of(path))
        answer.add_header("Connection", "close")
        return answer

    def broken(self, path: str) -> Answer:
        """The answer where the mock itself fails."""
        return error(self._registry.general_of(path)["internal_error"])

    # --- operations

    def _create(self, call: Call) -> Answer:
        order = self.intake.order(call, self._node.world.playbook)
        reply = self._node.execute(order.command).reply
        if reply.refusal is not None:
            raise RefusedError(self._order_refused(order, reply))
        return self._submitted(order.operation, reply)

    def _submitted(self, operation: Operation, reply: Reply) -> Answer:
        task = reply.task
        if task is None:
            raise AssertionError("an accepted submission has a task")
        answer = json_answer(200, self._bodies.submitted(operation, task), task.id)
        if reply.replayed:
            answer.add_header(operation.task_behaviour.idempotency.replayed_header, "true")
        return on_the_wire(answer, reply.effect)

    def _get_task(self, call: Call) -> Answer:
        task_id = call.route.path_values["task_id"]
        tenant = self._admitted(call)
        effect = self._struck(call, task_id)
        if not call.operation.parameter_fits("task_id", task_id):
            raise RefusedError(error(call.operation.errors["invalid_task_id"], received=shown(task_id)))
        now_ms = self._polled(call.now_ms)
        task = tenant.tasks.get(task_id) or self._foreign(call, task_id)
        answer = json_answer(200, self._bodies.detail(task, now_ms), task.id)
        return on_the_wire(answer, effect)

    def _get_credits(self, call: Call) -> Answer:
        tenant = self._admitted(call)
        effect = self._struck(call)
        return on_the_wire(json_answer(200, call.operation.shape.render(CreditsView(tenant))), effect)

    def _list_tasks(self, call: Call) -> Answer:
        tenant = self._admitted(call)
        effect = self._struck(call)
        asked = self.intake.query(call)
        body = self._listing.page(call.operation, tenant, asked, self._polled(call.now_ms))
        return on_the_wire(json_answer(200, body), effect)

    def _get_tasks(self, call: Call) -> Answer:
        tenant = self._admitted(call)
        effect = self._struck(call)
        task_ids = self.intake.body(call)["task_ids"]
        body = self._listing.batch(call.operation, tenant, task_ids, self._polled(call.now_ms))
        return on_the_wire(json_answer(200, body), effect)

    def _list_models(self, call: Call) -> Answer:
        tenant = self._admitted(call)
        effect = self._struck(call)
        return on_the_wire(json_answer(200, self._listing.models(call.operation, tenant)), effect)

    def _of_files(self, call: Call) -> Answer:
        self._admitted(call)
        effect = self._struck(call)
        if effect is not None and effect.fault in UNACCEPTED:
            return on_the_wire(self.broken(call.operation.path), effect)
        return on_the_wire(self._files.answer(call), effect)

    # --- steps on the way

    def _unrouted(self, method: str, path: str) -> Answer:
        methods, answers = self._registry.methods(path), self._registry.general_of(path)
        if not methods:
            return error(answers["unknown_path"], method=method, path=path[:200])
        allowed = ", ".join(methods)
        answer = error(answers["method_not_allowed"], method=method, allowed=allowed)
        answer.add_header("Allow", allowed)
        return answer

    def _admitted(self, call: Call) -> Tenant:
        tenant = self._node.world.tenant(call.tenant)
        if tenant.account.state is not AccountState.ACTIVE:
            raise RefusedError(error(call.operation.errors["unauthorized"]))
        return tenant

    def _struck(self, call: Call, task_id: str = "") -> Effect | None:
        """What a scenario does to a request that creates nothing; an error it asks for is answered at once."""
        matches = self.intake.matches(call, call.operation, self._node.world.playbook, {}, task_id)
        if not matches:
            return None
        command = Strike(at_ms=call.now_ms, tenant=call.tenant, matches=matches)
        reply = self._node.execute(command).reply
        if reply.refusal is not None:
            raise RefusedError(self._refused(call.operation, reply))
        if reply.effect is not None and reply.effect.answer is not None:
            raise RefusedError(on_the_wire(scripted(call.operation, reply.effect.answer), reply.effect))
        return reply.effect

    def _polled(self, now_ms: int) -> int:
        """A clock moved by polls moves here."""
        clock = self._node.clock
        if clock.mode is not Mode.POLLS:
            return now_ms
        clock.move_to(now_ms + clock.poll_step_ms)
        return self._node.catch_up()

    def _foreign(self, call: Call, task_id: str) -> Task:
        """Somebody else's task is forbidden; one that nobody has is not found."""
        refusal = Refusal.PERMISSION_DENIED if task_id in self._node.world.tasks else Refusal.TASK_NOT_FOUND
        raise RefusedError(error(call.operation.errors[refusal]))

    def _order_refused(self, order: Order, reply: Reply) -> Answer:
        """The answer to a submission that the world refused."""
        if reply.effect is not None and reply.effect.answer is not None:
            return on_the_wire(scripted(order.operation, reply.effect.answer), reply.effect)
        if reply.effect is not None:
            return on_the_wire(self.broken(order.operation.path), reply.effect)
        balance = self._node.world.tenant(order.command.tenant).book.user.available
        extra = {
            "account_balance_credits": in_credits(balance),
            "estimated_credits": in_credits(order.command.terms.reserve_uc),
        }
        return self._refused(order.operation, reply, model=order.command.terms.model, extra=extra)

    def _refused(self, operation: Operation, reply: Reply, **values: object) -> Answer:
        """The documented answer to a refusal of the world, with the time to wait where there is one."""
        if reply.refusal is Refusal.TOO_MANY_TENANTS:
            return too_many_tenants(operation, self._node.settings.tenants_limit)
        wait_s = -(-reply.retry_after_ms // 1000)
        answer = error(operation.errors[reply.refusal or ""], retry_after=wait_s, **values)
        return retry_after(answer, wait_s) if wait_s else answer
