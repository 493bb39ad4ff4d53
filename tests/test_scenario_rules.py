"""Which rule of which scenario acts on a request, and how often."""

from itertools import product

import pytest

from mockserver.simulation.command import AccountState, AddScenario, RemoveScenarios, SetAccount, Strike
from mockserver.simulation.event import Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault, Match, Rule, Scenario, Subject, When
from mockserver.simulation.world import World
from tests.orders import ALICE, BOB, START_MS, URL, dumped, keyed, new_world, submit, told

ERROR = Effect(answer=Answer(status=500))
OTHER = Effect(answer=Answer(status=503))
FAIL = Effect(fail="service_error")


def play(world: World, *rules: Rule, name: str = "play", own: bool = False) -> None:
    outcome = world.apply(AddScenario(at_ms=START_MS, scenario=Scenario(name=name, rules=rules, own=own)))
    assert outcome.reply.refusal is None


def met(world: World) -> tuple[Match, ...]:
    """All rules in force, as a request meets them that they all concern."""
    return tuple(
        Match(scenario.name, number, scenario.own)
        for scenario in world.playbook.in_force()
        for number in range(len(scenario.rules))
    )


def strike(world: World) -> Effect | None:
    return world.apply(Strike(at_ms=START_MS, matches=met(world))).reply.effect


def submitted(world: World) -> Reply:
    return world.apply(submit(matches=met(world))).reply


# --- one rule


@pytest.mark.parametrize(
    ("skip", "times", "acts"),
    [
        (0, None, "111111"),
        (2, None, "001111"),
        (0, 1, "100000"),
        (0, 0, "000000"),
        (2, 3, "001110"),
    ],
)
def test_a_rule_skips_some_requests_then_acts_on_so_many(skip: int, times: int | None, acts: str) -> None:
    rule = Rule(then=ERROR, skip=skip, times=times)
    assert "".join(str(int(rule.acts_on(hit))) for hit in range(6)) == acts


SUBJECT = Subject(
    operation="createTask", model="kling", prompt="Make it snow", urls=("a.mp4", "b.png"), task_id="t-1"
)
CONDITIONS = {
    "operation": ("createTask", "getTask"),
    "model": ("kling", "klin"),
    "prompt_contains": ("it snow", "it rain"),
    "url_contains": ("b.p", "c.p"),
    "task_id": ("t-1", "t-2"),
}
"""For each condition a value that the subject meets, and one that it does not."""


@pytest.mark.parametrize("choices", list(product((None, 0, 1), repeat=len(CONDITIONS))))
def test_a_rule_concerns_a_request_that_meets_all_its_conditions(choices: tuple[int | None, ...]) -> None:
    chosen = zip(CONDITIONS.items(), choices, strict=True)
    when = When(**{name: values[choice] for (name, values), choice in chosen if choice is not None})
    assert when.matches(SUBJECT) == (1 not in choices)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_not_met_by_a_request_without_what_it_asks_for(name: str) -> None:
    assert not When(**{name: CONDITIONS[name][0]}).matches(Subject(operation="other"))


def test_an_effect_takes_what_it_leaves_open_from_the_other() -> None:
    mine = Effect(fail="mine", work_ms=0)
    rules = Effect(fail="rule", work_ms=9, stall_ms=5, callback=CallbackEffect(copies=2))
    assert mine.over(rules) == Effect(fail="mine", work_ms=0, stall_ms=5, callback=CallbackEffect(copies=2))
    assert mine.over(None) is mine


# --- which rule acts


def test_the_first_rule_in_force_acts() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=1), Rule(then=OTHER))
    assert [strike(world) for _ in range(3)] == [ERROR, OTHER, OTHER]


def test_a_rule_that_did_not_get_its_turn_counts_nothing() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=2), Rule(then=OTHER, times=1))
    assert [strike(world) for _ in range(4)] == [ERROR, ERROR, OTHER, None]


def test_a_rule_that_lets_pass_counts_and_leaves_the_turn_to_the_next() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, skip=2, times=1), Rule(then=OTHER, times=1))
    assert [strike(world) for _ in range(4)] == [OTHER, None, ERROR, None]


def test_scenarios_act_in_the_order_in_which_they_came() -> None:
    world = new_world()
    play(world, Rule(then=ERROR), name="second in the alphabet")
    play(world, Rule(then=OTHER), name="first in the alphabet")
    assert strike(world) == ERROR


def test_the_keys_own_scenario_goes_before_the_servers() -> None:
    world = new_world()
    play(world, Rule(then=ERROR))
    play(world, Rule(then=OTHER, times=1), own=True)
    assert [strike(world) for _ in range(3)] == [OTHER, ERROR, ERROR]


def test_an_own_scenario_and_the_servers_of_the_same_name_count_apart() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=1))
    play(world, Rule(then=OTHER, times=1), own=True)
    assert [strike(world) for _ in range(3)] == [OTHER, ERROR, None]


