"""Worlds know nothing of each other: whatever happens in others meanwhile, each is what it is alone, to the byte.

And a world that is taken down as a snapshot and put up again goes on as if it had never been away.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from mockserver.simulation import command as commands
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.chance import mark_of
from mockserver.simulation.command import Command
from mockserver.simulation.event import Outcome
from mockserver.simulation.scenario import Effect, Match
from mockserver.simulation.task import Event
from mockserver.simulation.world import Settings, World
from tests.orders import ALICE, BOB, CAROL, DAY_MS, START_MS, URL, dumped, new_world, restored, terms
from tests.test_world_machine import ACCOUNTS, CLOCKS, EFFECTS, KEYS, PICK, RESULTS, SCENARIOS, TERMS

NAMES = (ALICE, BOB, CAROL)
QUICK = settings(max_examples=100, deadline=None, derandomize=True)

# --- what may happen in one world


class Step(NamedTuple):
    """A command in the making: `number` picks one of the things that are there when its turn comes."""

    kind: type[Any]
    fields: dict[str, Any]
    number: int
    after_ms: int


def weighted(*choices: tuple[int, st.SearchStrategy[Step]]) -> st.SearchStrategy[Step]:
    """One of these, each so many times as likely."""
    tickets = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(tickets) - 1).flatmap(tickets.__getitem__)


def steps(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(kind), st.fixed_dictionaries(fields), PICK, GAPS)


SHORT = Effect(queue_ms=0, work_ms=1_000)
GAPS = st.sampled_from([0, 0, 1, 700, 1_000, 2_000, 5_000, 60_000])
SUBMISSIONS = steps(
    commands.Submit,
    terms=TERMS,
    callback_url=st.sampled_from([URL, URL, None]),
    idempotency_key=KEYS,
    fingerprint=st.sampled_from(["one", "one", "other"]),
    idempotency_window_ms=st.sampled_from([5_000, DAY_MS]),
    effect=st.none() | EFFECTS,
)
PLAIN = steps(
    commands.Submit, terms=st.just(terms()), callback_url=st.just(URL), effect=st.sampled_from([None, SHORT])
)
REPORTS = steps(commands.Report, result=RESULTS, sent_ms=st.sampled_from([None, None, START_MS]))
UPLOADS = steps(
    commands.Upload,
    size=st.just(9),
    mime_type=st.just("image/png"),
    ending=st.just(".png"),
    upload_path=st.just("/"),
    valid_ms=st.sampled_from([1, DAY_MS]),
    files_limit=st.integers(0, 3),
)
STEPS = weighted(
    (2, SUBMISSIONS),
    (6, PLAIN),
    (6, REPORTS),
    (4, steps(commands.Pass)),
    (2, steps(commands.Elapse, window_ms=st.sampled_from([0, 1_000, 20_000, DAY_MS]))),
    (1, steps(commands.Steer, event=st.sampled_from([Event.COMPLETE, Event.FAIL, Event.CANCEL]))),
    (1, steps(commands.Redeliver)),
    (1, steps(commands.SetAccount, changes=ACCOUNTS)),
    (1, steps(commands.AddScenario, scenario=SCENARIOS)),
    (1, steps(commands.RemoveScenarios, own=st.booleans(), name=st.sampled_from([None, "a"]))),
    (1, steps(commands.Strike)),
    (2, UPLOADS),
    (1, steps(commands.DeleteFile)),
    (1, steps(commands.SetClock, clock=CLOCKS)),
)
HISTORIES = st.lists(STEPS, min_size=10, max_size=40)
EVEN = st.sampled_from([SHORT, Effect(queue_ms=500, work_ms=1_000)])
EVEN_SUBMISSIONS = steps(
    commands.Submit, terms=st.just(terms()), callback_url=st.sampled_from([URL, None]), effect=EVEN
)
CROWD = weighted(
    (3, EVEN_SUBMISSIONS),
    (5, steps(commands.Report, result=st.just({"status": 500}))),
    (3, steps(commands.Redeliver)),
    (1, steps(commands.Steer, event=st.just(Event.CANCEL))),
    (4, steps(commands.Elapse, window_ms=st.just(2_000))),
).map(lambda step: step._replace(after_ms=step.after_ms % 1_500 // 500 * 500))
"""What makes many things due at the same few moments, and takes them back, and plans them there anew."""
CROWDS = st.lists(CROWD, min_size=40, max_size=40)
BIRTHS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1),
        "tasks_limit": st.sampled_from([3, 1_000, 1_000]),
        "fires_limit": st.sampled_from([1, 2, 1_000]),
    }
)


def command_of(step: Step, world: World) -> Command:
    """The command as it reads in this world as it stands."""
    at_ms, fields = world.now_ms + step.after_ms, dict(step.fields)
    match step.kind:
        case commands.Submit | commands.Strike:
            fields["matches"] = matches(world)
        case commands.Elapse:
            fields["until_ms"] = at_ms + fields.pop("window_ms")
        case commands.SetAccount:
            fields |= fields.pop("changes")
        case commands.Steer:
            fields["task_id"] = one_of(world.tasks, step.number)
        case commands.DeleteFile:
            fields["file_id"] = one_of(world.files, step.number)
        case commands.Redeliver:
            fields["delivery_id"] = one_of(world.deliveries, step.number)
        case commands.Report:
            fields |= report_of(world, step.number, at_ms, **fields.pop("result"))
    return step.kind(at_ms=at_ms, **fields)


def matches(world: World) -> tuple[Match, ...]:
    """Every rule in force."""
    scenarios = world.playbook.in_force()
    return tuple(Match(one.name, rule, one.own) for one in scenarios for rule in range(len(one.rules)))


def report_of(world: World, number: int, at_ms: int, waited_ms: int = 0, **result: Any) -> dict[str, Any]:
    sending = [one.id for one in world.deliveries.values() if one.state is DeliveryState.SENDING]
    delivery_id = one_of(sending, number)
    delivery = world.deliveries.get(delivery_id)
    attempt = delivery.attempts[-1].number if delivery else 1
    return {"delivery_id": delivery_id, "attempt": attempt, "ended_ms": at_ms + waited_ms, **result}


def one_of(ids: Any, number: int) -> str:
    """The id that this number picks, or one that never was."""
    return list(ids)[number % len(ids)] if ids else "nobody"


# --- alone, and among others


class Life(NamedTuple):
    """What a world was told while it was alone, what came of it, and the world after each."""

    born: Settings
    history: list[Command]
    outcomes: list[bytes]
    dumps: list[list[bytes]]


def lived(name: str, birth: dict[str, int], history: list[Step]) -> Life:
    born = Settings(name=name, mark=mark_of(name), **birth)
    world, life = World(born, START_MS), Life(born, [], [], [])
    for step in history:
        command = command_of(step, world)
        life.history.append(command)
        life.outcomes.append(written(world.apply(command)))
        life.dumps.append(dumped(world))
    return life


def written(outcome: Outcome) -> bytes:
    """An outcome as it is now: the task in it goes on."""
    return repr(outcome).encode()


def interleaved(lives: list[Life], turns: list[int]) -> Iterator[tuple[int, int]]:
    """(which life, which of its commands): all of them, each life's in order, taking turns like this."""
    done = [0] * len(lives)
    rest = [number for number, life in enumerate(lives) for _ in life.history]
    for turn in turns + rest:
        if done[turn] < len(lives[turn].history):
            yield turn, done[turn]
            done[turn] += 1


