"""Named cases of what somebody else may send to an open address; after each, a valid callback has to be accepted."""

import asyncio

from contract_tests.receiver.bodies import ANSWERS
from contract_tests.receiver.bounds import UntoldError
from contract_tests.receiver.delivery import Delivery, Trickle, failed_inside, is_2xx, is_4xx, is_late
from contract_tests.receiver.hooks import HookError
from contract_tests.receiver.probes import Probe
from contract_tests.receiver.stock import Ended
from contract_tests.receiver.trial import Trial

REFUSED, HARMLESS = "RECEIVER-GARBAGE-REFUSED", "RECEIVER-GARBAGE-HARMLESS"
SLOW_SENDER, OVERSIZE = "RECEIVER-SLOW-SENDER", "RECEIVER-OVERSIZE"

OVERSIZE_BYTES = 2 * 1024 * 1024
GARBAGE = {
    "nothing": b"",
    "no JSON": b"status=completed&id=1",
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "half of an object": b'{"id": "task-unified-1757169743-g608gecv", "sta',
    "null": b"null",
    "a list": b'["completed"]',
    "a string": b'"completed"',
    "no fields": b"{}",
    "fields of wrong types": b'{"id": 7, "status": ["completed"], "results": "none"}',
    "an id that is an object": b'{"id": {"$ne": null}, "status": "completed", "results": []}',
}
"""What is no task, by name."""
_PAUSES = 50


def garbage(name: str, body: bytes) -> Probe:
    """Refused, or the connection closed; and nothing happened."""

    async def run(trial: Trial) -> None:
        task = await trial.task()
        trial.note(f"garbage: {name}")
        exchange = await trial.send(Delivery(body))
        if is_late(exchange):
            trial.require(REFUSED, False, exchange.answer_line(), "4xx in time")
        refused = exchange.status is None or is_4xx(exchange)
        trial.require(REFUSED, refused, exchange.answer_line(), "4xx, or the connection closed")
        await _without_trace(trial, task)

    return Probe((REFUSED, HARMLESS), run, f"what is no task: {name}")


def cut_short(task: Ended) -> Delivery:
    """The first half of a callback, though all of it was announced."""
    return Delivery(task.body[: len(task.body) // 2], announced=len(task.body))


async def broken_off(trial: Trial) -> None:
    """The sender leaves in the middle of the body."""
    half, whole = await trial.task(), await trial.task()
    trial.note(f"half of the callback of {half.id}, then the connection is closed")
    await trial.send(cut_short(half))
    await _without_trace(trial, whole)


async def _without_trace(trial: Trial, task: Ended) -> None:
    """The state is what it was, and a new task is accepted."""
    if await _look(trial, task, HARMLESS):
        trial.require(HARMLESS, False, "the state changed", "no effect on the state")
    await _still_accepts(trial, task, HARMLESS)
    trial.require_state(HARMLESS, True, "")


async def _look(trial: Trial, task: Ended, owner: str) -> bool:
    """A state that could be read before and can't be any more is damage, or even the end of the receiver."""
    try:
        return await trial.look()
    except HookError as error:
        trial.note(f"completed: first callback of {task.id}")
        await trial.accepted(Delivery(task.body), owner)
        trial.require(owner, False, str(error), "a state that can be read as before")
        raise


async def _still_accepts(trial: Trial, task: Ended, owner: str) -> None:
    trial.note(f"completed: first callback of {task.id}")
    await trial.accepted(Delivery(task.body), owner)
    await trial.look()


async def oversize(trial: Trial) -> None:
    """A completed task of a model with a very long name: nothing but fields that everybody knows."""
    large, task = await trial.task(), await trial.task()
    trial.note(f"a body of {OVERSIZE_BYTES} bytes")
    exchange = await trial.send(Delivery(large.with_fields(model="x" * OVERSIZE_BYTES)))
    if exchange.status is not None or is_late(exchange):
        holds = not (failed_inside(exchange) or is_late(exchange))
        trial.require(OVERSIZE, holds, exchange.answer_line(), "2xx, 4xx or a closed connection")
    await _look(trial, task, OVERSIZE)
    await _still_accepts(trial, task, OVERSIZE)
    trial.judge.that(OVERSIZE, True, "")


async def slow_sender(trial: Trial) -> None:
    """While one body comes byte by byte, another callback is answered in time."""
    slow, other = await trial.task(), await trial.task()
    trickle = Trickle(slow.body, pause_s=trial.sender.timeout_s / _PAUSES)
    trial.notes.append(f"before the first, the callback of {slow.id} begins to come byte by byte, and ends after it")
    sending = asyncio.create_task(trial.sender.send(Delivery(slow.body), trickle))
    await asyncio.wait({sending, asyncio.ensure_future(trickle.begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
    trial.note(f"completed: first callback of {other.id}")
    exchange = await trial.deliver(Delivery(other.body))
    trickle.release.set()
    trial.keep(await sending)
    await trial.look()
    if is_late(exchange):
        trial.require(SLOW_SENDER, False, exchange.answer_line(), f"2xx within {trial.sender.timeout_s:g} s")
    if not is_2xx(exchange):
        trial.answered(exchange, ANSWERS)
        raise UntoldError
    trial.judge.that(SLOW_SENDER, True, "")


GARBAGE_CASES = {f"garbage/{name.replace(' ', '-').lower()}": name for name in GARBAGE}
"""By the name of the case, which is what."""
HOSTILE = {
    "slow-sender": Probe(
        (SLOW_SENDER,), slow_sender, "a body that comes byte by byte, and another callback meanwhile"
    ),
    **{case: garbage(name, GARBAGE[name]) for case, name in GARBAGE_CASES.items()},
    "broken-off": Probe((HARMLESS,), broken_off, "half of a callback, and then the connection is closed"),
    "oversize": Probe((OVERSIZE,), oversize, f"a body of {OVERSIZE_BYTES:,} bytes"),
}
"""Last of all: some do not survive them."""
