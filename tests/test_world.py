"""The world: who is refused and why, limits, idempotency, ids, and callbacks with their retries."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.simulation import limits
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.chance import mark_of
from mockserver.simulation.command import (
    AccountState,
    Redeliver,
    Report,
    SetAccount,
    Steer,
    Submit,
    Upload,
)
from mockserver.simulation.event import Happening, Outcome
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault
from mockserver.simulation.task import Event
from mockserver.simulation.world import World
from tests.orders import (
    ALICE,
    BOB,
    DAY_MS,
    MODEL,
    QUEUE_MS,
    RESERVE_UC,
    START_MS,
    URL,
    WORK_MS,
    accepted,
    dumped,
    keyed,
    new_world,
    of_type,
    pass_to,
    refusal,
    report,
    submit,
    terms,
    told,
)


def set_account(world: World, **changes: Any) -> None:
    assert refusal(world, SetAccount(at_ms=world.now_ms, **changes)) is None


def later(after_ms: int, **over: Any) -> Submit:
    return submit(START_MS + after_ms, **over)


# --- an ordinary life


def test_a_submission_reserves_and_begins_a_task() -> None:
    world = new_world()
    outcome = world.apply(submit())
    assert told(outcome) == [("task.submitted", 0), ("credits.reserved", 0)]
    assert outcome.reply.task is world.tasks[outcome.reply.task.id]
    assert world.book.user.reserved == RESERVE_UC


def test_a_task_starts_completes_is_charged_and_calls_back_in_this_order() -> None:
    world = new_world()
    world.apply(submit(callback_url=URL))
    assert told(pass_to(world, 10 * WORK_MS)) == [
        ("task.started", QUEUE_MS),
        ("task.completed", WORK_MS),
        ("credits.charged", WORK_MS),
        ("callback.sent", WORK_MS),
    ]


def test_a_failed_task_is_not_charged() -> None:
    world = new_world()
    world.apply(submit(effect=Effect(fail="service_error")))
    assert told(pass_to(world, WORK_MS))[1:] == [("task.failed", WORK_MS), ("credits.released", WORK_MS)]
    assert world.book.user.charged == 0


def test_what_falls_due_together_fires_in_the_order_of_planning() -> None:
    world = new_world()
    first, second = accepted(world, submit()), accepted(world, submit())
    started = of_type(pass_to(world, WORK_MS), Happening.TASK_STARTED, Happening.TASK_COMPLETED)
    assert [event.task_id for event in started] == [first.id, second.id] * 2


def test_time_never_runs_backwards() -> None:
    world = new_world()
    pass_to(world, 5_000)
    assert accepted(world, submit(START_MS)).submitted_ms == START_MS + 5_000
    assert world.now_ms == START_MS + 5_000


def test_a_new_world_has_the_credits_that_it_is_born_with_and_nothing_else() -> None:
    world = new_world(credits_uc=5)
    assert world.book.user.available == 5
    assert (world.tasks, world.deliveries, world.files, world.next_due_ms(), world.clock) == ({}, {}, {}, None, None)


def test_the_queue_and_the_work_of_an_effect_follow_each_other() -> None:
    task = accepted(new_world(), submit(effect=Effect(queue_ms=300, work_ms=700)))
    assert (task.starts_ms, task.ends_ms) == (START_MS + 300, START_MS + 1_000)


def test_the_share_of_the_queue_is_drawn_within_its_bounds() -> None:
    world = new_world()
    agreed = terms(queue_share=(0.1, 0.3))
    waits = [accepted(world, submit(terms=agreed)).starts_ms - START_MS for _ in range(50)]
    assert 0.1 * WORK_MS <= min(waits) < max(waits) < 0.3 * WORK_MS


def test_a_callback_that_fell_due_as_its_task_makes_room_is_not_handed_out() -> None:
    world = new_world(tasks_limit=1)
    accepted(world, submit(callback_url=URL))
    outcome = world.apply(later(WORK_MS))
    assert (outcome.reply.refusal, outcome.sends) == (None, [])


# --- precedence: a submission that is wrong in several ways


def expired(world: World) -> None:
    set_account(world, state=AccountState.EXPIRED)


def no_model(world: World) -> None:
    set_account(world, models=("another-model",))


def known_key_with_other_body(world: World) -> None:
    world.apply(keyed(fingerprint="the first body"))


def known_key_still_running(world: World) -> None:
    world.apply(keyed(effect=Effect(stall_ms=60_000)))


def no_rate(world: World) -> None:
    set_account(world, requests_per_minute=0)


def no_slot(world: World) -> None:
    set_account(world, concurrent_tasks=0)


def no_credits(world: World) -> None:
    set_account(world, credits_uc=RESERVE_UC - 1)


def no_token_credits(world: World) -> None:
    set_account(world, token_credits_uc=RESERVE_UC - 1)


SCENARIO = Effect(answer=Answer(status=500))
WRONGS: list[tuple[Refusal, Callable[[World], None] | None]] = [
    (Refusal.UNAUTHORIZED, expired),
    (Refusal.SCENARIO, None),
    (Refusal.MODEL_ACCESS_DENIED, no_model),
    (Refusal.IDEMPOTENCY_CONFLICT, known_key_with_other_body),
    (Refusal.OUTCOME_UNKNOWN, known_key_still_running),
    (Refusal.RATE_LIMITED, no_rate),
    (Refusal.TOO_MANY_TASKS, no_slot),
    (Refusal.INSUFFICIENT_CREDITS, no_credits),
    (Refusal.INSUFFICIENT_TOKEN_CREDITS, no_token_credits),
]
"""What can be wrong with a submission, in order of precedence, and how to bring it about."""


@pytest.mark.parametrize("first", range(len(WRONGS)), ids=[wrong.value for wrong, _ in WRONGS])
def test_of_several_reasons_the_first_in_precedence_is_told(first: int) -> None:
    expected = WRONGS[first][0]
    wrongs = dict(WRONGS[first:])
    if expected is not Refusal.OUTCOME_UNKNOWN:
        wrongs.pop(Refusal.OUTCOME_UNKNOWN, None)
    world = new_world()
    for spoil in sorted(filter(None, wrongs.values()), key=lambda one: one.__name__.startswith("no_")):
        spoil(world)
    effect = SCENARIO if Refusal.SCENARIO in wrongs else None
    assert refusal(world, keyed(effect=effect)) is expected


@pytest.mark.parametrize(("expected", "spoil"), WRONGS[2:])
def test_each_reason_alone_is_told(expected: Refusal, spoil: Callable[[World], None]) -> None:
    world = new_world()
    spoil(world)
    assert refusal(world, keyed()) is expected


def test_the_reasons_stand_in_the_order_of_the_enumeration() -> None:
    assert [wrong for wrong, _ in WRONGS] == list(Refusal)[: len(WRONGS)]


@pytest.mark.parametrize(("expected", "spoil"), WRONGS[2:])
def test_a_refused_submission_changes_nothing(expected: Refusal, spoil: Callable[[World], None]) -> None:
    world = new_world()
    spoil(world)
    before = dumped(world)
    outcome = world.apply(keyed())
    assert (outcome.reply.refusal, outcome.events, outcome.sends) == (expected, [], [])
    assert dumped(world) == before


def test_a_lost_request_is_never_accepted() -> None:
    world = new_world()
    outcome = world.apply(submit(effect=Effect(fault=Fault.CLOSED_BEFORE_ANSWER)))
    assert (outcome.reply.refusal, world.tasks) == (Refusal.SCENARIO, {})


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.CLOSED_BEFORE_ANSWER])
def test_a_request_whose_answer_is_spoiled_is_accepted(fault: Fault) -> None:
    outcome = new_world().apply(submit(effect=Effect(fault=fault)))
    assert outcome.reply.refusal is None
    assert outcome.reply.effect == Effect(fault=fault)


# --- account


def test_an_account_keeps_what_a_change_does_not_name() -> None:
    world = new_world()
    set_account(world, user_group="vip", models=(MODEL,), requests_per_minute=3, concurrent_tasks=4)
    set_account(world, models=None)
    account = world.account
    assert (account.user_group, account.models) == ("vip", None)
    assert (account.requests_per_minute, account.concurrent_tasks) == (3, 4)


def test_a_change_of_the_account_is_told() -> None:
    outcome = new_world().apply(SetAccount(at_ms=START_MS, credits_uc=1))
    assert told(outcome) == [("account.changed", 0)]


def test_a_reactivated_account_may_submit_again() -> None:
    world = new_world()
    set_account(world, state=AccountState.EXPIRED)
    assert refusal(world, submit()) is Refusal.UNAUTHORIZED
    set_account(world, state=AccountState.ACTIVE)
    assert refusal(world, submit()) is None


# --- rate


def limited(after_ms: int, **over: Any) -> Submit:
    """A submission under the documented limit of 2 requests in 10 s."""
    return later(after_ms, **{"requests_per_window": 2, "window_ms": 10_000, **over})


def test_the_wait_of_a_rate_window_is_told_to_the_millisecond() -> None:
    world = new_world()
    assert [refusal(world, limited(0)), refusal(world, limited(4_000))] == [None, None]
    reply = world.apply(limited(7_001)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.RATE_LIMITED, 2_999)


def test_a_rate_window_ends_exactly_when_it_said() -> None:
    world = new_world()
    for after_ms in (0, 1):
        accepted(world, limited(after_ms))
    reply = world.apply(limited(9_999)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.RATE_LIMITED, 1)
    assert refusal(world, limited(10_000)) is None


def test_a_rate_window_begins_with_the_first_request_after_the_last_one_ended() -> None:
    world = new_world()
    for after_ms in (0, 1, 15_000, 24_999):
        accepted(world, limited(after_ms))
    assert world.apply(limited(24_999)).reply.retry_after_ms == 1
    assert refusal(world, limited(25_000)) is None


def test_refused_requests_do_not_prolong_the_wait() -> None:
    world = new_world()
    for after_ms in (0, 1):
        accepted(world, limited(after_ms))
    waits = [world.apply(limited(after_ms)).reply.retry_after_ms for after_ms in (2, 500, 9_000)]
    assert waits == [9_998, 9_500, 1_000]


def test_each_model_has_a_rate_window_of_its_own() -> None:
    world = new_world()
    for _ in range(2):
        accepted(world, limited(0))
    assert refusal(world, limited(0)) is Refusal.RATE_LIMITED
    assert refusal(world, limited(0, terms=terms(model="another-model"))) is None


def test_the_limit_of_the_account_goes_before_the_documented_one() -> None:
    world = new_world()
    set_account(world, requests_per_minute=3)
    assert [refusal(world, limited(0)) for _ in range(3)] == [None] * 3
    assert world.apply(limited(20_000)).reply.retry_after_ms == 40_000


@pytest.mark.parametrize("window_ms", [10_000, 60_000, 120_000])
def test_the_limit_of_the_account_counts_by_the_minute_whatever_the_document_says(window_ms: int) -> None:
    world = new_world()
    set_account(world, requests_per_minute=3)
    steps = (0, 15_000, 30_000)
    assert [refusal(world, limited(after_ms, window_ms=window_ms)) for after_ms in steps] == [None] * 3
    reply = world.apply(limited(45_000, window_ms=window_ms)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.RATE_LIMITED, 15_000)
    assert refusal(world, limited(60_000, window_ms=window_ms)) is None


def test_a_limit_of_zero_lets_nothing_through_and_names_a_whole_window() -> None:
    reply = new_world().apply(limited(0, requests_per_window=0)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.RATE_LIMITED, 10_000)


# --- parallel tasks, and the bounds


def test_as_many_tasks_as_allowed_run_at_once_and_no_more() -> None:
    world = new_world()
    set_account(world, concurrent_tasks=2)
    accepted(world, submit())
    accepted(world, later(1_500))
    reply = world.apply(later(2_000)).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.TOO_MANY_TASKS, 3_000)
    assert refusal(world, later(WORK_MS)) is None


def test_the_wait_for_a_slot_is_at_least_a_second() -> None:
    world = new_world()
    set_account(world, concurrent_tasks=1)
    accepted(world, submit())
    assert world.apply(later(WORK_MS - 1)).reply.retry_after_ms == 1_000


def test_a_steered_end_frees_a_slot() -> None:
    world = new_world()
    set_account(world, concurrent_tasks=1)
    task = accepted(world, submit())
    world.apply(Steer(at_ms=START_MS, task_id=task.id, event=Event.CANCEL))
    assert refusal(world, submit()) is None


def test_past_the_bound_the_oldest_ended_task_makes_room() -> None:
    world = new_world(tasks_limit=3)
    first, second, third = (accepted(world, submit(callback_url=URL)) for _ in range(3))
    for task in (second, first):
        world.apply(Steer(at_ms=START_MS, task_id=task.id, event=Event.COMPLETE))
    fourth = accepted(world, submit())
    assert list(world.tasks) == [first.id, third.id, fourth.id]
    assert {delivery.task_id for delivery in world.deliveries.values()} == {first.id}


def test_past_the_bound_a_world_full_of_active_tasks_refuses() -> None:
    world = new_world(tasks_limit=2)
    for _ in range(2):
        accepted(world, submit())
    reply = world.apply(submit()).reply
    assert (reply.refusal, reply.retry_after_ms) == (Refusal.TOO_MANY_TASKS, 1_000)


def test_a_refused_submission_forgets_no_task() -> None:
    world = new_world(tasks_limit=1)
    task = accepted(world, submit())
    pass_to(world, WORK_MS)
    set_account(world, credits_uc=0)
    assert refusal(world, later(WORK_MS)) is Refusal.INSUFFICIENT_CREDITS
    assert list(world.tasks) == [task.id]


def test_the_money_of_a_forgotten_task_stays_in_the_book() -> None:
    world = new_world(tasks_limit=1)
    for number in range(3):
        accepted(world, later(number * WORK_MS))
    pass_to(world, 3 * WORK_MS)
    assert (len(world.tasks), world.book.user.charged) == (1, 3 * RESERVE_UC)


# --- idempotency


def test_the_same_key_and_body_is_answered_with_the_first_task_and_charged_once() -> None:
    world = new_world()
    task = accepted(world, keyed())
    outcome = world.apply(keyed(START_MS + 1))
    assert (outcome.reply.task, outcome.reply.replayed, outcome.events) == (task, True, [])
    assert world.book.user.reserved == RESERVE_UC


def test_the_same_key_with_another_body_conflicts() -> None:
    world = new_world()
    accepted(world, keyed())
    assert refusal(world, keyed(fingerprint="other")) is Refusal.IDEMPOTENCY_CONFLICT


def test_a_key_without_a_fingerprint_is_the_same_as_itself() -> None:
    world = new_world()
    command = submit(idempotency_key="k" * 16, idempotency_window_ms=DAY_MS)
    accepted(world, command)
    assert world.apply(command).reply.replayed


def test_while_the_first_answer_is_stalled_its_outcome_is_unknown() -> None:
    world = new_world()
    task = accepted(world, keyed(effect=Effect(stall_ms=2_000)))
    assert refusal(world, keyed(START_MS + 1_999)) is Refusal.OUTCOME_UNKNOWN
    reply = world.apply(keyed(START_MS + 2_000)).reply
    assert (reply.task, reply.replayed) == (task, True)


def test_another_body_conflicts_even_while_the_first_answer_is_stalled() -> None:
    world = new_world()
    accepted(world, keyed(effect=Effect(stall_ms=2_000)))
    assert refusal(world, keyed(fingerprint="other")) is Refusal.IDEMPOTENCY_CONFLICT


def test_a_key_is_forgotten_at_the_end_of_its_window() -> None:
    world = new_world()
    first = accepted(world, keyed(idempotency_window_ms=1_000))
    assert world.apply(keyed(START_MS + 999)).reply.replayed
    reply = world.apply(keyed(START_MS + 1_000, fingerprint="other")).reply
    assert (reply.refusal, reply.replayed) == (None, False)
    assert reply.task != first


def test_a_key_whose_task_was_forgotten_begins_a_new_one() -> None:
    world = new_world(tasks_limit=1)
    first = accepted(world, keyed())
    accepted(world, later(WORK_MS))
    again = accepted(world, keyed(START_MS + 2 * WORK_MS))
    assert again.id != first.id


def test_a_refused_submission_is_not_remembered_by_its_key() -> None:
    world = new_world()
    set_account(world, credits_uc=0)
    assert refusal(world, keyed()) is Refusal.INSUFFICIENT_CREDITS
    set_account(world, credits_uc=RESERVE_UC)
    assert not world.apply(keyed(fingerprint="other")).reply.replayed


def test_a_replayed_answer_comes_before_limits_and_money() -> None:
    world = new_world()
    task = accepted(world, keyed())
    set_account(world, credits_uc=0, requests_per_minute=0, concurrent_tasks=0)
    assert world.apply(keyed()).reply.task == task


def test_the_keys_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDEMPOTENCY_KEYS_LIMIT", 3)
    world = new_world()
    for number in range(5):
        accepted(world, keyed(key=f"key-{number}"))
    assert list(world.receipts.by_key) == ["key-2", "key-3", "key-4"]


def test_a_key_used_anew_counts_as_the_youngest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDEMPOTENCY_KEYS_LIMIT", 2)
    world = new_world()
    accepted(world, keyed(key="anew", idempotency_window_ms=1_000))
    accepted(world, keyed(key="other"))
    accepted(world, keyed(START_MS + 1_000, key="anew"))
    accepted(world, keyed(START_MS + 1_000, key="third"))
    assert list(world.receipts.by_key) == ["anew", "third"]


# --- ids


def upload(at_ms: int = START_MS) -> Upload:
    return Upload(
        at_ms=at_ms, size=1, mime_type="image/png", ending=".png", upload_path="/", valid_ms=DAY_MS, files_limit=100
    )


def uploaded(world: World) -> File:
    file = world.apply(upload()).reply.file
    assert file is not None
    return file


def file_ids(world: World, count: int) -> list[str]:
    return [uploaded(world).id for _ in range(count)]


def ids(world: World, count: int = 20) -> list[str]:
    return [accepted(world, submit(terms=terms(reserve_uc=0))).id for _ in range(count)]


def test_ids_are_formed_as_documented() -> None:
    assert all(re.fullmatch(r"task-unified-1757169743-[a-z0-9]{8}", one) for one in ids(new_world()))


def test_ids_bear_the_second_of_their_submission() -> None:
    assert accepted(new_world(), later(61_999)).id.startswith("task-unified-1757169804-")


def test_ids_are_unique() -> None:
    everything = ids(new_world(), 500) + ids(new_world(BOB), 500)
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("mark", ["", "a", "xyz"])
def test_the_ids_of_tasks_deliveries_and_files_end_in_the_mark(mark: str) -> None:
    world = new_world(mark=mark)
    task = accepted(world, submit(callback_url=URL, effect=Effect(callback=CallbackEffect(copies=2))))
    pass_to(world, WORK_MS)
    file = uploaded(world)
    assert re.fullmatch(rf"task-unified-1757169743-[a-z0-9]{{{8 - len(mark)}}}{mark}", task.id)
    assert re.fullmatch(rf"file_[a-z0-9]{{{12 - len(mark)}}}{mark}", file.id)
    assert list(world.deliveries) == [f"callback-{task.id.removeprefix('task-unified-')}-{copy}" for copy in (1, 2)]


def test_a_world_is_marked_by_its_name() -> None:
    marks = [mark_of(f"sk-{number}") for number in range(200)]
    assert all(re.fullmatch("[a-z0-9]{3}", mark) for mark in marks)
    assert len(set(marks)) > 190
    assert mark_of("sk-7") == marks[7]


def test_an_id_that_is_taken_is_passed_over() -> None:
    first, second = ids(new_world(), 2)
    world = new_world()
    world.tasks[first] = accepted(new_world(BOB), submit())
    assert accepted(world, submit()).id == second


def test_an_id_of_a_file_that_is_taken_is_passed_over() -> None:
    first, second = file_ids(new_world(), 2)
    world = new_world()
    world.files[first] = uploaded(new_world(BOB))
    assert file_ids(world, 1) == [second]


def test_the_same_seed_gives_the_same_ids() -> None:
    assert ids(new_world(seed=1)) == ids(new_world(seed=1))


def test_another_seed_or_name_gives_other_ids() -> None:
    assert not set(ids(new_world(seed=1))) & set(ids(new_world(seed=2)))
    assert not set(ids(new_world(ALICE, mark="one"))) & set(ids(new_world(BOB, mark="one")))


def test_refused_submissions_use_up_no_id() -> None:
    calm, rough = new_world(), new_world()
    set_account(rough, credits_uc=0)
    for _ in range(3):
        assert refusal(rough, submit()) is Refusal.INSUFFICIENT_CREDITS
    set_account(rough, credits_uc=RESERVE_UC)
    assert ids(rough, 1) == ids(calm, 1)


# --- callbacks


def called_back(callback: CallbackEffect | None = None, **over: Any) -> tuple[World, Outcome]:
    """A world whose one task has just ended, and what its end brought about."""
    world = new_world()
    effect = Effect(callback=callback) if callback else None
    accepted(world, submit(callback_url=URL, effect=effect, **over))
    return world, pass_to(world, WORK_MS)


def only_delivery(world: World) -> str:
    (delivery_id,) = world.deliveries
    return delivery_id


def attempts(world: World, delivery_id: str, *results: dict[str, Any]) -> list[int]:
    """Report these results in turn, each at once; when the attempts went out, in ms after the task's end."""
    for number, result in enumerate(results, start=1):
        report(world, delivery_id, number, **result)
        due_ms = world.next_due_ms()
        if due_ms is not None:
            pass_to(world, due_ms - START_MS)
    return [attempt.at_ms - START_MS - WORK_MS for attempt in world.deliveries[delivery_id].attempts]


