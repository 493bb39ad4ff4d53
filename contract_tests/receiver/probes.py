"""Named cases of what the provider can send: every kind, twice, in any order, many at once, again after a failure.

Each is a function of a trial that judges the checks it names; a broken promise ends it. `repeats` has those of what
comes more than once or together.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError
from contract_tests.receiver.bodies import ANSWERS, UNKNOWN_VALUES, WHOLE_BODY, Body
from contract_tests.receiver.bounds import UntoldError
from contract_tests.receiver.delivery import Delivery, failed_inside, is_2xx, is_4xx, is_late
from contract_tests.receiver.state import outcome
from contract_tests.receiver.stock import Ended
from contract_tests.receiver.trial import EFFECT, Trial

FAILED_IS_NOT_SUCCESS, UNKNOWN_TASK = "RECEIVER-FAILED-IS-NOT-SUCCESS", "RECEIVER-UNKNOWN-TASK"
DUPLICATE, ORDER, WHOLE_ID = "RECEIVER-DUPLICATE-ONCE", "RECEIVER-ORDER", "RECEIVER-WHOLE-ID"
_SINGLES = 3

Play = Callable[[Trial], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Probe:
    """`owns` are the checks that it judges."""

    owns: tuple[str, ...]
    run: Play
    line: str = ""


async def foundation(trial: Trial) -> None:
    """A few completed tasks, one after the other. Without them nothing else can be told."""
    await trial.look()
    if await trial.look():
        trial.blind = "the receiver's state changes without a callback"
    await trial.first(await trial.task())
    await trial.watch()
    for _ in range(_SINGLES - 1):
        await trial.first(await trial.task())
    trial.judge.that(ANSWERS, True, "")


def told(body: Body) -> Probe:
    """A callback of this body, and its copy right afterwards."""

    async def run(trial: Trial) -> None:
        task, before = await trial.task(body.kind), trial.state
        try:
            await trial.first(task, shape=body.shape, owner=body.owner, effect=_effect_of(body), line=body.line)
        except (BrokenPromiseError, UntoldError):
            refused = body.owner == ANSWERS and not is_2xx(trial.steps[-1])
            trial.unfit |= {body.kind} if refused else set()
            raise
        if body.owner == WHOLE_BODY and not task.succeeded:
            await _is_no_loss(trial, task, before)
        trial.judge.that(body.owner, True, "")
        _is_no_success(trial, task, before)
        await trial.again(task, DUPLICATE, shape=body.shape)

    return Probe((body.owner, DUPLICATE), run, f"{body.line}; and its copy")


def _effect_of(body: Body) -> str:
    """Who is broken where such a task has no effect: whoever is, where it is not accepted."""
    return EFFECT if body.owner == ANSWERS else body.owner


async def _is_no_loss(trial: Trial, task: Ended, before: str) -> None:
    """Whose failures always show in the state has lost one that does not."""
    usual, until = trial.usual[False], asyncio.get_running_loop().time() + trial.bounds.patience_s
    if trial.blind or trial.effect_since(before, task):
        return
    if not usual.samples:
        await trial.sample(task.kind)
    while (lost := usual.missing(trial.effect_since(before, task))) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(trial.settle_s or trial.bounds.patience_s / 10)
        await trial.look()
    trial.require(WHOLE_BODY, not lost, f"2xx, and {lost}", "in the state like any other that failed")


def _is_no_success(trial: Trial, task: Ended, before: str) -> None:
    """What the state says of a task that did not complete is not what it says of one that did."""
    if task.succeeded or trial.blind or not trial.usual[True].samples:
        return
    usual, got = outcome(trial.usual[True].samples[-1]), outcome(trial.effect_since(before, task))
    if usual == got and not usual[1]:
        trial.judge.not_judged(
            FAILED_IS_NOT_SUCCESS,
            "the state does not show what became of which task",
            "a state that says of each task what was done for it",
        )
        return
    received = f"a state that says {' '.join(sorted(usual[1].elements()))!r} of both"
    trial.require(FAILED_IS_NOT_SUCCESS, usual != got, received, "another state than of a completed task")


def status(name: str, kind: str) -> Play:
    """A status that not every document has: read or refused, and no success."""

    async def run(trial: Trial) -> None:
        task, before = await trial.task(kind), trial.state
        trial.note(f"the status {name}: first callback of {task.id}")
        _is_no_trouble(trial, await trial.deliver(Delivery(task.with_fields(status=name))), UNKNOWN_VALUES)
        await trial.look()
        usual, got = trial.usual[True], trial.effect_since(before, task)
        if not trial.blind and usual.samples and outcome(usual.samples[-1])[1]:
            differs = outcome(got) != outcome(usual.samples[-1])
            trial.require(FAILED_IS_NOT_SUCCESS, differs, f"in the state: {got}", "not what a completed task does")

    return run


async def unknown_task(trial: Trial) -> None:
    task = await trial.task(known=False)
    trial.note("completed: callback of a task that the receiver was not told of")
    _is_no_trouble(trial, await trial.deliver(Delivery(task.body)), UNKNOWN_TASK)
    await trial.look()


def _is_no_trouble(trial: Trial, exchange: Exchange, owner: str) -> None:
    """Accepted or refused, in time."""
    holds = not (failed_inside(exchange) or is_late(exchange))
    trial.require(owner, holds, exchange.answer_line(), "2xx or 4xx")


async def later_first(trial: Trial) -> None:
    """The later task ends first."""
    older, newer = await trial.task(), await trial.task()
    await trial.first(newer)
    await trial.first(older, owner=ORDER, effect=ORDER)


def report_after(kind: str) -> Play:
    """An older report of a task that has ended."""

    async def run(trial: Trial) -> None:
        task = await trial.task(kind)
        await trial.first(task)
        await late_report(trial, task)

    return run


async def report_before(trial: Trial) -> None:
    """A report of a task that goes on, and then its end."""
    task = await trial.task()
    await early_report(trial, task)
    await trial.first(task, owner=ORDER, effect=ORDER)


async def early_report(trial: Trial, task: Ended) -> None:
    trial.note(f"what {task.id} read before it ended")
    exchange = await trial.deliver(Delivery(task.earlier))
    if failed_inside(exchange) or is_late(exchange):
        trial.require(ORDER, False, exchange.answer_line(), "2xx or 4xx")
    await trial.look()


async def late_report(trial: Trial, task: Ended) -> None:
    """What a task read while it was processing, after its end: ignored or refused."""
    trial.note(f"what {task.id} read before it ended")
    before = trial.state
    exchange = await trial.deliver(Delivery(task.earlier))
    if failed_inside(exchange) or is_late(exchange):
        trial.require(ORDER, False, exchange.answer_line(), "2xx or 4xx")
    await trial.look()
    received = "an older report after the end changed the state"
    trial.require_state(ORDER, trial.state == before, received, "no effect")


def alike(name: Callable[[str], str], other: Callable[[str], str]) -> Play:
    """Two tasks whose ids are nearly the same: each is accepted and has its effect, or the form is refused."""

    async def run(trial: Trial) -> None:
        twin = await trial.task(named=name)
        tasks = [twin, await trial.task(named=lambda _: other(twin.id))]
        for task in tasks:
            await _of_any_id(trial, task, Delivery(task.body))

    return run


async def same_second(trial: Trial) -> None:
    """Two tasks that were created in the same second, as busy accounts have them: all but the ids is the same."""
    twin = await trial.task()
    other = await trial.task(named=lambda task_id: in_the_second_of(twin.id, task_id))
    created = {name: value for name, value in twin.fields.items() if name == "created"}
    for task in (twin, other):
        await _of_any_id(trial, task, Delivery(task.with_fields(**created)))


async def _of_any_id(trial: Trial, task: Ended, delivery: Delivery) -> None:
    trial.note(f"completed: first callback of {task.id}")
    before = trial.state
    exchange = await trial.deliver(delivery)
    if is_4xx(exchange):
        trial.note("refused, as its id may be")
        raise UntoldError
    trial.answered(exchange, WHOLE_ID)
    changed = await trial.shown(task, before)
    trial.require_state(WHOLE_ID, changed, "2xx, and the state stayed as it was", "an effect of its own")


def a_second_later(task_id: str) -> str:
    """The id of a task that was created a second later and drew the same ending."""
    name, _, ending = task_id.rpartition("-")
    prefix, _, second = name.rpartition("-")
    return f"{prefix}-{int(second) + 1}-{ending}"


def in_the_second_of(task_id: str, other: str) -> str:
    """The first id with the ending of the other, where ids have one."""
    begin, dash, _ = task_id.rpartition("-")
    return f"{begin}{dash}{other.rpartition('-')[2]}"