@pytest.mark.parametrize("own", [True, False])
def test_a_match_of_the_other_owners_scenario_is_passed_over(own: bool) -> None:
    world = new_world()
    play(world, Rule(then=ERROR), own=own)
    wrong = Strike(at_ms=START_MS, matches=(Match("play", 0, own=not own),))
    assert world.apply(wrong).reply.effect is None
    assert strike(world) == ERROR


def test_each_key_counts_for_itself() -> None:
    worlds = [new_world(name) for name in (ALICE, BOB)]
    for world in worlds:
        play(world, Rule(then=ERROR, skip=1, times=1))
    struck = [strike(world) for _ in range(3) for world in worlds]
    assert struck == [None, None, ERROR, ERROR, None, None]


def test_a_match_of_a_rule_that_is_gone_is_passed_over() -> None:
    world = new_world()
    play(world, Rule(then=ERROR))
    gone = (Match("gone", 0), Match("play", 7), Match("play", 0))
    assert world.apply(Strike(at_ms=START_MS, matches=gone)).reply.effect == ERROR


# --- chance


def drawn(seed: int, name: str = ALICE) -> list[bool]:
    world = new_world(name, seed=seed)
    play(world, Rule(then=ERROR, chance=0.3))
    return [strike(world) is not None for _ in range(200)]


def test_chance_acts_about_as_often_as_it_says() -> None:
    assert 40 < sum(drawn(seed=1)) < 80


def test_chance_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert drawn(seed=1) == drawn(seed=1)
    assert drawn(seed=1) != drawn(seed=2)


def test_the_luck_of_a_key_is_its_own() -> None:
    assert drawn(seed=1, name="carol") != drawn(seed=1)


def test_the_luck_of_a_rule_is_its_own() -> None:
    world = new_world()
    for name in ("a", "b"):
        play(world, Rule(then=ERROR, chance=0.5), name=name)
    struck = []
    for name in ("a", "b"):
        one = Strike(at_ms=START_MS, matches=(Match(name, 0),))
        struck.append([world.apply(one).reply.effect is not None for _ in range(100)])
    assert struck[0] != struck[1]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0), (1.0, 50)])
def test_chance_of_nothing_and_of_certainty(chance: float, expected: int) -> None:
    world = new_world()
    play(world, Rule(then=ERROR, chance=chance))
    assert sum(strike(world) is not None for _ in range(50)) == expected


def test_whom_chance_spares_the_next_rule_may_meet() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, chance=0.5), Rule(then=OTHER))
    effects = [strike(world) for _ in range(50)]
    assert {ERROR, OTHER} == set(effects)


# --- submissions


def test_an_effect_of_a_rule_shapes_the_task() -> None:
    world = new_world()
    play(world, Rule(then=Effect(fail="service_error", work_ms=10, queue_ms=0)))
    reply = submitted(world)
    assert reply.task is not None
    assert (reply.task.effect, reply.task.ends_ms) == (reply.effect, START_MS + 10)


def test_the_trigger_words_of_a_request_go_over_a_rule() -> None:
    world = new_world()
    play(world, Rule(then=Effect(fail="rule", work_ms=10)))
    reply = world.apply(submit(matches=met(world), effect=Effect(fail="mine"))).reply
    assert reply.effect == Effect(fail="mine", work_ms=10)


@pytest.mark.parametrize("effect", [ERROR, Effect(fault=Fault.CLOSED_BEFORE_ANSWER)])
def test_an_answer_instead_of_a_task_uses_up_its_turn(effect: Effect) -> None:
    world = new_world()
    play(world, Rule(then=effect, times=2))
    replies = [submitted(world) for _ in range(3)]
    assert [reply.refusal for reply in replies] == [Refusal.SCENARIO, Refusal.SCENARIO, None]
    assert [reply.effect for reply in replies] == [effect, effect, None]


@pytest.mark.parametrize("effect", [FAIL, Effect(fault=Fault.TRUNCATED_BODY)])
def test_a_submission_that_is_not_accepted_uses_up_no_turn(effect: Effect) -> None:
    world = new_world()
    play(world, Rule(then=effect, times=1))
    world.apply(SetAccount(at_ms=START_MS, credits_uc=0))
    assert submitted(world).refusal is Refusal.INSUFFICIENT_CREDITS
    world.apply(SetAccount(at_ms=START_MS, credits_uc=10**6))
    assert [submitted(world).effect for _ in range(2)] == [effect, None]


def test_a_submission_that_is_not_accepted_is_not_one_of_those_to_skip() -> None:
    world = new_world()
    play(world, Rule(then=FAIL, skip=1))
    world.apply(SetAccount(at_ms=START_MS, requests_per_minute=0))
    assert submitted(world).refusal is Refusal.RATE_LIMITED
    world.apply(SetAccount(at_ms=START_MS, requests_per_minute=None))
    assert [submitted(world).effect for _ in range(2)] == [None, FAIL]