ERROR, OK = {"status": 500}, {"status": 200}


def test_a_callback_goes_out_when_the_task_ends_and_after_its_money() -> None:
    _, outcome = called_back()
    types = [event.type for event in outcome.events]
    assert types[-2:] == [Happening.CREDITS_CHARGED, Happening.CALLBACK_SENT]
    (send,) = outcome.sends
    assert (send.url, send.attempt, send.timeout_ms) == (URL, 1, 10_000)


@pytest.mark.parametrize("event", [Event.COMPLETE, Event.FAIL, Event.CANCEL])
def test_a_callback_goes_out_however_the_task_ends(event: Event) -> None:
    world = new_world()
    task = accepted(world, submit(callback_url=URL))
    outcome = world.apply(Steer(at_ms=START_MS + 10, task_id=task.id, event=event))
    assert [(send.task_id, send.attempt) for send in outcome.sends] == [(task.id, 1)]
    assert outcome.events[-1].at_ms == START_MS + 10


def test_a_task_without_callback_url_calls_nobody() -> None:
    world = new_world()
    accepted(world, submit())
    assert (pass_to(world, WORK_MS).sends, world.deliveries) == ([], {})


def test_a_failing_receiver_is_tried_again_after_1_and_2_seconds() -> None:
    world, _ = called_back()
    assert attempts(world, only_delivery(world), ERROR, ERROR, OK) == [0, 1_000, 3_000]
    assert world.deliveries[only_delivery(world)].state is DeliveryState.DELIVERED
    assert world.next_due_ms() is None


