"""A world as lines and back: the same to the byte, and it goes on as if nothing had happened."""

import msgspec
import pytest

from mockserver.simulation import ledger
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.command import (
    AccountState,
    AddScenario,
    Command,
    DeleteFile,
    Elapse,
    Pass,
    Redeliver,
    SetAccount,
    SetClock,
    Steer,
    Upload,
)
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault, Match, Media, Rule, Scenario, When
from mockserver.simulation.snapshot import Restorer
from mockserver.simulation.task import Event
from mockserver.simulation.world import World
from tests.orders import (
    START_MS,
    URL,
    WORK_MS,
    accepted,
    busy_commands,
    dumped,
    keyed,
    new_world,
    report,
    restored,
    submit,
    terms,
)

RULE = Rule(
    then=Effect(answer=Answer(status=429, code="rate_limit_exceeded", message="Slow down", retry_after=3)),
    when=When(operation="createTask", model="kling", prompt_contains="snow", url_contains="mp4", task_id="t"),
    skip=1,
    times=2,
    chance=0.25,
)
FULL_EFFECT = Effect(
    fail="service_error",
    fail_message="Out of service",
    work_ms=100,
    queue_ms=50,
    fault=Fault.TRUNCATED_BODY,
    stall_ms=7,
    callback=CallbackEffect(delay_ms=10, copies=2),
)

UPLOAD = Upload(
    at_ms=START_MS,
    size=9,
    mime_type="video/mp4",
    ending=".mp4",
    upload_path="/videos",
    valid_ms=2 * WORK_MS,
    files_limit=5,
    original_name="street.mp4",
    digest="0f" * 32,
    length_ms=9_000,
)


def full_world() -> World:
    """A world in which nothing is left at its default."""
    world = new_world("full", seed=3, credits_uc=10**7, tasks_limit=10, scenarios_limit=10, fires_limit=10)
    media = {"https://example.com/a.mp4": Media(length_ms=1_000, bytes=5)}
    for own in (False, True):
        text = {"description": "For the test", "edition": 4}
        scenario = Scenario(name="play", rules=(RULE,), media=media, own=own, **text)
        world.apply(AddScenario(at_ms=START_MS, scenario=scenario))
    account = SetAccount(
        at_ms=START_MS,
        credits_uc=10**6,
        token_credits_uc=10**6,
        user_group="vip",
        models=(terms().model,),
        state=AccountState.ACTIVE,
        requests_per_minute=50,
        concurrent_tasks=50,
        max_files=3,
    )
    world.apply(account)
    world.apply(SetClock(at_ms=START_MS, clock=OwnClock(mode=Mode.POLLS, speed=2.5, poll_step_ms=7)))
    world.apply(UPLOAD)
    world.apply(UPLOAD)
    world.apply(keyed(callback_url=URL, effect=FULL_EFFECT, matches=(Match("play", 0, own=True), Match("play", 0))))
    steered = accepted(world, submit(callback_url=URL))
    accepted(world, submit(callback_url=URL, terms=terms(work_ms=WORK_MS - 1)))
    world.apply(Steer(at_ms=START_MS + 10, task_id=steered.id, event=Event.FAIL, failure="x", message="y"))
    world.apply(Pass(at_ms=START_MS + WORK_MS))
    first, second, third = list(world.deliveries)[:3]
    report(world, first, 1, status=500)
    report(world, second, 1, error="refused")
    report(world, third, 1)
    accepted(world, submit(world.now_ms))
    return world


def tail() -> list[Command]:
    """What happens afterwards, to both."""
    world = full_world()
    delivery_id, file_id = next(iter(world.deliveries)), next(iter(world.files))
    now_ms = world.now_ms
    return [
        Redeliver(at_ms=now_ms + 100, delivery_id=delivery_id),
        keyed(now_ms + 200),
        submit(now_ms + 300, callback_url=URL, matches=(Match("play", 0, own=True), Match("play", 0))),
        DeleteFile(at_ms=now_ms + 310, file_id=file_id),
        msgspec.structs.replace(UPLOAD, at_ms=now_ms + 320),
        Elapse(at_ms=now_ms + 400, until_ms=now_ms + WORK_MS),
        SetClock(at_ms=now_ms + WORK_MS, clock=None),
        Pass(at_ms=now_ms + 10 * WORK_MS),
        submit(now_ms + 11 * WORK_MS),
    ]


