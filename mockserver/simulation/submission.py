"""A submission: judged in documented precedence, then reserved, and a task with its whole timeline decided."""

from mockserver.simulation.chance import task_chances
from mockserver.simulation.command import AccountState, Strike, Submit
from mockserver.simulation.event import Happening, Reply
from mockserver.simulation.limits import Idempotency
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import UNACCEPTED, Effect
from mockserver.simulation.state import State
from mockserver.simulation.task import Task
from mockserver.simulation.timeline import forget_task

TASK_ID_PREFIX = "task-unified-"
_MINUTE_MS = 60_000


def submit(state: State, command: Submit) -> Reply:
    effect, counters = _effect(state, command)
    reply = (
        _entry(state, command, effect)
        or _repeat(state, command)
        or _limits(state, command)
        or _accept(state, command, effect)
    )
    if counters and (reply.effect is not None or (reply.refusal is None and not reply.replayed)):
        state.playbook.count(counters)
    return reply


def strike(state: State, command: Strike) -> Reply:
    """What the scenarios do to a request that creates nothing."""
    effect, counters = state.playbook.effect(command.matches)
    state.playbook.count(counters)
    return Reply(effect=effect)


def _effect(state: State, command: Submit) -> tuple[Effect | None, list[str]]:
    """What the scenarios do to a submission, its own trigger words first; and the counters that then move."""
    if not command.matches:
        return command.effect, []
    effect, counters = state.playbook.effect(command.matches)
    return (effect if command.effect is None else command.effect.over(effect)), counters


def _entry(state: State, command: Submit, effect: Effect | None) -> Reply | None:
    """The refusals that come before anything is known of earlier requests."""
    account = state.account
    if account.state is not AccountState.ACTIVE:
        return Reply(refusal=Refusal.UNAUTHORIZED)
    if effect and (effect.answer or effect.fault in UNACCEPTED):
        return Reply(refusal=Refusal.SCENARIO, effect=effect)
    if account.models is not None and command.terms.model not in account.models:
        return Reply(refusal=Refusal.MODEL_ACCESS_DENIED)
    return None


def _repeat(state: State, command: Submit) -> Reply | None:
    """The answer to an idempotency key seen before (facts, section 7); None where it is new."""
    known = state.receipts.recall(command.idempotency_key, state.now_ms) if command.idempotency_key else None
    task = state.tasks.get(known.task_id) if known else None
    if known is None or task is None:
        return None
    if known.fingerprint != (command.fingerprint or ""):
        return Reply(refusal=Refusal.IDEMPOTENCY_CONFLICT)
    if state.now_ms < known.running_until_ms:
        return Reply(refusal=Refusal.OUTCOME_UNKNOWN)
    return Reply(task=task, replayed=True)


def _rate(state: State, command: Submit) -> tuple[int | None, int]:
    """(requests, window in ms) that count: the account's own limit, by the minute, or else the document's."""
    if state.account.requests_per_minute is not None:
        return state.account.requests_per_minute, _MINUTE_MS
    return command.requests_per_window, command.window_ms


def _limits(state: State, command: Submit) -> Reply | None:
    """Rate window, parallel tasks and the bound on what is kept (where no ended task could make room), each with
    the time after which to try again."""
    account = state.account
    wait_ms = state.windows.wait_ms(command.terms.model, *_rate(state, command), state.now_ms)
    if wait_ms:
        return Reply(refusal=Refusal.RATE_LIMITED, retry_after_ms=wait_ms)
    if account.concurrent_tasks is not None and state.active >= account.concurrent_tasks:
        return Reply(refusal=Refusal.TOO_MANY_TASKS, retry_after_ms=state.first_end_ms() - state.now_ms)
    if len(state.tasks) >= state.settings.tasks_limit and not state.ended:
        return Reply(refusal=Refusal.TOO_MANY_TASKS, retry_after_ms=1000)
    return None


def _accept(state: State, command: Submit, effect: Effect | None) -> Reply:
    """Reserve (or there is no task), let the oldest ended task make room past the bound, and begin."""
    number, now_ms = state.submissions, state.now_ms
    while (task := _draft(state, number, command, effect)).id in state.tasks:
        number += 1  # the next number of the stream gives another id
    refusal = state.book.reserve(task)
    if refusal is not None:
        return Reply(refusal=refusal)
    if len(state.tasks) >= state.settings.tasks_limit:
        forget_task(state, state.ended.popleft())
    state.submissions = number + 1
    state.windows.count(command.terms.model, _rate(state, command)[1], now_ms)
    if command.idempotency_key:
        state.receipts.remember(command.idempotency_key, _receipt(command, task, effect, now_ms), now_ms)
    state.active += 1
    state.tasks[task.id] = task
    state.timers.plan(task.starts_ms, task)
    if state.events is not None:
        state.tell(now_ms, Happening.TASK_SUBMITTED, task_id=task.id)
        state.tell(now_ms, Happening.CREDITS_RESERVED, task_id=task.id, amount_uc=command.terms.reserve_uc)
    return Reply(None, task, False, effect)


def _draft(state: State, number: int, command: Submit, effect: Effect | None) -> Task:
    """The task of an accepted submission. Its whole timeline is decided here, from the seed."""
    terms, now_ms = command.terms, state.now_ms
    suffix, chance = task_chances(state.task_stream, number, state.settings.mark)
    work_ms = terms.work_ms if effect is None or effect.work_ms is None else effect.work_ms
    if effect is None or effect.queue_ms is None:
        low, high = terms.queue_share
        queue_ms = int(work_ms * (low + (high - low) * chance))
        ends_ms = now_ms + work_ms
    else:
        queue_ms = effect.queue_ms
        ends_ms = now_ms + queue_ms + work_ms
    task_id = f"{TASK_ID_PREFIX}{now_ms // 1000}-{suffix}"
    starts_ms, held_from = now_ms + queue_ms, state.book.account
    return Task(task_id, terms, now_ms, starts_ms, ends_ms, held_from, command.callback_url, effect)


def _receipt(command: Submit, task: Task, effect: Effect | None, now_ms: int) -> Idempotency:
    """What to remember of an accepted key; while its answer is stalled, nobody knows the outcome yet."""
    stall_ms = effect.stall_ms if effect and effect.stall_ms else 0
    return Idempotency(
        fingerprint=command.fingerprint or "",
        task_id=task.id,
        running_until_ms=now_ms + stall_ms,
        expires_ms=now_ms + command.idempotency_window_ms,
    )
