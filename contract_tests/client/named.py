"""Behaviours with a name, from `behaviours.yaml`."""

from functools import cache
from importlib import resources

import yaml

from contract_tests.client.behaviour import Behaviour, Breaks, Callbacks, Fails, Queued, Slow, parsed

_LONG_S = 30


@cache
def named() -> dict[str, Behaviour]:
    """By name, in the order of the file: the plain course first."""
    text = resources.files("contract_tests").joinpath("client", "behaviours.yaml").read_text("utf-8")
    return {name: parsed(one) for name, one in yaml.safe_load(text).items()}


def behaviour_of(text: str) -> Behaviour:
    """A behaviour by its name or its text. Raises BehaviourError."""
    known = named().get(text)
    return parsed(text) if known is None else known


def name_of(behaviour: Behaviour) -> str:
    """The shortest text that means this behaviour."""
    return next((name for name, one in named().items() if one == behaviour), str(behaviour))


def is_stalled(behaviour: Behaviour) -> bool:
    """Whether only the client's own time-out ends it, in real time."""
    return any(isinstance(one, Breaks) and one.fault == "stalled" for one in behaviour.deviations)


def needs_callbacks(behaviour: Behaviour) -> bool:
    """Whether it means nothing to a client that names no callback URL."""
    return behaviour.has(Callbacks)


def needs_several_tasks(behaviour: Behaviour) -> bool:
    """Whether it means nothing more to a client that wants one task."""
    return any(isinstance(one, Fails) and one.first for one in behaviour.deviations)


def for_virtual_time() -> list[Behaviour]:
    """What a client in this process meets: real waiting can't be shortened there, virtual waiting costs nothing."""
    return [one for one in named().values() if not is_stalled(one)]


def for_real_time() -> list[Behaviour]:
    """What a program of its own meets: it sleeps in real time."""
    return [one for one in named().values() if not is_long(one)]


def is_long(behaviour: Behaviour) -> bool:
    """Whether a client that sleeps in real time would wait for minutes."""
    return any(isinstance(one, Slow | Queued) and one.seconds > _LONG_S for one in behaviour.deviations)
