"""Behaviours: what they say, what they become, and that a text leads back to them."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from contract_tests.client.behaviours.behaviour import PLAIN, Behaviour, parsed
from contract_tests.client.behaviours.deviation import BehaviourError
from contract_tests.client.behaviours.fates import FAILURES
from contract_tests.client.behaviours.grid import for_virtual_time, name_of, named, takes_real_time
from contract_tests.client.behaviours.strategy import MOST, behaviours
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.house import KEY, Mock


def test_every_documented_failure_has_a_name() -> None:
    assert {str(one) for one in named().values()} >= {f"fails:code={code}" for code in FAILURES}


@given(behaviours(callbacks=True))
def test_a_text_leads_back_to_its_behaviour(behaviour: Behaviour) -> None:
    assert parsed(str(behaviour)) == behaviour
    assert 1 <= len(behaviour.lines) <= MOST


def test_a_name_stands_for_its_behaviour() -> None:
    assert {name_of(one) for one in named().values()} == set(named())
    assert all(len(one.deviations) <= 2 for one in named().values())
    assert next(iter(named().values())) == PLAIN


@pytest.fixture(scope="module")
def one_mock() -> Iterator[Mock]:
    mock = Mock(Options(clock=Mode.MANUAL))
    yield mock
    mock.close()


@settings(max_examples=60)
@given(behaviours(callbacks=True))
def test_the_control_api_takes_every_behaviour(one_mock: Mock, behaviour: Behaviour) -> None:
    one_mock.scenario(*behaviour.scenario()["rules"])


@pytest.mark.parametrize("name", list(named()))
def test_the_control_api_takes_every_named_behaviour(mock: Mock, name: str) -> None:
    rules = named()[name].scenario()["rules"]
    if rules:
        mock.scenario(*rules)


def test_a_task_has_its_fate_whatever_became_of_the_answer(mock: Mock) -> None:
    behaviour = parsed("breaks:operation=submission,fault=malformed_json+fails:code=service_error+unknown-fields")
    mock.scenario(*behaviour.scenario()["rules"])
    mock.submit()
    mock.advance(10)
    [task] = mock.get("/_mock/tasks", params={"key": KEY}).json()["tasks"]
    assert (task["state"], task["failure"]) == ("failed", "service_error")


def test_what_takes_real_time_is_kept_apart() -> None:
    left_out = [name for name, one in named().items() if takes_real_time(one)]
    assert not any(map(takes_real_time, for_virtual_time()))
    late, stalled = {"submission-late", "query-late"}, {"submission-stalled", "query-stalled", "fetch-stalled"}
    assert set(left_out) == late | stalled


@pytest.mark.parametrize(
    ("text", "received", "allowed"),
    [
        ("nonsense", "'nonsense'", "unknown-fields"),
        ("slow:minutes=3", "minutes", "seconds"),
        ("slow:seconds=-3", "'-3'", "a whole number"),
        ("slow:seconds=³", "'³'", "a whole number"),
        ("fails:code=whatever", "'whatever'", "service_error"),
        ("answers:operation=other", "'other'", "query"),
        ("answers:date=maybe", "'maybe'", "yes"),
        ("breaks:fault=service_error", "'service_error'", "truncated_body"),
        ("", "''", "slow"),
        ("slow+", "''", "slow"),
    ],
)
def test_what_means_nothing_is_refused_with_what_would(text: str, received: str, allowed: str) -> None:
    with pytest.raises(BehaviourError) as caught:
        parsed(text)
    assert received in str(caught.value)
    assert allowed in str(caught.value)
