"""Commands and worlds for tests of the pure simulation: valid by default, with whatever a test changes."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from mockserver.simulation import snapshot
from mockserver.simulation.chance import mark_of
from mockserver.simulation.command import Command, Elapse, Pass, Report, Submit
from mockserver.simulation.event import Fired, Happening, Outcome
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Task, Terms
from mockserver.simulation.world import Settings, World

START_MS = 1_757_169_743_000
"""The documented example's `created`, in ms."""
ALICE, BOB, CAROL = "alice", "bob", "carol"
MODEL = "kling-o1-video-edit-fast"
QUEUE_MS, WORK_MS = 1_000, 5_000
RESERVE_UC = 70_000
DAY_MS = 24 * 60 * 60 * 1000
URL = "https://receiver.example/hook?secret=1"


def terms(**over: Any) -> Terms:
    """The documented terms: 7 credits, 5 s of which the first is spent in the queue."""
    fields: dict[str, Any] = {
        "model": MODEL,
        "object": "video.generation.task",
        "type": "video",
        "estimated_s": 300,
        "work_ms": WORK_MS,
        "queue_share": (0.2, 0.2),
        "reserve_uc": RESERVE_UC,
        "billing_rule": "per_call",
        "length_ms": 9_000,
        "results": 1,
        "sample": "video.mp4",
        "link_valid_ms": DAY_MS,
        "retry_delays_ms": (1_000, 2_000, 4_000),
        "callback_timeout_ms": 10_000,
    }
    return Terms(**{**fields, **over})


def submit(at_ms: int = START_MS, **over: Any) -> Submit:
    """A valid submission; `over` are its fields."""
    return Submit(at_ms=at_ms, **{"terms": terms(), **over})


def keyed(at_ms: int = START_MS, key: str = "k" * 16, fingerprint: str = "print", **over: Any) -> Submit:
    """A submission with an idempotency key that is remembered for a day."""
    window = {"idempotency_window_ms": DAY_MS}
    return submit(at_ms, idempotency_key=key, fingerprint=fingerprint, **{**window, **over})


def new_world(name: str = ALICE, **settings: Any) -> World:
    """The world of a key as a server opens it: its ids end in the mark of its name."""
    return World(Settings(name=name, **{"mark": mark_of(name), **settings}), START_MS)


def accepted(world: World, command: Submit) -> Task:
    """Submit, and the task it became."""
    reply = world.apply(command).reply
    assert reply.refusal is None
    assert reply.task is not None
    return reply.task


def refusal(world: World, command: Command) -> Refusal | None:
    return world.apply(command).reply.refusal


def pass_to(world: World, after_ms: int) -> Outcome:
    """Let time pass until so many ms after the start."""
    return world.apply(Pass(at_ms=START_MS + after_ms))


def elapse_to(world: World, after_ms: int) -> Outcome:
    """Let happen what is due until so many ms after the start, as far as one command may."""
    return world.apply(Elapse(at_ms=world.now_ms, until_ms=START_MS + after_ms))


def report(world: World, delivery_id: str, attempt: int, **result: Any) -> Outcome:
    """An attempt came back now, with 200 unless told otherwise."""
    result = result or {"status": 200}
    return world.apply(
        Report(at_ms=world.now_ms, delivery_id=delivery_id, attempt=attempt, **{"ended_ms": world.now_ms, **result})
    )


def of_type(outcome: Outcome, *types: Happening) -> list[Fired]:
    return [event for event in outcome.events if event.type in types]


def told(outcome: Outcome) -> list[tuple[str, int]]:
    """Each event's type with its time, in ms after the start."""
    return [(event.type.value, event.at_ms - START_MS) for event in outcome.events]


def dumped(world: World) -> list[bytes]:
    return list(snapshot.dump(world))


def restored(lines: list[bytes]) -> World:
    restorer = snapshot.Restorer()
    for line in lines:
        restorer.take(line)
    return restorer.world


def busy_commands(limit: int | None = None) -> Iterator[Command]:
    """Ordinary traffic without end: submissions with and without a callback or a key, and time that passes."""
    now_ms = START_MS
    for number in count():
        if limit is not None and number >= limit:
            return
        now_ms += 700
        match number % 4:
            case 0 | 1:
                yield submit(now_ms, callback_url=URL, terms=terms(reserve_uc=1))
            case 2:
                yield keyed(now_ms, key=f"key-{number:012}", terms=terms(reserve_uc=1))
            case _:
                yield Pass(at_ms=now_ms)