def test_after_four_attempts_a_callback_is_given_up() -> None:
    world, _ = called_back()
    delivery_id = only_delivery(world)
    assert attempts(world, delivery_id, ERROR, ERROR, ERROR) == [0, 1_000, 3_000, 7_000]
    outcome = report(world, delivery_id, 4, **ERROR)
    assert [event.type for event in outcome.events] == [Happening.CALLBACK_FAILED, Happening.CALLBACK_GIVEN_UP]
    assert world.deliveries[delivery_id].state is DeliveryState.GIVEN_UP
    assert world.next_due_ms() is None


def test_a_retry_counts_from_the_end_of_the_failure() -> None:
    world, _ = called_back()
    command = Report(
        at_ms=world.now_ms,
        delivery_id=only_delivery(world),
        attempt=1,
        ended_ms=world.now_ms + 10_000,
        error="timeout",
    )
    (event,) = world.apply(command).events
    assert event.retry_at_ms == world.next_due_ms() == START_MS + WORK_MS + 10_000 + 1_000


@pytest.mark.parametrize(("sent_after_ms", "expected_ms"), [(None, 0), (0, 0), (7, 7)])
def test_an_attempt_tells_when_it_fell_due_when_it_was_sent_and_when_it_ended(
    sent_after_ms: int | None, expected_ms: int
) -> None:
    world, _ = called_back()
    due_ms = world.now_ms
    pass_to(world, WORK_MS + 20)
    sent_ms = None if sent_after_ms is None else due_ms + sent_after_ms
    report(world, only_delivery(world), 1, sent_ms=sent_ms, status=500)
    (attempt,) = world.deliveries[only_delivery(world)].attempts
    assert (attempt.due_ms, attempt.at_ms, attempt.ended_ms) == (due_ms, due_ms + expected_ms, due_ms + 20)
    assert world.next_due_ms() == due_ms + 20 + 1_000


