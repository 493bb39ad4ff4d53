"""What happens by itself: in the order in which it is due, so much at once as a world may, as far as it is asked."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.simulation.callback import Delivery
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.command import Elapse, Pass, Redeliver, SetAccount, SetClock, Steer
from mockserver.simulation.event import Fired, Happening, Outcome
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import CallbackEffect, Effect
from mockserver.simulation.task import Event
from mockserver.simulation.timer import Timers
from mockserver.simulation.world import World
from tests.orders import (
    QUEUE_MS,
    START_MS,
    URL,
    WORK_MS,
    accepted,
    dumped,
    elapse_to,
    new_world,
    of_type,
    pass_to,
    report,
    restored,
    submit,
    terms,
    told,
)

FIRES = (Happening.TASK_STARTED, Happening.TASK_COMPLETED, Happening.TASK_FAILED, Happening.CALLBACK_SENT)
"""One of these for each thing that happens by itself."""
SOON = {"queue_ms": 0, "work_ms": 1_000}


def begun(fires_limit: int, *effects: Effect, url: str | None = URL) -> World:
    """A world with a task for each of these effects."""
    world = new_world(fires_limit=fires_limit)
    for effect in effects:
        accepted(world, submit(effect=effect, callback_url=url))
    return world


# --- elapsing


def test_elapsing_stops_at_the_first_moment_at_which_a_callback_goes_out() -> None:
    world = begun(1_000, *[Effect(queue_ms=0, work_ms=work_ms) for work_ms in (500, 700, 700, 900)])
    assert told(elapse_to(world, 600))[-1] == ("callback.sent", 500)
    assert world.now_ms == START_MS + 500
    outcome = elapse_to(world, WORK_MS)
    assert [event.at_ms - START_MS for event in of_type(outcome, Happening.CALLBACK_SENT)] == [700, 700]
    assert (len(outcome.sends), world.now_ms) == (2, START_MS + 700)
    assert world.next_due_ms() == START_MS + 900


def test_elapsing_leaves_time_at_the_last_thing_that_happened() -> None:
    world = begun(1_000, Effect(queue_ms=10, work_ms=20), url=None)
    elapse_to(world, 29)
    assert (world.now_ms, world.next_due_ms()) == (START_MS + 10, START_MS + 30)
    elapse_to(world, 1_000_000)
    assert (world.now_ms, world.next_due_ms()) == (START_MS + 30, None)


def test_elapsing_where_nothing_is_due_lets_no_time_pass() -> None:
    world = begun(1_000, Effect(queue_ms=10))
    before = dumped(world)
    assert elapse_to(world, 9).events == []
    assert dumped(world) == before


def test_elapsing_goes_up_to_its_end_and_not_past_it() -> None:
    world = begun(1_000, Effect(queue_ms=10), url=None)
    assert told(elapse_to(world, 10)) == [("task.started", 10)]


def test_elapsing_begins_where_its_command_stands() -> None:
    """What was due before then happens first; a callback among it is the first one."""
    world = begun(1_000, Effect(queue_ms=0, work_ms=100), Effect(queue_ms=0, work_ms=300))
    outcome = world.apply(Elapse(at_ms=START_MS + 200, until_ms=START_MS + 1_000))
    assert told(outcome)[-1] == ("callback.sent", 100)
    assert (world.now_ms, world.next_due_ms()) == (START_MS + 200, START_MS + 300)


def test_a_retry_inside_the_window_goes_out_inside_it() -> None:
    world = begun(1_000, Effect(**SOON))
    elapse_to(world, 60_000)
    report(world, *world.deliveries, 1, status=500)
    assert told(elapse_to(world, 60_000)) == [("callback.sent", 2_000)]


def test_what_has_gone_stale_is_no_part_of_what_one_command_lets_happen() -> None:
    """Or else a world that was restored, in which nothing is stale, would go further."""
    world = begun(2, *[Effect(queue_ms=queue_ms) for queue_ms in (1, 2, 3)], url=None)
    world.apply(Steer(at_ms=START_MS, task_id=list(world.tasks)[1], event=Event.CANCEL))
    other = restored(dumped(world))
    assert told(elapse_to(world, 100)) == told(elapse_to(other, 100)) == [("task.started", 1), ("task.started", 3)]


EFFECTS = st.builds(
    Effect,
    queue_ms=st.integers(1, 3),
    work_ms=st.integers(0, 3),
    fail=st.sampled_from([None, None, "service_error"]),
    callback=st.none() | st.builds(CallbackEffect, delay_ms=st.integers(0, 3), copies=st.integers(0, 2)),
)
LIMITS = st.sampled_from([1, 2, 3, 1_000])


@settings(deadline=None)
@given(effects=st.lists(EFFECTS, max_size=12), fires_limit=LIMITS, until_ms=st.integers(0, 12))
def test_elapsing_again_and_again_is_passing_at_once(effects: list[Effect], fires_limit: int, until_ms: int) -> None:
    """Everything fires in order and exactly once, with no moment passed over at which a callback goes out."""
    world, other = begun(fires_limit, *effects), begun(10_000, *effects)
    whole = pass_to(other, until_ms)
    events: list[Fired] = []
    while (due_ms := world.next_due_ms()) is not None and due_ms <= START_MS + until_ms:
        outcome = elapse_to(world, until_ms)
        check_step(world, outcome, fires_limit, START_MS + until_ms)
        events += outcome.events
    assert events == whole.events
    pass_to(world, until_ms)
    assert dumped(world)[1:] == dumped(other)[1:]


def check_step(world: World, outcome: Outcome, fires_limit: int, until_ms: int) -> None:
    """Not nothing, not too much; and where a callback went out, time stands at its moment."""
    fired = of_type(outcome, *FIRES)
    assert 1 <= len(fired) <= 3 * fires_limit
    assert fired[-1].at_ms <= world.now_ms <= until_ms
    sent = [event.at_ms for event in of_type(outcome, Happening.CALLBACK_SENT)]
    assert len(sent) == len(outcome.sends)
    assert not sent or sent[0] == sent[-1] == world.now_ms


# --- falling behind


@given(effects=st.lists(EFFECTS, max_size=12), fires_limit=LIMITS, after_ms=st.integers(0, 12))
def test_a_world_that_falls_behind_loses_nothing_and_doubles_nothing(
    effects: list[Effect], fires_limit: int, after_ms: int
) -> None:
    world, other = begun(fires_limit, *effects), begun(10_000, *effects)
    outcomes = [pass_to(world, after_ms)]
    while (due_ms := world.next_due_ms()) is not None and due_ms <= world.now_ms:
        outcomes.append(pass_to(world, after_ms))
        assert 1 <= len(of_type(outcomes[-1], *FIRES)) <= 2 * fires_limit
    whole = pass_to(other, after_ms)
    assert dumped(world)[1:] == dumped(other)[1:]
    assert [event for outcome in outcomes for event in outcome.events] == whole.events
    assert [send for outcome in outcomes for send in outcome.sends] == whole.sends
    fired = [event for outcome in outcomes for event in of_type(outcome, *FIRES)]
    assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(fired))
    starts = [(event.task_id, event.delivery_id, event.attempt, event.type) for event in fired]
    assert len(set(starts)) == len(starts)


def test_a_command_lets_happen_only_so_much_before_it_and_after_it() -> None:
    world = begun(3, *[Effect(queue_ms=1)] * 10, url=None)
    counts = [len(pass_to(world, QUEUE_MS).events) for _ in range(3)]
    assert counts == [6, 4, 0]
    assert world.now_ms == START_MS + QUEUE_MS


def test_a_world_that_is_behind_says_so() -> None:
    world = begun(1, *[Effect(queue_ms=1)] * 4, url=None)
    pass_to(world, 50)
    assert world.next_due_ms() == START_MS + 1 < world.now_ms


def test_a_submission_is_carried_out_though_not_everything_due_has_fired() -> None:
    world = begun(1, *[Effect(queue_ms=1, work_ms=1)] * 5)
    outcome = world.apply(submit(START_MS + 100, effect=Effect(queue_ms=0, work_ms=0), callback_url=URL))
    task = outcome.reply.task
    assert outcome.reply.refusal is None
    assert task is not None
    assert (task.submitted_ms, task.starts_ms, world.active) == (START_MS + 100, START_MS + 100, 6)
    assert told(outcome) == [
        ("task.started", 1),
        ("task.submitted", 100),
        ("credits.reserved", 100),
        ("task.started", 1),
    ]
    rest = caught_up(world)
    assert [(one.type, one.at_ms - START_MS) for one in rest if one.task_id == task.id] == [
        (Happening.TASK_STARTED, 100),
        (Happening.TASK_COMPLETED, 100),
        (Happening.CREDITS_CHARGED, 100),
        (Happening.CALLBACK_SENT, 100),
    ]
    ends = [one.task_id for one in rest if one.type is Happening.TASK_COMPLETED]
    assert ends == list(world.tasks)
    assert (world.active, world.book.user.reserved, len(world.deliveries)) == (0, 0, 6)


def caught_up(world: World) -> list[Fired]:
    """What happens until the world is up to its own time."""
    events: list[Fired] = []
    while (due_ms := world.next_due_ms()) is not None and due_ms <= world.now_ms:
        events += world.apply(Pass(at_ms=world.now_ms)).events
    return events


def test_a_task_that_is_behind_can_be_ended_by_hand_and_then_ends_only_once() -> None:
    world = begun(1, *[Effect(queue_ms=1, work_ms=1)] * 4)
    task_id = list(world.tasks)[-1]
    assert world.apply(Steer(at_ms=START_MS + 9, task_id=task_id, event=Event.CANCEL)).reply.refusal is None
    events = caught_up(world)
    assert not [one for one in events if one.task_id == task_id and one.type is not Happening.CALLBACK_SENT]
    assert (world.book.user.charged, world.book.user.reserved) == (3 * terms().reserve_uc, 0)


def test_limits_are_judged_by_what_has_fired() -> None:
    """A task that ought to have ended still runs until its end has fired."""
    world = begun(1, *[Effect(queue_ms=1, work_ms=1)] * 3, url=None)
    world.apply(SetAccount(at_ms=START_MS, concurrent_tasks=3))
    reply = world.apply(submit(START_MS + 50)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.TOO_MANY_TASKS, 1_000)
    caught_up(world)
    assert world.apply(submit(world.now_ms)).reply.refusal is None


# --- a clock of its own


OWN = OwnClock(mode=Mode.POLLS, poll_step_ms=7)


@pytest.mark.parametrize("clock", [OWN, OwnClock(mode=Mode.REAL, speed=60.0), OwnClock(mode=Mode.MANUAL), None])
def test_a_world_remembers_its_clock_and_tells_of_the_change(clock: OwnClock | None) -> None:
    world = new_world()
    assert told(world.apply(SetClock(at_ms=START_MS + 5, clock=clock))) == [("clock.changed", 5)]
    assert restored(dumped(world)).clock == world.clock == clock


def test_a_world_gives_its_clock_back() -> None:
    world = new_world()
    for clock in (OWN, None):
        world.apply(SetClock(at_ms=START_MS, clock=clock))
    assert dumped(world) == dumped(new_world())


def test_a_clock_moves_nothing_by_itself() -> None:
    world, other = begun(1_000, Effect(**SOON)), begun(1_000, Effect(**SOON))
    world.apply(SetClock(at_ms=START_MS, clock=OWN))
    other.apply(Pass(at_ms=START_MS))
    assert dumped(world)[1:] == dumped(other)[1:]
    assert told(pass_to(world, WORK_MS)) == told(pass_to(other, WORK_MS))


# --- timers


def test_what_is_planned_anew_for_a_moment_takes_its_turn_anew() -> None:
    """A callback that was planned for a moment, sent at once instead, and planned for that moment again."""
    world = begun(1_000, Effect(**SOON))
    pass_to(world, 1_000)
    (delivery_id,) = world.deliveries
    accepted(world, submit(world.now_ms, effect=Effect(queue_ms=500)))
    report(world, delivery_id, 1, status=500)
    world.apply(Redeliver(at_ms=world.now_ms, delivery_id=delivery_id))
    between = accepted(world, submit(world.now_ms, effect=Effect(**SOON)))
    other = restored(dumped(world))
    for one in (world, other):
        report(one, delivery_id, 2, status=500)
        fired = [event for event in pass_to(one, 2_000).events if event.at_ms == START_MS + 2_000]
        assert [event.task_id == between.id for event in fired] == [True, True, False]
    assert dumped(world) == dumped(other)


def planned(due_ms: int | None) -> Delivery:
    return Delivery(id="one", task_id="", url="", retry_delays_ms=(), timeout_ms=0, due_ms=due_ms)


class Plans:
    """Timers beside the plainest thing that does the same: a list of (due, sequence, subject)."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.plain: list[tuple[int, int, Delivery]] = []
        self.sequence = 0

    def plan(self, due_ms: int, subject: Delivery | None = None) -> None:
        subject = subject or planned(due_ms)
        subject.due_ms = due_ms
        self.sequence += 1
        self.timers.plan(due_ms, subject)
        self.plain.append((due_ms, self.sequence, subject))
        self.plain.sort(key=lambda one: one[:2])

    def take(self, now_ms: int, most: int) -> None:
        due = [one for one in self.plain if one[0] <= now_ms]
        taken = self.timers.take(now_ms, most)
        if not due:
            assert taken is None or not taken[1]
            return
        while taken is not None and not taken[1]:  # all of it was stale
            taken = self.timers.take(now_ms, most)
        assert taken is not None
        assert 1 <= len(taken[1]) <= most
        for subject, expected in zip(taken[1], due, strict=False):
            assert (taken[0], subject is expected[2]) == (expected[0], True)
            self.plain.remove(expected)
            subject.due_ms = None

    def drop(self, number: int) -> Delivery | None:
        """One of them moves on, and stays in the timers as it is."""
        if not self.plain:
            return None
        _, _, subject = self.plain.pop(number % len(self.plain))
        subject.due_ms = None
        self.timers.doubtful = True
        return subject

    def move(self, number: int, due_ms: int) -> None:
        """One of them is taken back and planned anew, perhaps for the very same moment."""
        if self.plain:
            old_ms, _, subject = self.plain.pop(number % len(self.plain))
            self.timers.withdraw(old_ms, subject)
            self.plan(due_ms, subject)

    def check(self) -> None:
        moments: dict[int, list[Delivery]] = {}
        for due_ms, _, subject in self.plain:
            moments.setdefault(due_ms, []).append(subject)
        found = [(due_ms, [id(one) for one in subjects]) for due_ms, subjects in self.timers.moments()]
        assert found == [(due_ms, [id(one) for one in subjects]) for due_ms, subjects in moments.items()]
        self.timers.settle()
        assert self.timers.next_ms() == (self.plain[0][0] if self.plain else None)


DUE = st.integers(0, 4)
STEPS = st.one_of(
    st.tuples(st.just("plan"), DUE),
    st.tuples(st.just("many"), DUE),
    st.tuples(st.just("take"), DUE, st.integers(1, 50)),
    st.tuples(st.just("take all"), DUE, st.integers(1, 50)),
    st.tuples(st.just("drop"), st.integers(0, 200)),
    st.tuples(st.just("move"), st.integers(0, 200), DUE),
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_timers_are_a_list_sorted_by_moment_and_turn(steps: list[tuple[Any, ...]]) -> None:
    plans = Plans()
    for name, *numbers in steps:
        match name:
            case "many":
                for _ in range(40):
                    plans.plan(*numbers)
            case "take all":
                while plans.plain and plans.plain[0][0] <= numbers[0]:
                    plans.take(*numbers)
            case _:
                getattr(plans, name)(*numbers)
        plans.check()
