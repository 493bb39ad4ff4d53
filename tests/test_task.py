"""A task's states, its one table of transitions, and its timeline."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.simulation.command import Steer
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Effect
from mockserver.simulation.task import CANCELLED_CODE, ENDED, TRANSITIONS, Event, State, Task
from mockserver.simulation.world import World
from tests.orders import (
    DAY_MS,
    QUEUE_MS,
    START_MS,
    WORK_MS,
    accepted,
    dumped,
    new_world,
    pass_to,
    submit,
    terms,
)

ENDINGS = {Event.COMPLETE: State.COMPLETED, Event.FAIL: State.FAILED, Event.CANCEL: State.CANCELLED}
DOCUMENTED = {
    (State.PENDING, Event.START): State.PROCESSING,
    **{(state, event): end for state in (State.PENDING, State.PROCESSING) for event, end in ENDINGS.items()},
}
"""The transitions written down a second time, so that the table cannot change unseen."""


def in_state(state: State) -> tuple[World, Task]:
    """A world whose one task stands in this state."""
    world = new_world()
    task = accepted(world, submit())
    if state is not State.PENDING:
        pass_to(world, QUEUE_MS)
    for event, end in ENDINGS.items():
        if end is state:
            world.apply(Steer(at_ms=world.now_ms, task_id=task.id, event=event))
    assert task.state is state
    return world, task


def task_between(starts_ms: int, ends_ms: int, **over: object) -> Task:
    return Task(
        id="task-unified-1-a",
        terms=terms(),
        submitted_ms=0,
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        held_from="user",
        **over,
    )


def test_the_table_holds_the_documented_transitions_and_no_other() -> None:
    assert TRANSITIONS == DOCUMENTED


def test_completed_failed_and_cancelled_have_no_way_out() -> None:
    assert {State.COMPLETED, State.FAILED, State.CANCELLED} == ENDED


@pytest.mark.parametrize(("state", "event"), list(product(State, ENDINGS)))
def test_steering_moves_as_the_table_says_and_is_refused_elsewhere(state: State, event: Event) -> None:
    world, task = in_state(state)
    before = dumped(world)
    reply = world.apply(Steer(at_ms=world.now_ms, task_id=task.id, event=event)).reply
    if (state, event) in DOCUMENTED:
        assert (reply.refusal, task.state) == (None, DOCUMENTED[state, event])
    else:
        assert (reply.refusal, task.state) == (Refusal.TASK_ENDED, state)
        assert dumped(world) == before


@pytest.mark.parametrize("state", State)
def test_only_the_timeline_starts_a_task(state: State) -> None:
    world, task = in_state(state)
    with pytest.raises(ValueError, match="timeline"):
        Steer(at_ms=world.now_ms, task_id=task.id, event=Event.START)


def test_the_timeline_leads_through_processing_to_completed() -> None:
    world = new_world()
    task = accepted(world, submit())
    pass_to(world, QUEUE_MS - 1)
    assert task.state is State.PENDING
    pass_to(world, QUEUE_MS)
    assert task.state is State.PROCESSING
    pass_to(world, WORK_MS - 1)
    assert task.state is State.PROCESSING
    pass_to(world, WORK_MS)
    assert (task.state, task.ended_ms) == (State.COMPLETED, START_MS + WORK_MS)


def test_a_failing_task_ends_at_its_time_with_code_and_message() -> None:
    world = new_world()
    task = accepted(world, submit(effect=Effect(fail="service_error", fail_message="Out of service")))
    pass_to(world, WORK_MS)
    assert (task.state, task.failure, task.failure_message) == (State.FAILED, "service_error", "Out of service")


def test_a_cancelled_task_bears_the_documented_code() -> None:
    _, task = in_state(State.CANCELLED)
    assert task.failure == CANCELLED_CODE == "request_cancelled"


def test_an_unknown_task_can_not_be_steered() -> None:
    world = new_world()
    steer = Steer(at_ms=START_MS, task_id="task-unified-1-nobody00", event=Event.FAIL)
    assert world.apply(steer).reply.refusal is Refusal.TASK_NOT_FOUND


def test_a_task_says_when_it_moves_next() -> None:
    world = new_world()
    task = accepted(world, submit())
    assert task.due_ms == world.next_due_ms() == START_MS + QUEUE_MS
    pass_to(world, QUEUE_MS)
    assert task.due_ms == world.next_due_ms() == START_MS + WORK_MS
    pass_to(world, WORK_MS)
    assert task.due_ms is world.next_due_ms() is None


TIMES = st.integers(min_value=0, max_value=10**7)


@given(starts=TIMES, length=TIMES, moments=st.lists(TIMES, min_size=2))
def test_progress_of_a_running_task_rises_from_0_to_99(starts: int, length: int, moments: list[int]) -> None:
    task = task_between(starts, starts + length)
    seen = [task.progress(moment) for moment in sorted(moments)]
    assert all(earlier <= later for earlier, later in pairwise(seen))
    assert all(0 <= percent <= 99 for percent in seen)


@given(starts=TIMES, length=TIMES, moment=TIMES)
def test_progress_is_0_exactly_until_the_task_starts(starts: int, length: int, moment: int) -> None:
    assert (task_between(starts, starts + length).progress(moment) == 0) == (moment < starts)


@given(starts=TIMES, length=TIMES, ended=TIMES, moment=TIMES, state=st.sampled_from(sorted(ENDED)))
def test_progress_stops_where_the_task_ended(starts: int, length: int, ended: int, moment: int, state: State) -> None:
    task = task_between(starts, starts + length, state=state, ended_ms=ended)
    expected = 100 if state is State.COMPLETED else task_between(starts, starts + length).progress(ended)
    assert task.progress(moment) == expected


def test_progress_runs_through_the_whole_scale() -> None:
    task = task_between(1_000, 101_000)
    assert [task.progress(moment) for moment in (999, 1_000, 51_000, 100_999, 101_000)] == [0, 1, 50, 98, 99]


def test_result_links_are_valid_for_a_day_from_the_end() -> None:
    _, task = in_state(State.COMPLETED)
    assert task.links_valid_until_ms() == START_MS + QUEUE_MS + DAY_MS


@pytest.mark.parametrize("state", [one for one in State if one is not State.COMPLETED])
def test_a_task_without_results_has_no_links(state: State) -> None:
    _, task = in_state(state)
    assert task.links_valid_until_ms() is None


def test_a_task_past_its_end_shows_what_it_will_show() -> None:
    late, ended = task_between(1_000, 1_000), task_between(1_000, 1_000, state=State.FAILED, ended_ms=1_000)
    assert late.progress(9_000) == ended.progress(9_000) == 1
