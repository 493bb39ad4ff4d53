"""What a state gained, whatever its form: one callback's effect, and twice the same."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract_tests.receiver.state import Effect, Told, Usual, effect, outcome

TASKS = [
    Told(f"task-unified-1757169{number}-ab{number}c", (f"https://x/{number}.mp4",)) for number in range(100, 108)
]


def rows(ids: list[Told]) -> Any:
    return [
        {"row": place, "task": one.id, "is": "delivered", "files": list(one.links)} for place, one in enumerate(ids)
    ]


FORMS = {
    "list": rows,
    "names": lambda ids: [one.id for one in ids],
    "counts": lambda ids: {one.id: ids.count(one) for one in ids},
    "total": len,
    "nested": lambda ids: {"shop": {"sums": {"delivered": len(ids)}, "last": rows(ids)[-3:]}},
    "text of JSON": lambda ids: {"dump": json.dumps(rows(ids))},
    "lines": lambda ids: "\n".join(f"12:00:{place} {one.id} delivered" for place, one in enumerate(ids)),
    "sentence": lambda ids: f"{len(ids)} tasks were delivered",
    "charges": lambda ids: {"spent": 7.5 * len(ids)},
}
"""States that show how often each or anything was done. The last task of a list is the newest."""


def states(form: str, *ids: Told) -> str:
    state = FORMS[form](list(ids))
    return state if isinstance(state, str) else json.dumps(state)


def usual(form: str, known: list[Told]) -> Usual:
    found = Usual()
    for place, one in enumerate(known):
        found.add(effect(states(form, *known[:place]), states(form, *known[: place + 1]), one))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_double_effect_shows_in_every_form_and_a_single_one_is_usual(form: str) -> None:
    known, new = TASKS[:4], TASKS[4]
    normal = usual(form, known)
    before = states(form, *known)
    once, twice = effect(before, states(form, *known, new), new), effect(before, states(form, *known, new, new), new)
    assert once
    assert normal.excess(once) == ""
    assert normal.missing(once) == ""
    assert normal.excess(twice) != ""


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_no_effect_and_all_of_it_is_missing(form: str) -> None:
    state = states(form, *TASKS[:4])
    nothing = effect(state, state, TASKS[4])
    assert not nothing
    assert usual(form, TASKS[:4]).missing(nothing) != ""
    assert str(nothing) == "nothing"


def test_what_differs_from_task_to_task_is_no_excess() -> None:
    normal = Usual()
    for number, one in enumerate(TASKS[:3]):
        row = {"task": one.id, "row": number, "at": f"2026-11-27T03:5{number}:00", "is": "delivered"}
        normal.add(effect("[]", json.dumps([row]), one))
    row = {"task": TASKS[4].id, "row": 99, "at": "2026-11-28T00:00:00", "is": "delivered"}
    assert normal.excess(effect("[]", json.dumps([row]), TASKS[4])) == ""
    other = effect("[]", json.dumps([row | {"is": "refused"}]), TASKS[4])
    assert "refused, usually delivered" in normal.excess(other)


def test_a_date_is_no_count() -> None:
    normal = Usual()
    for one in TASKS[:2]:
        normal.add(effect('{"seen": "2026-11-27 03:00"}', '{"seen": "2026-11-27 03:01"}', one))
    assert normal.excess(effect('{"seen": "2026-11-27 03:01"}', '{"seen": "2026-11-28 03:09"}', TASKS[3])) != "moved"
    assert not normal.samples[0].moved


def test_an_outcome_is_the_receivers_own_words() -> None:
    task = Told("task-unified-1-a", ("https://x/1.mp4",), frozenset({"kling"}))
    done = effect(
        "{}", '{"task-unified-1-a": {"is": "delivered", "files": ["https://x/1.mp4"], "of": "kling"}}', task
    )
    failed = effect("{}", '{"task-unified-1-a": {"is": "delivered", "files": [], "of": "kling"}}', task)
    refused = effect("{}", '{"task-unified-1-a": {"is": "refused"}}', task)
    assert outcome(done) == outcome(failed) != outcome(refused)
    assert not outcome(effect("[]", '["task-unified-1-a"]', task))[1]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(TASKS[0].id),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES | st.text(), VALUES | st.text())
def test_any_two_states_can_be_compared(before: Any, after: Any) -> None:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in (before, after)]
    found = effect(texts[0], texts[1], TASKS[0])
    assert effect(texts[0], texts[0], TASKS[0]) == Effect()
    normal = Usual([found])
    assert normal.excess(found) == ""
    assert isinstance(str(found), str)


@settings(deadline=None)
@given(VALUES)
def test_the_same_in_another_spelling_is_no_effect(value: Any) -> None:
    assert not effect(json.dumps(value), json.dumps(value, indent=3, sort_keys=True), TASKS[0])