@pytest.mark.parametrize("status", [200, 204, 299])
def test_every_2xx_is_success(status: int) -> None:
    world, _ = called_back()
    (event,) = report(world, only_delivery(world), 1, status=status).events
    assert (event.type, event.status, event.retry_at_ms) == (Happening.CALLBACK_DELIVERED, status, None)


@pytest.mark.parametrize(
    "result", [{"status": code} for code in (100, 199, 300, 301, 404, 500)] + [{"status": None, "error": "refused"}]
)
def test_anything_else_is_a_failure(result: dict[str, Any]) -> None:
    world, _ = called_back()
    (event,) = report(world, only_delivery(world), 1, **result).events
    assert event.type is Happening.CALLBACK_FAILED
    assert (event.status, event.error) == (result["status"], result.get("error"))


def test_no_retries_where_the_terms_have_none() -> None:
    world, _ = called_back(terms=terms(retry_delays_ms=()))
    outcome = report(world, only_delivery(world), 1, **ERROR)
    assert outcome.events[-1].type is Happening.CALLBACK_GIVEN_UP


def test_a_late_callback_waits_for_its_delay() -> None:
    world, outcome = called_back(CallbackEffect(delay_ms=3_000))
    assert outcome.sends == []
    assert pass_to(world, WORK_MS + 2_999).sends == []
    assert told(pass_to(world, WORK_MS + 3_000)) == [("callback.sent", WORK_MS + 3_000)]


