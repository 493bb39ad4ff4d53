"""Named cases of what comes more than once, or at the same time as others."""

import asyncio

from contract_tests.receiver.bodies import EVERY_SHAPE, respelt
from contract_tests.receiver.bounds import UntoldError
from contract_tests.receiver.delivery import Delivery, is_2xx
from contract_tests.receiver.probes import DUPLICATE, ORDER, Play
from contract_tests.receiver.stock import Ended
from contract_tests.receiver.trial import A_STATE, RETRY, Trial

AT_ONCE, RESPELT = "RECEIVER-DUPLICATE-AT-ONCE", "RECEIVER-DUPLICATE-RESPELT"
PARALLEL, LEAVES = "RECEIVER-PARALLEL", "RECEIVER-SENDER-LEAVES"
COPIES, _TRIES = 4, 3
_LEAST_S = 0.1
"""What a receiver is left to come to its end in, though its bounds have no delays."""
_MANY_S = 5.0
"""As many of the tasks between a callback and its latest copy as fit into so many seconds."""


def _need_copies_known(trial: Trial) -> None:
    """A receiver that can't tell a copy that comes alone has its finding already."""
    _need_held(trial, DUPLICATE)


def _need_held(trial: Trial, *check_ids: str) -> None:
    if any(trial.judge.is_found(check_id) for check_id in check_ids):
        raise UntoldError


def copy_later(kind: str) -> Play:
    """A copy after another task."""

    async def run(trial: Trial) -> None:
        one, other = await trial.task(kind), await trial.task()
        await trial.first(one)
        await trial.first(other)
        await trial.again(one, DUPLICATE)

    return run


def copies_much_later(kinds: tuple[str, ...]) -> Play:
    """Copies after hundreds of other tasks."""

    async def run(trial: Trial) -> None:
        tasks = [await trial.task(kind) for kind in kinds]
        for task in tasks:
            await trial.first(task)
        trial.note(f"{await _many(trial)} other tasks")
        if not await trial.at_rest():
            raise UntoldError
        for task in tasks:
            await trial.again(task, DUPLICATE)

    return run


async def _many(trial: Trial) -> int:
    """How many were told in the time there is; they are no steps of the case."""
    steps, until = trial.steps, asyncio.get_running_loop().time() + _MANY_S
    trial.steps = []
    sent = 0
    while sent < trial.bounds.between and asyncio.get_running_loop().time() < until:
        await trial.send(Delivery((await trial.task()).body))
        sent += 1
    trial.steps = steps
    return sent


def copy_respelt(kind: str) -> Play:
    """The same callback, in other bytes."""

    async def run(trial: Trial) -> None:
        _need_held(trial, DUPLICATE, EVERY_SHAPE)
        task = await trial.task(kind)
        await trial.first(task)
        await trial.again(task, RESPELT, shape=respelt, line="the same callback in other bytes", exact=False)

    return run


def copies_at_once(kind: str) -> Play:
    """Several copies at the same time do what one callback does."""

    async def run(trial: Trial) -> None:
        _need_copies_known(trial)
        await trial.sample(kind)
        task, before = await trial.task(kind), trial.state
        sent = len(trial.steps)
        trial.note(f"the next {COPIES} at the same time")
        exchanges = await asyncio.gather(*(trial.deliver(Delivery(task.body)) for _ in range(COPIES)))
        for exchange in exchanges:
            trial.answered(exchange, AT_ONCE)
        await trial.shown(task, before)
        if len(trial.steps) - sent > COPIES:
            _need_held(trial, RETRY)
        await done_once_or_unshown(trial, task, before, AT_ONCE)

    return run


async def done_once_or_unshown(trial: Trial, task: Ended, before: str, owner: str) -> None:
    """Not judged where the state shows nothing of such a task."""
    if not trial.blind and not any(trial.usual[task.succeeded].samples):
        trial.judge.not_judged(owner, "the state does not show what one callback does", A_STATE)
        return
    await trial.done_once(task, before, owner)
    trial.require_state(owner, True, "")