def test_a_replayed_answer_uses_up_no_turn() -> None:
    world = new_world()
    world.apply(keyed())
    play(world, Rule(then=FAIL, times=1))
    assert world.apply(keyed(matches=met(world))).reply.replayed
    assert submitted(world).effect == FAIL


def test_a_wrong_token_meets_no_scenario() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=1))
    world.apply(SetAccount(at_ms=START_MS, state=AccountState.EXPIRED))
    assert submitted(world).refusal is Refusal.UNAUTHORIZED
    world.apply(SetAccount(at_ms=START_MS, state=AccountState.ACTIVE))
    assert submitted(world).refusal is Refusal.SCENARIO


def test_the_callback_of_a_task_misbehaves_as_its_rule_says() -> None:
    world = new_world()
    play(world, Rule(then=Effect(work_ms=0, queue_ms=0, callback=CallbackEffect(copies=3)), times=1))
    sends = [world.apply(submit(callback_url=URL, matches=met(world))).sends for _ in range(2)]
    assert [len(one) for one in sends] == [3, 0]


# --- scenarios in force


def test_a_replaced_scenario_counts_anew() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=1))
    assert [strike(world), strike(world)] == [ERROR, None]
    play(world, Rule(then=OTHER, times=1))
    assert [strike(world), strike(world)] == [OTHER, None]


def test_a_scenario_that_is_posted_once_more_counts_anew() -> None:
    """The server's copies in the worlds are brought up to date by their edition."""
    world = new_world()
    scenario = Scenario(name="play", rules=(Rule(then=ERROR, times=1),))
    first, second = scenario.as_shared(1), scenario.as_shared(2)
    assert first != second
    struck = []
    for one in (first, second):
        world.apply(AddScenario(at_ms=START_MS, scenario=one))
        struck += [strike(world), strike(world)]
    assert struck == [ERROR, None, ERROR, None]


def test_replacing_an_own_scenario_leaves_the_servers_counters() -> None:
    world = new_world()
    play(world, Rule(then=ERROR, times=1))
    play(world, Rule(then=OTHER, times=1), own=True)
    assert [strike(world), strike(world)] == [OTHER, ERROR]
    play(world, Rule(then=FAIL, times=1), own=True)
    assert [strike(world), strike(world)] == [FAIL, None]


def test_replacing_one_scenario_leaves_the_counters_of_another() -> None:
    world = new_world()
    for name in ("a", "b"):
        play(world, Rule(then=ERROR, times=1), name=name)
    assert [strike(world), strike(world)] == [ERROR, ERROR]
    play(world, Rule(then=OTHER, times=1), name="a")
    assert [strike(world), strike(world)] == [OTHER, None]


@pytest.mark.parametrize("own", [True, False])
def test_a_removed_scenario_is_gone_with_its_counters(own: bool) -> None:
    world = new_world()
    before = dumped(world)
    play(world, Rule(then=ERROR), name="a", own=own)
    strike(world)
    outcome = world.apply(RemoveScenarios(at_ms=START_MS, name="a", own=own))
    assert told(outcome) == [("scenario.removed", 0)]
    assert dumped(world) == before


def test_removing_without_a_name_takes_all_of_one_owner() -> None:
    world = new_world()
    for name, own in (("a", False), ("b", False), ("a", True), ("c", True)):
        play(world, name=name, own=own)
    world.apply(RemoveScenarios(at_ms=START_MS, own=False))
    assert list(world.playbook.scenarios) == [(True, "a"), (True, "c")]
    play(world, name="b")
    world.apply(RemoveScenarios(at_ms=START_MS))
    assert list(world.playbook.scenarios) == [(False, "b")]


@pytest.mark.parametrize(("own", "name"), [(False, "other"), (False, "a"), (True, "b")])
def test_an_unknown_scenario_can_not_be_removed(own: bool, name: str) -> None:
    world = new_world()
    play(world, name="a", own=True)
    reply = world.apply(RemoveScenarios(at_ms=START_MS, own=own, name=name)).reply
    assert reply.refusal is Refusal.SCENARIO_NOT_FOUND


@pytest.mark.parametrize("own", [True, False])
def test_the_scenarios_of_an_owner_are_bounded_and_a_known_one_may_still_be_replaced(own: bool) -> None:
    world = new_world(scenarios_limit=2)
    for name in "ab":
        play(world, name=name, own=own)
    reply = world.apply(AddScenario(at_ms=START_MS, scenario=Scenario(name="c", own=own))).reply
    assert reply.refusal is Refusal.TOO_MANY_SCENARIOS
    play(world, Rule(then=ERROR), name="b", own=own)
    assert strike(world) == ERROR
    play(world, Rule(then=OTHER), name="c", own=not own)
    assert strike(world) == (ERROR if own else OTHER)
