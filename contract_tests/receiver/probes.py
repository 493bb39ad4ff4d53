"""Named cases of what the provider can send: every kind, twice, in any order, many at once.

Each is a function of a trial that judges the checks it names; a broken promise ends it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract_tests.receiver.delivery import Delivery, failed_inside, is_2xx, is_late
from contract_tests.receiver.stock import CANCELLED, COMPLETED, FAILURES, Ended
from contract_tests.receiver.trial import ANSWERS, RETRY, Trial, UntoldError

FAILED_IS_NOT_SUCCESS = "RECEIVER-FAILED-IS-NOT-SUCCESS"
MEDIA_TYPE, UNKNOWN_FIELDS, UNKNOWN_TASK = "RECEIVER-MEDIA-TYPE", "RECEIVER-UNKNOWN-FIELDS", "RECEIVER-UNKNOWN-TASK"
DUPLICATE, AT_ONCE = "RECEIVER-DUPLICATE-ONCE", "RECEIVER-DUPLICATE-AT-ONCE"
ORDER, PARALLEL = "RECEIVER-ORDER", "RECEIVER-PARALLEL"

COPIES, TASKS_AT_ONCE, ROUNDS = 4, 8, 3
STRANGE_FIELDS = {"x_new": {"deep": [1, None, "two"]}, "eta": 12.5, "_note": None}
"""Fields that no document has."""
MEDIA_TYPES = ("application/json; charset=utf-8", "Application/JSON")


@dataclass(frozen=True, slots=True)
class Probe:
    """`owns` are the checks that it judges."""

    owns: tuple[str, ...]
    run: Callable[[Trial], Coroutine[Any, Any, None]]


async def foundation(trial: Trial) -> None:
    """One completed task. Without it nothing else can be told."""
    await trial.look()
    if await trial.look():
        trial.blind = "the receiver's state changes without a callback"
    await trial.first(await trial.task())
    trial.judge.that(ANSWERS, True, "")


def ends(kind: str) -> Probe:
    """A task that ended in this way is accepted."""

    async def run(trial: Trial) -> None:
        await trial.first(await trial.task(kind))
        trial.judge.that(ANSWERS, True, "")

    return Probe((ANSWERS,), run)


async def failed_is_not_success(trial: Trial) -> None:
    """What the state gains by a failed task differs from what it gains by a completed one."""
    gains = []
    for kind in (COMPLETED, FAILURES[0]):
        task, before = await trial.task(kind), trial.state
        await trial.first(task)
        gains.append(_gain(before, trial.state, task))
    if not trial.blind and not (trial.names_tasks and (gains[0] or gains[1])):
        trial.judge.not_judged(FAILED_IS_NOT_SUCCESS, "the state does not show what became of which task")
        return
    received = f"for both kinds the state gains {' '.join(sorted(gains[0].elements()))!r} beside id and result links"
    trial.require_state(FAILED_IS_NOT_SUCCESS, gains[0] != gains[1], received)


def _gain(before: str, after: str, task: Ended) -> Counter[str]:
    """The words that came in, without the id and the links, which differ from task to task."""
    for link in task.fields.get("results", ()):
        after = after.replace(link, " ")
    return Counter(re.findall(r"\w+", after.replace(task.id, " "))) - Counter(re.findall(r"\w+", before))


def media_type(written: str) -> Probe:
    async def run(trial: Trial) -> None:
        task = await trial.task()
        trial.note(f"content-type: {written}")
        await trial.accepted(Delivery(task.body, written), MEDIA_TYPE)
        trial.judge.that(MEDIA_TYPE, True, "")
        await trial.look()

    return Probe((MEDIA_TYPE,), run)


async def unknown_fields(trial: Trial) -> None:
    await with_strange_fields(trial, await trial.task())


async def with_strange_fields(trial: Trial, task: Ended, effect: str = UNKNOWN_FIELDS) -> None:
    """The first callback of a task, with fields that no document has; `effect` is broken if it has none."""
    trial.note(f"{task.kind}: first callback of {task.id}, with unknown fields")
    again = await trial.accepted(Delivery(task.with_fields(**STRANGE_FIELDS)), UNKNOWN_FIELDS)
    changed = await trial.look()
    if task.kind == COMPLETED and not trial.blind:
        received = "2xx, and the state stayed as it was"
        trial.require(RETRY if again else effect, changed, received, "2xx and an effect on the state")
    trial.judge.that(UNKNOWN_FIELDS, True, "")


async def unknown_task(trial: Trial) -> None:
    task = await trial.task(known=False)
    trial.note("completed: callback of a task that the receiver was not told of")
    exchange = await trial.deliver(Delivery(task.body))
    holds = not (failed_inside(exchange) or is_late(exchange))
    trial.require(UNKNOWN_TASK, holds, exchange.answer_line(), "2xx or 4xx")
    await trial.look()


async def duplicates(trial: Trial) -> None:
    """Copies right after the first, after another task, and of tasks that did not complete."""
    one, other, failed, cancelled = [
        await trial.task(kind) for kind in (COMPLETED, COMPLETED, FAILURES[0], CANCELLED)
    ]
    await trial.first(one)
    await trial.again(one, DUPLICATE)
    await trial.first(other)
    await trial.again(one, DUPLICATE)
    for task in (failed, cancelled):
        await trial.first(task)
        await trial.again(task, DUPLICATE)


async def duplicates_at_once(trial: Trial) -> None:
    """Of tasks that the state names, one told once and one told by several copies are named as often."""
    if trial.judge.is_found(DUPLICATE):
        raise UntoldError
    if not trial.blind and not trial.names_tasks:
        trial.judge.not_judged(AT_ONCE, "the receiver's state does not name tasks")
        return
    once, copied = await trial.task(), await trial.task()
    await trial.first(once)
    usual = trial.state.count(once.id)
    trial.note(f"the next {COPIES} at the same time")
    exchanges = await asyncio.gather(*(trial.deliver(Delivery(copied.body)) for _ in range(COPIES)))
    for exchange in exchanges:
        trial.answered(exchange, AT_ONCE)
    await trial.look()
    named = trial.state.count(copied.id)
    received = f"the state names the task {named} times, and {usual} times one that came once"
    trial.require_state(AT_ONCE, named == usual, received)


async def retry(trial: Trial) -> None:
    """The receiver is made to fail, and gets the same callback again."""
    if trial.hooks.fail is None:
        trial.judge.not_judged(RETRY, "the receiver never failed of its own accord; --fail-command makes it")
        return
    task = await trial.task()
    await trial.hooks.fail()
    trial.note(f"completed: first callback of {task.id}, which the receiver was made to fail")
    if not await trial.accepted(Delivery(task.body), RETRY):
        trial.judge.not_judged(RETRY, "the receiver did not fail although --fail-command was run")
        await trial.look()
        return
    changed = await trial.look()
    trial.require_state(RETRY, changed, "2xx at the repetition, and the state stayed as it was")


async def order(trial: Trial) -> None:
    """The later task ends first; then an older report of a task that has ended."""
    older, newer = await trial.task(), await trial.task()
    await trial.first(newer)
    await trial.first(older, owner=ORDER, effect=ORDER)
    await late_report(trial, older)


async def late_report(trial: Trial, task: Ended) -> None:
    """What a task read while it was processing, after its end: ignored or refused."""
    trial.note(f"what {task.id} read before it ended")
    exchange = await trial.deliver(Delivery(task.earlier))
    holds = not (failed_inside(exchange) or is_late(exchange))
    if not holds:
        trial.require(ORDER, holds, exchange.answer_line(), "2xx or 4xx")
    changed = await trial.look()
    trial.require_state(ORDER, not changed, "an older report after the end changed the state", "no effect")


async def parallel(trial: Trial) -> None:
    """Different tasks end at the same time; what is missing then shows, or comes with the copies."""
    tasks = [await trial.task() for _ in range(TASKS_AT_ONCE)]
    await together(trial, tasks)
    if trial.blind or trial.names_tasks:
        return
    if trial.judge.is_found(DUPLICATE):
        raise UntoldError
    for task in tasks:
        await trial.accepted(Delivery(task.body), PARALLEL)
    changed = await trial.look()
    trial.require_state(PARALLEL, not changed, "copies sent afterwards changed the state, so one was lost")


async def together(trial: Trial, tasks: list[Ended]) -> None:
    """First callbacks at the same time: all accepted, and all named by a state that names tasks."""
    trial.note(f"the next {len(tasks)} at the same time")
    exchanges = await asyncio.gather(*(trial.deliver(Delivery(task.body)) for task in tasks))
    for exchange in exchanges:
        if not is_2xx(exchange):
            trial.answered(exchange, PARALLEL)
    await trial.look()
    if trial.blind:
        trial.judge.not_judged(PARALLEL, trial.blind)
    elif trial.judge.is_found(ORDER):
        raise UntoldError
    elif trial.names_tasks:
        lost = [task.id for task in tasks if task.kind in trial.named and task.id not in trial.state]
        received = f"{len(lost)} of {len(tasks)} are not in the state: {', '.join(lost)}"
        trial.require(PARALLEL, not lost, received, "all of them in the state")


PROBES = (
    *(ends(kind) for kind in (*FAILURES, CANCELLED)),
    Probe((FAILED_IS_NOT_SUCCESS,), failed_is_not_success),
    *(media_type(written) for written in MEDIA_TYPES),
    Probe((UNKNOWN_FIELDS,), unknown_fields),
    Probe((UNKNOWN_TASK,), unknown_task),
    Probe((DUPLICATE,), duplicates),
    Probe((RETRY,), retry),
    Probe((ORDER,), order),
)
"""Before the drawn sequences."""
AT_THE_SAME_TIME = (Probe((AT_ONCE,), duplicates_at_once), Probe((PARALLEL,), parallel)) * ROUNDS
"""After them: what they found decides what these can tell. More than once, for a race does not show every time."""
