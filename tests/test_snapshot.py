"""A world as lines and back: the same to the byte, and it goes on as if nothing had happened."""

import msgspec
import pytest

from mockserver.simulation import ledger
from mockserver.simulation.command import AccountState, AddScenario, Command, Pass, Redeliver, SetAccount, Steer
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault, Match, Media, Rule, Scenario, When
from mockserver.simulation.snapshot import Restorer
from mockserver.simulation.task import Event
from mockserver.simulation.world import World
from tests.orders import (
    ALICE,
    BOB,
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


def full_world() -> World:
    """A world in which nothing is left at its default."""
    world = new_world(seed=3, credits_uc=10**7, tenants_limit=10, tasks_limit=10, scenarios_limit=10)
    media = {"https://example.com/a.mp4": Media(length_ms=1_000, bytes=5)}
    for tenant in (None, ALICE):
        scenario = Scenario(name="play", rules=(RULE,), media=media, tenant=tenant, description="For the test")
        world.apply(AddScenario(at_ms=START_MS, scenario=scenario))
    account = SetAccount(
        at_ms=START_MS,
        tenant=ALICE,
        credits_uc=10**6,
        token_credits_uc=10**6,
        user_group="vip",
        models=(terms().model,),
        state=AccountState.ACTIVE,
        requests_per_minute=50,
        concurrent_tasks=50,
    )
    world.apply(account)
    world.apply(keyed(callback_url=URL, effect=FULL_EFFECT, matches=(Match("play", 0, own=True), Match("play", 0))))
    steered = accepted(world, submit(callback_url=URL))
    accepted(world, submit(tenant=BOB, callback_url=URL))
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
    (delivery_id, *_) = full_world().deliveries
    now_ms = START_MS + WORK_MS
    return [
        Redeliver(at_ms=now_ms + 100, delivery_id=delivery_id),
        keyed(now_ms + 200),
        submit(now_ms + 300, callback_url=URL, matches=(Match("play", 0, own=True), Match("play", 0))),
        Pass(at_ms=now_ms + 10 * WORK_MS),
        submit(now_ms + 11 * WORK_MS, BOB),
    ]


def test_a_restored_world_has_the_same_bytes() -> None:
    lines = dumped(full_world())
    assert dumped(restored(lines)) == lines


def test_an_empty_world_is_restored_with_its_settings_and_time() -> None:
    world = new_world(seed=9, tenants_limit=3)
    other = restored(dumped(world))
    assert (other.settings, other.now_ms) == (world.settings, START_MS)


def test_dumping_changes_nothing() -> None:
    world = full_world()
    lines = dumped(world)
    assert dumped(world) == lines
    assert world.tenant(ALICE).tasks.keys() <= world.tasks.keys()


def test_each_task_stands_on_one_line_only() -> None:
    world = full_world()
    tenants = [msgspec.json.decode(line) for line in dumped(world) if line.startswith(b'{"snapshot":"tenant"')]
    assert [one["tenant"]["tasks"] for one in tenants] == [{}] * len(world.tenants)


def test_every_kind_of_line_is_there() -> None:
    kinds = {msgspec.json.decode(line)["snapshot"] for line in dumped(full_world())}
    assert kinds == {"moment", "tenant", "task", "delivery", "scenario", "timer"}


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


def test_tenants_and_the_world_share_the_same_tasks_again() -> None:
    other = restored(dumped(full_world()))
    mine = {task_id: task for tenant in other.tenants.values() for task_id, task in tenant.tasks.items()}
    assert all(mine[task_id] is task for task_id, task in other.tasks.items())
    assert mine.keys() == other.tasks.keys()


def test_tasks_of_the_same_terms_share_them_again() -> None:
    world = new_world()
    for _ in range(2):
        accepted(world, submit(terms=terms()))
    first, second = restored(dumped(world)).tasks.values()
    assert first.terms is second.terms


def test_restored_books_stay_bounded_and_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = full_world()
    monkeypatch.setattr(ledger, "HISTORY_LIMIT", 4)
    other = restored(dumped(world))
    for tenant_id, tenant in other.tenants.items():
        assert tenant.book.user == world.tenants[tenant_id].book.user
        assert tenant.book.open == world.tenants[tenant_id].book.open
        assert list(tenant.book.transfers) == list(world.tenants[tenant_id].book.transfers)[-4:]


def test_a_dump_begins_with_the_moment_and_every_line_bears_the_mark() -> None:
    lines = dumped(full_world())
    assert lines[0].startswith(b'{"snapshot":"moment"')
    assert all(line.startswith(b'{"snapshot":') and b"\n" not in line for line in lines)


@pytest.mark.parametrize("line", [b"", b"{", b'{"snapshot":"riddle"}', b'{"snapshot":"task"}', b"[]"])
def test_a_line_that_is_no_part_of_a_snapshot_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Restorer().take(line)