def own_failure(kind: str, times: int) -> Play:
    """The receiver is made to fail so often, and gets the same callback again."""

    async def run(trial: Trial) -> None:
        if trial.hooks.fail is None:
            reason = "the receiver never failed of its own accord"
            trial.judge.not_judged(RETRY, reason, "--fail-command, which makes it fail the next callback")
            return
        await trial.sample(kind)
        task, before = await trial.task(kind), trial.state
        for _ in range(times):
            await trial.hooks.fail()
        trial.note(f"{kind}: first callback of {task.id}, which it is made to fail, {times} of 4 attempts")
        if not await trial.accepted(Delivery(task.body), RETRY):
            trial.judge.not_judged(RETRY, "the receiver did not fail although --fail-command was run")
            await trial.look()
            return
        changed = await trial.shown(task, before)
        received = "2xx at the repetition, and the state stayed as it was"
        trial.require_state(RETRY, changed or not task.succeeded, received, "the effect of one callback, once")
        await trial.done_once(task, before, RETRY)

    return run


async def own_failure_at_copy(trial: Trial) -> None:
    """The receiver is made to fail a copy."""
    if trial.hooks.fail is None:
        return
    task = await trial.task()
    await trial.first(task)
    await trial.hooks.fail()
    await trial.again(task, DUPLICATE)


def sender_leaves(kind: str) -> Play:
    """The sender has sent all and hangs up before the answer; then it comes again, as after a time-out."""

    async def run(trial: Trial) -> None:
        _need_held(trial, DUPLICATE, RETRY)
        await trial.sample(kind)
        for _ in range(_TRIES):
            if await left(trial, await trial.task(kind)):
                break

    return run


async def left(trial: Trial, task: Ended) -> bool:
    """The first callback of a task twice: the sender waits for the second answer only. False where the receiver
    failed the second by itself: then this tells nothing."""
    before = trial.state
    trial.note(f"{task.kind}: first callback of {task.id}; the sender hangs up before the answer")
    await trial.send(Delivery(task.body, leaves=True))
    await asyncio.sleep(max(trial.bounds.retry_delays_s[:1] or (0.0,)) or _LEAST_S)
    trial.note(f"the same callback of {task.id} again")
    again = await trial.accepted(Delivery(task.body), LEAVES)
    changed = await trial.shown(task, before)
    if not again:
        received = "2xx, and the state stayed as it was"
        trial.require_state(LEAVES, changed or not task.succeeded, received, "the effect of one callback, once")
        await done_once_or_unshown(trial, task, before, LEAVES)
    return not again


def parallel(kinds: tuple[str, ...]) -> Play:
    """Different tasks end at the same time; what is missing then shows, or comes with the copies."""

    async def run(trial: Trial) -> None:
        tasks = [await trial.task(kind) for kind in kinds]
        await together(trial, tasks)
        if trial.blind or trial.names_tasks:
            return
        _need_copies_known(trial)
        if not await trial.at_rest():
            raise UntoldError
        before = trial.state
        for task in tasks:
            await trial.accepted(Delivery(task.body), PARALLEL)
        await trial.look()
        received = "copies sent afterwards changed the state, so one was lost"
        trial.require_state(PARALLEL, trial.state == before, received, "no effect")

    return run


async def together(trial: Trial, tasks: list[Ended]) -> None:
    """First callbacks at the same time: all accepted, and all named by a state that names tasks."""
    trial.note(f"the next {len(tasks)} at the same time")
    exchanges = await asyncio.gather(*(trial.deliver(Delivery(task.body)) for task in tasks))
    for exchange in exchanges:
        if not is_2xx(exchange):
            trial.answered(exchange, PARALLEL)
    await trial.look()
    if trial.blind:
        trial.judge.not_judged(PARALLEL, trial.blind, A_STATE)
    elif trial.judge.is_found(ORDER):
        raise UntoldError
    elif trial.names_tasks:
        await _all_named(trial, [task for task in tasks if task.kind in trial.named])


async def _all_named(trial: Trial, tasks: list[Ended]) -> None:
    """By the state, sooner or later."""
    until = asyncio.get_running_loop().time() + trial.bounds.patience_s
    while any(task.id not in trial.state for task in tasks) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(trial.settle_s or trial.bounds.patience_s / 10)
        await trial.look()
    lost = [task.id for task in tasks if task.id not in trial.state]
    received = f"{len(lost)} of {len(tasks)} are not in the state: {', '.join(lost)}"
    trial.require(PARALLEL, not lost, received, "all of them in the state")
