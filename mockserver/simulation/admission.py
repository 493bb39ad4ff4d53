"""May this submission be accepted? The judgement in documented precedence, and the task it becomes."""

from mockserver.simulation.chance import task_chances
from mockserver.simulation.command import AccountState, Submit
from mockserver.simulation.event import Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import UNACCEPTED, Effect
from mockserver.simulation.task import Task
from mockserver.simulation.tenant import Idempotency, Tenant

TASK_ID_PREFIX = "task-unified-"
_MINUTE_MS = 60_000


def entry(tenant: Tenant, command: Submit, effect: Effect | None) -> Reply | None:
    """The refusals that come before anything is known of earlier requests."""
    if tenant.account.state is not AccountState.ACTIVE:
        return Reply(refusal=Refusal.UNAUTHORIZED)
    if effect and (effect.answer or effect.fault in UNACCEPTED):
        return Reply(refusal=Refusal.SCENARIO, effect=effect)
    if tenant.account.models is not None and command.terms.model not in tenant.account.models:
        return Reply(refusal=Refusal.MODEL_ACCESS_DENIED)
    return None


def repeat(tenant: Tenant, command: Submit, now_ms: int) -> Reply | None:
    """The answer to an idempotency key seen before (facts, section 7); None where it is new."""
    known = tenant.recall(command.idempotency_key, now_ms)
    task = tenant.tasks.get(known.task_id) if known else None
    if known is None or task is None:
        return None
    if known.fingerprint != (command.fingerprint or ""):
        return Reply(refusal=Refusal.IDEMPOTENCY_CONFLICT)
    if now_ms < known.running_until_ms:
        return Reply(refusal=Refusal.OUTCOME_UNKNOWN)
    return Reply(task=task, replayed=True)


def rate(tenant: Tenant, command: Submit) -> tuple[int | None, int]:
    """(requests, window in ms) that count: the account's own limit, by the minute, or else the document's."""
    if tenant.account.requests_per_minute is not None:
        return tenant.account.requests_per_minute, _MINUTE_MS
    return command.requests_per_window, command.window_ms


def limits(tenant: Tenant, command: Submit, now_ms: int) -> Reply | None:
    """Rate window and parallel tasks, each with the time after which to try again."""
    account, model = tenant.account, command.terms.model
    wait_ms = tenant.window_wait_ms(model, *rate(tenant, command), now_ms)
    if wait_ms:
        return Reply(refusal=Refusal.RATE_LIMITED, retry_after_ms=wait_ms)
    if account.concurrent_tasks is not None and tenant.active >= account.concurrent_tasks:
        return Reply(refusal=Refusal.TOO_MANY_TASKS, retry_after_ms=tenant.first_end_ms(now_ms) - now_ms)
    return None


def draft(seed: int, tenant: Tenant, number: int, command: Submit, effect: Effect | None, now_ms: int) -> Task:
    """The task of an accepted submission. Its whole timeline is decided here, from the seed."""
    terms = command.terms
    suffix, chance = task_chances(seed, tenant.id, number)
    work_ms = terms.work_ms if effect is None or effect.work_ms is None else effect.work_ms
    if effect is None or effect.queue_ms is None:
        low, high = terms.queue_share
        queue_ms = int(work_ms * (low + (high - low) * chance))
        ends_ms = now_ms + work_ms
    else:
        queue_ms = effect.queue_ms
        ends_ms = now_ms + queue_ms + work_ms
    return Task(
        id=f"{TASK_ID_PREFIX}{now_ms // 1000}-{suffix}",
        tenant=tenant.id,
        terms=terms,
        submitted_ms=now_ms,
        starts_ms=now_ms + queue_ms,
        ends_ms=ends_ms,
        callback_url=command.callback_url,
        effect=effect,
    )


def receipt(command: Submit, task: Task, effect: Effect | None, now_ms: int) -> Idempotency:
    """What to remember of an accepted key; while its answer is stalled, nobody knows the outcome yet."""
    stall_ms = effect.stall_ms if effect and effect.stall_ms else 0
    return Idempotency(
        fingerprint=command.fingerprint or "",
        task_id=task.id,
        running_until_ms=now_ms + stall_ms,
        expires_ms=now_ms + command.idempotency_window_ms,
    )


def delivery_id(task_id: str, copy: int) -> str:
    """The id of a task's callback; `copy` counts from 1 where it is sent more than once."""
    return f"callback-{task_id.removeprefix(TASK_ID_PREFIX)}-{copy}"
