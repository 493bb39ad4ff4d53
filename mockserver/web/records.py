"""What the control API tells of things: records in the shapes of control.yaml."""

from typing import Any

from msgspec import structs

from mockserver.runtime.clock import Clock
from mockserver.simulation.callback import Delivery
from mockserver.simulation.scenario import Scenario
from mockserver.simulation.task import Task
from mockserver.simulation.tenant import Tenant

Record = dict[str, Any]


def present(**fields: Any) -> Record:
    """What is absent stays absent: the schemas know no null."""
    return {name: value for name, value in fields.items() if value is not None}


def clock_record(clock: Clock, next_due_ms: int | None) -> Record:
    """The clock, and when something happens by itself next."""
    return present(
        mode=clock.mode,
        now_ms=clock.now_ms(),
        speed=clock.speed,
        poll_step_ms=clock.poll_step_ms,
        next_due_ms=next_due_ms,
    )


def task_record(task: Task, now_ms: int) -> Record:
    """A task from the inside: its whole timeline."""
    return present(
        id=task.id,
        tenant=task.tenant,
        model=task.terms.model,
        state=task.state,
        progress=task.progress(now_ms),
        submitted_ms=task.submitted_ms,
        starts_ms=task.starts_ms,
        ends_ms=task.ends_ms,
        ended_ms=task.ended_ms,
        failure=task.failure,
        callback_url=task.callback_url,
        reserved_uc=task.terms.reserve_uc,
    )


def book_record(tenant: Tenant) -> Record:
    """A tenant's money, as the schema Book has it."""
    return present(
        tenant=tenant.id,
        user=tenant.book.user,
        token=tenant.book.token,
        account=tenant.account,
        transfers=[present(**structs.asdict(transfer)) for transfer in tenant.book.transfers],
    )


def delivery_record(delivery: Delivery) -> Record:
    """A callback with its attempts, as the schema Delivery has it."""
    return present(
        id=delivery.id,
        task_id=delivery.task_id,
        tenant=delivery.tenant,
        url=delivery.url,
        state=delivery.state,
        due_ms=delivery.due_ms,
        attempts=delivery.attempts,
    )


def scenario_record(scenario: Scenario, *, own: bool, hits: dict[str, int]) -> Record:
    """A scenario, and how often its rules were met."""
    prefix = "own" if own else "all"
    counters = [f"{prefix}:{scenario.name}#{number}" for number in range(len(scenario.rules))]
    return {**structs.asdict(scenario), "own": own, "hits": [hits.get(counter, 0) for counter in counters]}