RESTS = st.just(set(range(40))) | st.sets(st.integers(0, 39))
"""Before which commands: before each, or before some."""
TURNS = st.lists(st.integers(0, len(NAMES) - 1), max_size=120)


@QUICK
@given(births=st.tuples(*[BIRTHS] * 3), histories=st.tuples(*[HISTORIES] * 3), turns=TURNS)
def test_a_world_among_others_is_what_it_is_alone(
    births: tuple[dict[str, int], ...], histories: tuple[list[Step], ...], turns: list[int]
) -> None:
    lives = [lived(*one) for one in zip(NAMES, births, histories, strict=True)]
    worlds = [World(life.born, START_MS) for life in lives]
    for turn, number in interleaved(lives, turns):
        outcome = worlds[turn].apply(lives[turn].history[number])
        assert written(outcome) == lives[turn].outcomes[number]
        assert dumped(worlds[turn]) == lives[turn].dumps[number]
    assert [dumped(world) for world in worlds] == [life.dumps[-1] for life in lives]


@settings(QUICK, max_examples=200)
@given(birth=BIRTHS, history=HISTORIES | CROWDS, rests=RESTS)
def test_a_world_restored_on_its_way_goes_on_as_if_it_had_never_been_away(
    birth: dict[str, int], history: list[Step], rests: set[int]
) -> None:
    life = lived(ALICE, birth, history)
    world = World(life.born, START_MS)
    for number, command in enumerate(life.history):
        if number in rests:
            world = restored(dumped(world))
        assert written(world.apply(command)) == life.outcomes[number]
        assert dumped(world) == life.dumps[number]


@QUICK
@given(birth=BIRTHS, history=HISTORIES)
def test_a_world_is_the_same_whether_or_not_anybody_wants_its_events(
    birth: dict[str, int], history: list[Step]
) -> None:
    life = lived(ALICE, birth, history)
    world, other = World(life.born, START_MS), World(life.born, START_MS)
    for command, dump in zip(life.history, life.dumps, strict=True):
        told, untold = world.apply(command), other.apply(command, tell=False)
        assert written(untold) == written(structs.replace(told, events=[]))
        assert dumped(other) == dump


def test_two_worlds_of_one_seed_differ_by_their_names_alone() -> None:
    """The same commands, and nothing in common by chance; where names are equal, nothing differs."""
    submissions = [commands.Submit(at_ms=START_MS, terms=one) for one in [terms(queue_share=(0.0, 1.0))] * 20]
    alice, twin, bob = new_world(ALICE), new_world(ALICE), new_world(BOB)
    for command in submissions:
        for world in (alice, twin, bob):
            world.apply(command)
    assert dumped(alice) == dumped(twin)
    assert not alice.tasks.keys() & bob.tasks.keys()
    assert [one.starts_ms for one in alice.tasks.values()] != [one.starts_ms for one in bob.tasks.values()]
