"""What is asked from outside the API: tasks ended by hand, accounts, scenarios, callbacks, the clock."""

from msgspec import UNSET

from mockserver.simulation import command as commands
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.event import Happening, Reply
from mockserver.simulation.ledger import USER
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.state import State
from mockserver.simulation.task import CANCELLED_CODE, TRANSITIONS, Event
from mockserver.simulation.timeline import end_task


def steer(state: State, command: commands.Steer) -> Reply:
    task = state.tasks.get(command.task_id)
    if task is None:
        return Reply(refusal=Refusal.TASK_NOT_FOUND)
    if (task.state, command.event) not in TRANSITIONS:
        return Reply(refusal=Refusal.TASK_ENDED, task=task)
    state.timers.doubtful = True
    failure = CANCELLED_CODE if command.event is Event.CANCEL else command.failure
    end_task(state, task, command.event, state.now_ms, failure, command.message)
    return Reply(task=task)


def set_account(state: State, command: commands.SetAccount) -> Reply:
    if command.credits_uc is not UNSET:
        state.book.set_available(USER, command.credits_uc, state.now_ms)
    if command.token_credits_uc is not UNSET:
        state.book.limit_token(command.token_credits_uc, state.now_ms)
    for field in state.account.__struct_fields__:
        value = getattr(command, field)
        if value is not UNSET:
            setattr(state.account, field, value)
    state.tell(state.now_ms, Happening.ACCOUNT_CHANGED)
    return Reply()


def set_clock(state: State, command: commands.SetClock) -> Reply:
    state.clock = command.clock
    state.tell(state.now_ms, Happening.CLOCK_CHANGED)
    return Reply()


def add_scenario(state: State, command: commands.AddScenario) -> Reply:
    scenario, known = command.scenario, state.playbook.scenarios
    beside = sum(own is scenario.own for own, _ in known)
    if scenario.key not in known and beside >= state.settings.scenarios_limit:
        return Reply(refusal=Refusal.TOO_MANY_SCENARIOS)
    state.playbook.add(scenario)
    state.tell(state.now_ms, Happening.SCENARIO_ADDED, name=scenario.name)
    return Reply()


def remove_scenarios(state: State, command: commands.RemoveScenarios) -> Reply:
    names = [name for own, name in state.playbook.scenarios if own is command.own]
    if command.name is not None and command.name not in names:
        return Reply(refusal=Refusal.SCENARIO_NOT_FOUND)
    for name in names if command.name is None else [command.name]:
        state.playbook.remove((command.own, name))
        state.tell(state.now_ms, Happening.SCENARIO_REMOVED, name=name)
    return Reply()


def report(state: State, command: commands.Report) -> Reply:
    """An attempt came back: delivered, to be retried, or given up."""
    delivery = state.deliveries.get(command.delivery_id)
    if delivery is None:
        return Reply(refusal=Refusal.DELIVERY_NOT_FOUND)
    if delivery.state is not DeliveryState.SENDING or delivery.attempts[-1].number != command.attempt:
        return Reply(refusal=Refusal.DELIVERY_BUSY)
    attempt = delivery.end(command.sent_ms, command.ended_ms, command.status, command.error)
    if delivery.due_ms is not None:
        state.timers.plan(delivery.due_ms, delivery)
    if state.events is not None:
        ids = {"task_id": delivery.task_id, "delivery_id": delivery.id}
        outcome = {"attempt": attempt.number, "status": attempt.status, "error": attempt.error}
        happening = Happening.CALLBACK_DELIVERED if attempt.succeeded else Happening.CALLBACK_FAILED
        state.tell(command.ended_ms, happening, retry_at_ms=delivery.due_ms, **ids, **outcome)
        if not attempt.succeeded and delivery.due_ms is None:
            state.tell(command.ended_ms, Happening.CALLBACK_GIVEN_UP, **ids)
    return Reply()


def redeliver(state: State, command: commands.Redeliver) -> Reply:
    delivery = state.deliveries.get(command.delivery_id)
    if delivery is None:
        return Reply(refusal=Refusal.DELIVERY_NOT_FOUND)
    if delivery.state is DeliveryState.SENDING:
        return Reply(refusal=Refusal.DELIVERY_BUSY)
    if delivery.due_ms is not None:
        state.timers.withdraw(delivery.due_ms, delivery)
    delivery.replan(state.now_ms)
    state.timers.plan(state.now_ms, delivery)
    return Reply()
