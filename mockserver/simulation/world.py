"""The world: one deterministic state machine. `apply` is the only way to change it; every read is pure.

The same settings and the same commands give the same world, to the byte.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from mockserver.simulation import admission
from mockserver.simulation import command as commands
from mockserver.simulation.callback import Delivery, DeliveryState
from mockserver.simulation.command import Command
from mockserver.simulation.event import Fired, Happening, Outcome, Reply, Send
from mockserver.simulation.ledger import USER
from mockserver.simulation.playbook import Playbook
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Effect
from mockserver.simulation.storage import Storage
from mockserver.simulation.task import CANCELLED_CODE, TRANSITIONS, Event, State, Task
from mockserver.simulation.tenant import Tenant
from mockserver.simulation.timer import DELIVERY, TASK, Timer, Timers

_ENDINGS = {
    State.COMPLETED: Happening.TASK_COMPLETED,
    State.FAILED: Happening.TASK_FAILED,
    State.CANCELLED: Happening.TASK_CANCELLED,
}


class Settings(Struct, frozen=True, kw_only=True):
    """What a world is born with. The bounds keep every collection finite."""

    seed: int = 0
    credits_uc: int = 10_000_000 * 10_000
    tenants_limit: int = 10_000
    tasks_limit: int = 1_000_000
    scenarios_limit: int = 1_000


class World:
    """Tenants, tasks, deliveries, scenarios and timers."""

    def __init__(self, settings: Settings, now_ms: int = 0) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.tenants: dict[str, Tenant] = {}
        self.tasks: dict[str, Task] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.playbook = Playbook()
        self.storage = Storage()
        self.timers = Timers()
        self._events: list[Fired] = []
        self._sends: list[Send] = []
        self._handlers: dict[type, Callable[[Any], Reply]] = {
            commands.Submit: self._submit,
            commands.Strike: self._strike,
            commands.Pass: lambda _: Reply(),
            commands.Report: self._report,
            commands.Steer: self._steer,
            commands.SetAccount: self._set_account,
            commands.AddScenario: self._add_scenario,
            commands.RemoveScenarios: self._remove_scenarios,
            commands.Redeliver: self._redeliver,
            commands.Upload: self._upload,
            commands.DeleteFile: self._delete_file,
            commands.ForgetTenant: self._forget_tenant,
        }

    # --- reads

    def next_due_ms(self) -> int | None:
        """When something happens by itself next."""
        heap = self.timers.heap
        return heap[0][0] if heap else None

    def tenant(self, tenant_id: str) -> Tenant:
        """The tenant as it stands; one never seen is shown as it would be opened, and stays unseen."""
        return self.tenants.get(tenant_id) or self._opened(tenant_id)

    def unreported(self) -> list[Send]:
        """Attempts that went out and have not come back: what a restarted server has to send again."""
        sending = (one for one in self.deliveries.values() if one.state is DeliveryState.SENDING)
        return [Send.of(delivery) for delivery in sending]

    # --- the one way to change

    def apply(self, command: Command) -> Outcome:
        """Let time pass up to the command, firing everything due in order; then carry it out."""
        self._events, self._sends = [], []
        self.now_ms = max(self.now_ms, command.at_ms)
        self._fire_due()
        reply = self._handlers[type(command)](command)
        self._fire_due()
        return Outcome(reply, self._events, self._sends)

    def _opened(self, tenant_id: str) -> Tenant:
        return Tenant.opened(tenant_id, self.settings.credits_uc, self.now_ms)

    def _open_tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant, opened at the first command that concerns it; None where there is no room for it."""
        tenant = self.tenants.get(tenant_id)
        if tenant is None and len(self.tenants) < self.settings.tenants_limit:
            tenant = self.tenants[tenant_id] = self._opened(tenant_id)
        return tenant

    def _tell(self, happening: Happening, at_ms: int, **details: Any) -> None:
        self._events.append(Fired(at_ms=at_ms, type=happening, **details))

    # --- submission

    def _submit(self, command: commands.Submit) -> Reply:
        tenant = self._open_tenant(command.tenant)
        if tenant is None:
            return Reply(refusal=Refusal.TOO_MANY_TENANTS)
        effect, counters = self._effect(tenant, command)
        reply = (
            admission.entry(tenant, command, effect)
            or admission.repeat(tenant, command, self.now_ms)
            or self._limits(tenant, command)
            or self._accept(tenant, command, effect)
        )
        if counters and (reply.effect is not None or (reply.refusal is None and not reply.replayed)):
            self.playbook.count(tenant.id, counters)
        return reply

    def _effect(self, tenant: Tenant, command: commands.Submit) -> tuple[Effect | None, list[str]]:
        """What the scenarios do to a submission, its own trigger words first; and the counters that then move."""
        if not command.matches:
            return command.effect, []
        effect, counters = self.playbook.effect(self.settings.seed, tenant.id, command.matches)
        return (effect if command.effect is None else command.effect.over(effect)), counters

    def _limits(self, tenant: Tenant, command: commands.Submit) -> Reply | None:
        """The tenant's own limits, then the bound on what is kept, where no ended task could make room."""
        reply = admission.limits(tenant, command, self.now_ms)
        if reply is None and len(tenant.tasks) >= self.settings.tasks_limit and not tenant.ended:
            return Reply(refusal=Refusal.TOO_MANY_TASKS, retry_after_ms=1000)
        return reply

    def _accept(self, tenant: Tenant, command: commands.Submit, effect: Effect | None) -> Reply:
        """Reserve (or there is no task), let the oldest ended task make room past the bound, and begin."""
        number, seed = tenant.submissions, self.settings.seed
        while (task := admission.draft(seed, tenant, number, command, effect, self.now_ms)).id in self.tasks:
            number += 1  # one in 2.8e12: the next number of the stream gives another id
        amount_uc = command.terms.reserve_uc
        refusal = tenant.book.reserve(task.id, amount_uc, self.now_ms)
        if refusal is not None:
            return Reply(refusal=refusal)
        if len(tenant.tasks) >= self.settings.tasks_limit:
            self._forget_task(tenant.ended.popleft())
        tenant.submissions = number + 1
        tenant.count_request(command.terms.model, admission.rate(tenant, command)[1], self.now_ms)
        if command.idempotency_key:
            entry = admission.receipt(command, task, effect, self.now_ms)
            tenant.remember(command.idempotency_key, entry, self.now_ms)
        tenant.active += 1
        self.tasks[task.id] = tenant.tasks[task.id] = task
        self.timers.plan(task.starts_ms, TASK, task.id)
        at_ms, tenant_id = self.now_ms, tenant.id
        self._events.append(Fired(at_ms, Happening.TASK_SUBMITTED, tenant_id, task.id))
        self._events.append(Fired(at_ms, Happening.CREDITS_RESERVED, tenant_id, task.id, amount_uc=amount_uc))
        return Reply(task=task, effect=effect)

    # --- time

    def _fire_due(self) -> None:
        heap = self.timers.heap
        while heap and heap[0][0] <= self.now_ms:
            timer = heap[0]
            self.timers.drop_first()
            if not self._stale(timer):
                self._fire(timer)
            self._drop_stale()

    def _drop_stale(self) -> None:
        """What was planned for a subject that has ended or gone is not what comes next."""
        while (timer := self.timers.first()) is not None and self._stale(timer):
            self.timers.drop_first()

    def _stale(self, timer: Timer) -> bool:
        """Whether its subject has ended, moved on or gone since the timer was set."""
        due_ms, _, kind, subject = timer
        owner: Task | Delivery | None = (self.tasks if kind == TASK else self.deliveries).get(subject)
        return owner is None or owner.due_ms != due_ms

    def _fire(self, timer: Timer) -> None:
        due_ms, _, kind, subject = timer
        if kind == TASK:
            self._move_task(self.tasks[subject], due_ms)
        else:
            self._start_attempt(self.deliveries[subject], due_ms)

    def _move_task(self, task: Task, at_ms: int) -> None:
        if task.state is State.PENDING:
            task.state = TRANSITIONS[task.state, Event.START]
            self._tell(Happening.TASK_STARTED, at_ms, tenant=task.tenant, task_id=task.id)
            self.timers.plan(task.ends_ms, TASK, task.id)
        elif task.effect and task.effect.fail:
            self._end_task(task, Event.FAIL, at_ms, task.effect.fail, task.effect.fail_message)
        else:
            self._end_task(task, Event.COMPLETE, at_ms)

    def _end_task(
        self, task: Task, event: Event, at_ms: int, failure: str | None = None, message: str | None = None
    ) -> None:
        """Move to an end: the money first, then the callback (facts, section 5: after billing)."""
        task.state = TRANSITIONS[task.state, event]
        task.ended_ms, task.failure, task.failure_message = at_ms, failure, message
        tenant = self.tenants[task.tenant]
        tenant.active -= 1
        tenant.ended.append(task.id)
        self._tell(_ENDINGS[task.state], at_ms, tenant=task.tenant, task_id=task.id, error=failure)
        self._settle(tenant, task, at_ms)
        self._plan_callback(task, at_ms)

    def _settle(self, tenant: Tenant, task: Task, at_ms: int) -> None:
        """Charge what completed, release what did not: each reservation ends once."""
        if task.state is State.COMPLETED:
            transfer, happening = tenant.book.charge(task.id, at_ms), Happening.CREDITS_CHARGED
        else:
            transfer, happening = tenant.book.release(task.id, at_ms), Happening.CREDITS_RELEASED
        self._tell(happening, at_ms, tenant=tenant.id, task_id=task.id, amount_uc=transfer.amount_uc)

    # --- callbacks

    def _plan_callback(self, task: Task, at_ms: int) -> None:
        if task.callback_url is None:
            return
        misbehaviour = task.effect.callback if task.effect else None
        delay_ms, copies = (misbehaviour.delay_ms, misbehaviour.copies) if misbehaviour else (0, 1)
        for copy in range(1, copies + 1):
            delivery = Delivery(
                id=admission.delivery_id(task.id, copy),
                task_id=task.id,
                tenant=task.tenant,
                url=task.callback_url,
                retry_delays_ms=task.terms.retry_delays_ms,
                timeout_ms=task.terms.callback_timeout_ms,
                due_ms=at_ms + delay_ms,
            )
            self.deliveries[delivery.id] = delivery
            self.timers.plan(at_ms + delay_ms, DELIVERY, delivery.id)

    def _start_attempt(self, delivery: Delivery, at_ms: int) -> None:
        delivery.start(at_ms)
        send = Send.of(delivery)
        self._sends.append(send)
        self._tell_delivery(Happening.CALLBACK_SENT, delivery, at_ms, attempt=send.attempt)

    def _tell_delivery(self, happening: Happening, delivery: Delivery, at_ms: int, **details: Any) -> None:
        self._tell(
            happening,
            at_ms,
            tenant=delivery.tenant,
            task_id=delivery.task_id,
            delivery_id=delivery.id,
            **details,
        )

    def _report(self, command: commands.Report) -> Reply:
        delivery = self.deliveries.get(command.delivery_id)
        if delivery is None:
            return Reply(refusal=Refusal.DELIVERY_NOT_FOUND)
        if delivery.state is not DeliveryState.SENDING or delivery.attempts[-1].number != command.attempt:
            return Reply(refusal=Refusal.DELIVERY_BUSY)
        attempt = delivery.end(command.ended_ms, command.status, command.error)
        outcome = Happening.CALLBACK_DELIVERED if attempt.succeeded else Happening.CALLBACK_FAILED
        details = {"attempt": attempt.number, "status": attempt.status, "error": attempt.error}
        self._tell_delivery(outcome, delivery, command.ended_ms, retry_at_ms=delivery.due_ms, **details)
        if delivery.due_ms is not None:
            self.timers.plan(delivery.due_ms, DELIVERY, delivery.id)
        elif not attempt.succeeded:
            self._tell_delivery(Happening.CALLBACK_GIVEN_UP, delivery, command.ended_ms)
        return Reply()

    def _redeliver(self, command: commands.Redeliver) -> Reply:
        delivery = self.deliveries.get(command.delivery_id)
        if delivery is None:
            return Reply(refusal=Refusal.DELIVERY_NOT_FOUND)
        if delivery.state is DeliveryState.SENDING:
            return Reply(refusal=Refusal.DELIVERY_BUSY)
        delivery.replan(self.now_ms)
        self.timers.plan(self.now_ms, DELIVERY, delivery.id)
        return Reply()

    # --- files

    def _upload(self, command: commands.Upload) -> Reply:
        tenant = self._open_tenant(command.tenant)
        if tenant is None:
            return Reply(refusal=Refusal.TOO_MANY_TENANTS)
        reply = self.storage.upload(self.settings.seed, tenant, command, self.now_ms)
        return self._told_of_file(Happening.FILE_UPLOADED, reply)

    def _delete_file(self, command: commands.DeleteFile) -> Reply:
        reply = self.storage.delete(self.tenant(command.tenant), command, self.now_ms)
        return self._told_of_file(Happening.FILE_DELETED, reply)

    def _told_of_file(self, happening: Happening, reply: Reply) -> Reply:
        if reply.file is not None:
            self._tell(happening, self.now_ms, tenant=reply.file.tenant, file_id=reply.file.id)
        return reply

    # --- control

    def _strike(self, command: commands.Strike) -> Reply:
        if self._open_tenant(command.tenant) is None:
            return Reply(refusal=Refusal.TOO_MANY_TENANTS)
        effect, counters = self.playbook.effect(self.settings.seed, command.tenant, command.matches)
        self.playbook.count(command.tenant, counters)
        return Reply(effect=effect)

    def _steer(self, command: commands.Steer) -> Reply:
        task = self.tasks.get(command.task_id)
        if task is None:
            return Reply(refusal=Refusal.TASK_NOT_FOUND)
        if (task.state, command.event) not in TRANSITIONS:
            return Reply(refusal=Refusal.TASK_ENDED, task=task)
        failure = CANCELLED_CODE if command.event is Event.CANCEL else command.failure
        self._end_task(task, command.event, self.now_ms, failure, command.message)
        self._drop_stale()
        return Reply(task=task)

    def _set_account(self, command: commands.SetAccount) -> Reply:
        tenant = self._open_tenant(command.tenant)
        if tenant is None:
            return Reply(refusal=Refusal.TOO_MANY_TENANTS)
        if command.credits_uc is not UNSET:
            tenant.book.set_available(USER, command.credits_uc, self.now_ms)
        if command.token_credits_uc is not UNSET:
            tenant.book.limit_token(command.token_credits_uc, self.now_ms)
        for field in tenant.account.__struct_fields__:
            value = getattr(command, field)
            if value is not UNSET:
                setattr(tenant.account, field, value)
        self._tell(Happening.ACCOUNT_CHANGED, self.now_ms, tenant=tenant.id)
        return Reply()

    def _add_scenario(self, command: commands.AddScenario) -> Reply:
        scenario, known = command.scenario, self.playbook.scenarios
        if (scenario.tenant, scenario.name) not in known and len(known) >= self.settings.scenarios_limit:
            return Reply(refusal=Refusal.TOO_MANY_SCENARIOS)
        self.playbook.add(scenario)
        self._tell(Happening.SCENARIO_ADDED, self.now_ms, tenant=scenario.tenant, name=scenario.name)
        return Reply()

    def _remove_scenarios(self, command: commands.RemoveScenarios) -> Reply:
        names = [name for owner, name in self.playbook.scenarios if owner == command.tenant]
        if command.name is not None and command.name not in names:
            return Reply(refusal=Refusal.SCENARIO_NOT_FOUND)
        for name in names if command.name is None else [command.name]:
            self.playbook.remove((command.tenant, name))
            self._tell(Happening.SCENARIO_REMOVED, self.now_ms, tenant=command.tenant, name=name)
        return Reply()

    def _forget_tenant(self, command: commands.ForgetTenant) -> Reply:
        tenant = self.tenants.get(command.tenant)
        for task_id in list(tenant.tasks) if tenant else ():
            self._forget_task(task_id)
        if tenant is not None:
            self.storage.forget(tenant)
        self.tenants.pop(command.tenant, None)
        self.playbook.forget(command.tenant)
        self._tell(Happening.TENANT_FORGOTTEN, self.now_ms, tenant=command.tenant)
        return Reply()

    def _forget_task(self, task_id: str) -> None:
        """Drop a task and its deliveries; its timers go stale."""
        task = self.tasks.pop(task_id)
        del self.tenants[task.tenant].tasks[task_id]
        copy = 1
        while self.deliveries.pop(admission.delivery_id(task_id, copy), None):
            copy += 1
        self._sends = [send for send in self._sends if send.task_id != task_id]
        self._drop_stale()