def test_a_restored_world_has_the_same_bytes() -> None:
    lines = dumped(full_world())
    assert dumped(restored(lines)) == lines


def test_an_empty_world_is_restored_with_its_settings_and_time() -> None:
    world = new_world("empty", seed=9, mark="xy", tasks_limit=3, scenarios_limit=4, fires_limit=5)
    other = restored(dumped(world))
    assert (other.settings, other.name, other.now_ms) == (world.settings, "empty", START_MS)


def test_dumping_changes_nothing() -> None:
    world = full_world()
    lines = dumped(world)
    assert dumped(world) == lines


def test_each_task_stands_on_one_line_only() -> None:
    world = full_world()
    whole = b"\n".join(line for line in dumped(world) if line.startswith(b'{"snapshot":"tasks"'))
    assert [whole.count(b'["%b",' % task_id.encode()) for task_id in world.tasks] == [1] * len(world.tasks)


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_tasks_of_the_same_terms_stand_a_hundred_to_a_line(count: int, lines: int) -> None:
    world = new_world()
    for _ in range(count):
        accepted(world, submit(terms=terms(reserve_uc=0)))
    found = [line for line in dumped(world) if line.startswith(b'{"snapshot":"tasks"')]
    assert len(found) == lines
    assert list(restored(dumped(world)).tasks) == list(world.tasks)


def test_every_kind_of_line_is_there() -> None:
    kinds = {msgspec.json.decode(line)["snapshot"] for line in dumped(full_world())}
    assert kinds == {
        "moment",
        "money",
        "receipts",
        "tasks",
        "ended",
        "deliveries",
        "files",
        "scenarios",
        "due",
    }


def test_a_restored_world_goes_on_as_the_other() -> None:
    world, other = full_world(), restored(dumped(full_world()))
    for command in tail():
        mine, theirs = world.apply(command), other.apply(command)
        assert (mine.reply, mine.events, mine.sends) == (theirs.reply, theirs.events, theirs.sends)
        assert dumped(world) == dumped(other)


def test_a_world_restored_after_every_command_is_the_same_as_one_that_never_was() -> None:
    world, other = new_world(), new_world()
    for command in busy_commands(60):
        world.apply(command)
        other.apply(command)
        other = restored(dumped(other))
    assert dumped(other) == dumped(world)


def test_what_is_due_is_the_very_task_or_delivery_of_the_restored_world() -> None:
    other = restored(dumped(full_world()))
    everything = {**other.tasks, **other.deliveries}
    due = [subject for _, subjects in other.timers.moments() for subject in subjects]
    assert due
    assert all(everything[subject.id] is subject for subject in due)


def test_tasks_of_the_same_terms_share_them_again() -> None:
    world = new_world()
    for _ in range(2):
        accepted(world, submit(terms=terms()))
    first, second = restored(dumped(world)).tasks.values()
    assert first.terms is second.terms


def test_whoever_restores_may_share_terms_wider() -> None:
    agreed, world = terms(), new_world()
    accepted(world, submit())
    restorer = Restorer(share=lambda read: agreed if read == agreed else read)
    for line in dumped(world):
        restorer.take(line)
    (task,) = restorer.world.tasks.values()
    assert task.terms is agreed


def test_restored_books_stay_bounded_and_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full_world()
    monkeypatch.setattr(ledger, "HISTORY_LIMIT", 4)
    other = restored(dumped(world))
    assert (other.book.user, other.book.token) == (world.book.user, world.book.token)
    assert other.book.held_uc == world.book.held_uc > 0
    assert list(other.book.transfers) == list(world.book.transfers)[-4:]
    accepted(other, submit(other.now_ms))
    assert len(other.book.transfers) == 4


def test_a_dump_begins_with_the_moment_and_every_line_bears_the_mark() -> None:
    lines = dumped(full_world())
    assert lines[0].startswith(b'{"snapshot":"moment"')
    assert all(line.startswith(b'{"snapshot":') and b"\n" not in line for line in lines)


@pytest.mark.parametrize("line", [b"", b"{", b'{"snapshot":"riddle"}', b'{"snapshot":"tasks"}', b"[]"])
def test_a_line_that_is_no_part_of_a_snapshot_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Restorer().take(line)


def test_a_timer_of_nobody_is_refused() -> None:
    with pytest.raises(KeyError):
        Restorer().take(b'{"snapshot":"due","due":[[1,["task-unified-1-nobody00"]]]}')