def test_a_double_callback_is_two_deliveries_with_retries_of_their_own() -> None:
    world, outcome = called_back(CallbackEffect(copies=2))
    first, second = (send.delivery_id for send in outcome.sends)
    assert first != second
    report(world, first, 1, **OK)
    report(world, second, 1, **ERROR)
    (send,) = pass_to(world, WORK_MS + 1_000).sends
    assert (send.delivery_id, send.attempt) == (second, 2)


def test_a_lost_callback_is_never_sent() -> None:
    world, outcome = called_back(CallbackEffect(copies=0))
    assert (outcome.sends, world.deliveries, world.next_due_ms()) == ([], {}, None)


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_report_of_an_attempt_that_is_not_under_way_is_refused(attempt: int) -> None:
    world, _ = called_back()
    before = dumped(world)
    assert report(world, only_delivery(world), attempt, **OK).reply.refusal is Refusal.DELIVERY_BUSY
    assert dumped(world) == before


def test_a_second_report_of_the_same_attempt_is_refused() -> None:
    world, _ = called_back()
    report(world, only_delivery(world), 1, **ERROR)
    assert report(world, only_delivery(world), 1, **OK).reply.refusal is Refusal.DELIVERY_BUSY
    assert world.deliveries[only_delivery(world)].attempts[0].status == 500


