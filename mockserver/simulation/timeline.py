"""What happens by itself: tasks start and end, credits are charged or released, callbacks go out."""

from collections.abc import Iterator, Sequence

from mockserver.simulation.callback import Delivery
from mockserver.simulation.command import Elapse
from mockserver.simulation.event import Happening, Reply, Send
from mockserver.simulation.state import State
from mockserver.simulation.task import TRANSITIONS, Event, Task
from mockserver.simulation.task import State as TaskState
from mockserver.simulation.timer import Subject

_ENDINGS = {
    TaskState.COMPLETED: Happening.TASK_COMPLETED,
    TaskState.FAILED: Happening.TASK_FAILED,
    TaskState.CANCELLED: Happening.TASK_CANCELLED,
}
_STARTED = TRANSITIONS[TaskState.PENDING, Event.START]


def fire_due(state: State) -> None:
    """Let everything happen that is due by now, in order; past the bound the rest waits for the next command."""
    left = state.settings.fires_limit
    while left > 0 and (taken := state.timers.take(state.now_ms, left)) is not None:
        left -= _happen(state, *taken)


def elapse(state: State, command: Elapse) -> Reply:
    """Let it happen moment after moment, so that nobody outside sees a moment later than a callback that goes out."""
    timers, left = state.timers, state.settings.fires_limit
    while left > 0:
        timers.settle()  # what is stale neither counts nor says when something is due
        due_ms = timers.next_ms()
        if due_ms is None or due_ms > command.until_ms or (state.sends and due_ms > state.now_ms):
            break
        state.now_ms = max(state.now_ms, due_ms)
        taken = timers.take(due_ms, left)
        left -= 0 if taken is None else _happen(state, *taken)
    return Reply()


def end_task(
    state: State, task: Task, event: Event, at_ms: int, failure: str | None = None, message: str | None = None
) -> None:
    """Move to an end: the money first, then the callback (facts, section 5: after billing)."""
    task.state = TRANSITIONS[task.state, event]
    task.ended_ms, task.failure, task.failure_message = at_ms, failure, message
    state.active -= 1
    state.ended.append(task.id)
    if state.events is not None:
        state.tell(at_ms, _ENDINGS[task.state], task_id=task.id, error=failure)
    _settle(state, task, at_ms)
    if task.callback_url is not None:
        _plan_callback(state, task, task.callback_url, at_ms)


def forget_task(state: State, task_id: str) -> None:
    """Drop an ended task and its deliveries; what is planned for them goes stale."""
    task = state.tasks.pop(task_id)
    if task.callback_url is None:
        return
    for delivery in list(deliveries_of(state, task_id)):
        del state.deliveries[delivery.id]
        delivery.due_ms = None
        state.timers.doubtful = True
    state.sends = [send for send in state.sends if send.task_id != task_id]


def deliveries_of(state: State, task_id: str) -> Iterator[Delivery]:
    """The callbacks of one task, each copy of it."""
    copy = 1
    while delivery := state.deliveries.get(delivery_id(task_id, copy)):
        yield delivery
        copy += 1


def delivery_id(task_id: str, copy: int) -> str:
    """The id of a task's callback; `copy` counts from 1 where it is sent more than once."""
    return f"callback-{task_id.removeprefix('task-unified-')}-{copy}"


def _happen(state: State, due_ms: int, subjects: Sequence[Subject]) -> int:
    """Let it happen to each of them, and say how many they are."""
    for subject in subjects:
        if isinstance(subject, Task):
            _move_task(state, subject, due_ms)
        else:
            _start_attempt(state, subject, due_ms)
    return len(subjects)


def _move_task(state: State, task: Task, at_ms: int) -> None:
    if task.state is TaskState.PENDING:
        task.state = _STARTED
        if state.events is not None:
            state.tell(at_ms, Happening.TASK_STARTED, task_id=task.id)
        state.timers.plan(task.ends_ms, task)
    elif task.effect and task.effect.fail:
        end_task(state, task, Event.FAIL, at_ms, task.effect.fail, task.effect.fail_message)
    else:
        end_task(state, task, Event.COMPLETE, at_ms)


def _settle(state: State, task: Task, at_ms: int) -> None:
    """Charge what completed, release what did not: each reservation ends once."""
    if task.state is TaskState.COMPLETED:
        state.book.charge(task, at_ms)
        happening = Happening.CREDITS_CHARGED
    else:
        state.book.release(task, at_ms)
        happening = Happening.CREDITS_RELEASED
    if state.events is not None:
        state.tell(at_ms, happening, task_id=task.id, amount_uc=task.terms.reserve_uc)


def _plan_callback(state: State, task: Task, url: str, at_ms: int) -> None:
    misbehaviour = task.effect.callback if task.effect else None
    delay_ms, copies = (misbehaviour.delay_ms, misbehaviour.copies) if misbehaviour else (0, 1)
    for copy in range(1, copies + 1):
        delivery = Delivery(
            id=delivery_id(task.id, copy),
            task_id=task.id,
            url=url,
            retry_delays_ms=task.terms.retry_delays_ms,
            timeout_ms=task.terms.callback_timeout_ms,
            due_ms=at_ms + delay_ms,
        )
        state.deliveries[delivery.id] = delivery
        state.timers.plan(at_ms + delay_ms, delivery)


def _start_attempt(state: State, delivery: Delivery, at_ms: int) -> None:
    delivery.start(at_ms)
    send = Send.of(delivery)
    state.sends.append(send)
    if state.events is not None:
        ids = {"task_id": delivery.task_id, "delivery_id": delivery.id}
        state.tell(at_ms, Happening.CALLBACK_SENT, attempt=send.attempt, **ids)
