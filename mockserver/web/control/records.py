"""What the control API tells of things: records in the shapes of control.yaml."""

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from mockserver.runtime.clock import Clock
from mockserver.runtime.resident import Resident
from mockserver.simulation.callback import Delivery
from mockserver.simulation.event import Fired
from mockserver.simulation.file import File
from mockserver.simulation.scenario import Match, Scenario
from mockserver.simulation.task import Task
from mockserver.simulation.world import World
from mockserver.web.looking import written

Record = dict[str, Any]


def present(**fields: Any) -> Record:
    """What is absent stays absent: the schemas know no null."""
    return {name: value for name, value in fields.items() if value is not None}


def clock_record(clock: Clock, now_ms: int, next_due_ms: int | None, own: bool | None) -> Record:
    """A clock, whether it is a key's own, and when something happens by itself next."""
    return present(
        mode=clock.mode,
        now_ms=now_ms,
        speed=clock.speed,
        poll_step_ms=clock.poll_step_ms,
        own=own,
        next_due_ms=next_due_ms,
    )


def event_record(tenant: str, event: Fired) -> Record:
    """An event with whose it is; what belongs to the server alone is nobody's."""
    return {**present(tenant=tenant or None), **present(**structs.asdict(event))}


def task_record(tenant: str, task: Task, now_ms: int) -> Record:
    """A task from the inside: its whole timeline."""
    return present(
        id=task.id,
        tenant=tenant,
        model=task.terms.model,
        state=task.state,
        progress=task.progress(now_ms),
        submitted_ms=task.submitted_ms,
        starts_ms=task.starts_ms,
        ends_ms=task.ends_ms,
        ended_ms=task.ended_ms,
        failure=task.failure,
        failure_message=task.failure_message,
        callback_url=task.callback_url,
        reserved_uc=task.terms.reserve_uc,
        links_expire_ms=task.links_valid_until_ms(),
        effect=None if task.effect is None else written.effect(task.effect),
    )


def life_record(tenant: str, task: Task, now_ms: int, deliveries: Iterable[Delivery]) -> Record:
    """A task with its callbacks."""
    callbacks = [delivery_record(tenant, delivery) for delivery in deliveries]
    return {**task_record(tenant, task, now_ms), "callbacks": callbacks}


def file_record(tenant: str, file: File, now_ms: int) -> Record:
    """An uploaded file; `expired` is how its link answers now."""
    told = {name: value for name, value in structs.asdict(file).items() if name != "digest"}
    return {**present(tenant=tenant, **told), "expired": not file.there(now_ms)}


def account_record(resident: Resident, now_ms: int) -> Record:
    """A key at a glance: its money, its limits, its clock, and how much there is of everything."""
    world = resident.world
    clock, due_ms = resident.agenda.clock, world.next_due_ms()
    return present(
        tenant=world.name,
        user=world.book.user,
        token=world.book.token,
        account=world.account,
        clock=clock_record(clock, now_ms, due_ms, world.clock is not None),
        tasks=len(world.tasks),
        active_tasks=world.active,
        callbacks=len(world.deliveries),
        files=len(world.files),
    )


def book_record(world: World) -> Record:
    """A key's money, as the schema Book has it."""
    return present(
        tenant=world.name,
        user=world.book.user,
        token=world.book.token,
        account=world.account,
        transfers=[present(**structs.asdict(transfer)) for transfer in world.book.transfers],
    )


def delivery_record(tenant: str, delivery: Delivery) -> Record:
    """A callback with its attempts, as the schema Delivery has it."""
    return present(
        id=delivery.id,
        task_id=delivery.task_id,
        tenant=tenant,
        url=delivery.url,
        state=delivery.state,
        due_ms=delivery.due_ms,
        attempts=delivery.attempts,
    )


def scenario_record(tenant: str | None, scenario: Scenario) -> Record:
    """A scenario as it was posted, and whose it is; the server's is in force for every key."""
    told = {name: value for name, value in structs.asdict(scenario).items() if name not in ("own", "edition")}
    return {
        **{name: value for name, value in told.items() if value},
        **present(tenant=tenant, text=written.text(scenario)),
    }


def counted_record(scenario: Scenario, hits: dict[str, int]) -> Record:
    """A scenario in force for a key, whether it is its own, and how often its rules were met."""
    counters = [Match(scenario.name, number, scenario.own).counter for number in range(len(scenario.rules))]
    told = {**structs.asdict(scenario), "hits": [hits.get(counter, 0) for counter in counters]}
    return {**told, "text": written.text(scenario)}