def test_a_report_of_an_unknown_delivery_is_refused() -> None:
    assert report(new_world(), "callback-nobody", 1).reply.refusal is Refusal.DELIVERY_NOT_FOUND


@pytest.mark.parametrize("results", [[OK], [ERROR], [ERROR] * 4], ids=["delivered", "planned", "given up"])
def test_redelivering_begins_a_whole_new_round_at_once(results: list[dict[str, Any]]) -> None:
    world, _ = called_back()
    delivery_id = only_delivery(world)
    for number, result in enumerate(results, start=1):
        pass_to(world, WORK_MS + number * 10_000)
        report(world, delivery_id, number, **result)
    done = len(results)
    outcome = world.apply(Redeliver(at_ms=world.now_ms + 100, delivery_id=delivery_id))
    assert [(send.attempt, event.at_ms) for send, event in zip(outcome.sends, outcome.events, strict=True)] == [
        (done + 1, world.now_ms)
    ]
    gaps = [report(world, delivery_id, done + 1, **ERROR).events[0].retry_at_ms - world.now_ms]
    for number in (2, 3):
        pass_to(world, world.next_due_ms() - START_MS)
        gaps.append(report(world, delivery_id, done + number, **ERROR).events[0].retry_at_ms - world.now_ms)
    assert gaps == [1_000, 2_000, 4_000]


def test_a_delivery_under_way_can_not_be_sent_once_more() -> None:
    world, _ = called_back()
    assert refusal(world, Redeliver(at_ms=world.now_ms, delivery_id=only_delivery(world))) is Refusal.DELIVERY_BUSY


def test_an_unknown_delivery_can_not_be_sent_once_more() -> None:
    redeliver = Redeliver(at_ms=START_MS, delivery_id="callback-nobody")
    assert refusal(new_world(), redeliver) is Refusal.DELIVERY_NOT_FOUND


def test_what_went_out_and_never_came_back_is_sent_again_by_a_restarted_server() -> None:
    world, outcome = called_back()
    assert world.unreported() == outcome.sends
    report(world, only_delivery(world), 1, **ERROR)
    assert world.unreported() == []
