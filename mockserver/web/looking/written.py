"""Scenarios as people write them: what the world keeps of one, told in the words of the schema Scenario again."""

from typing import Any

from msgspec import structs

from mockserver.simulation.scenario import Effect, Rule, Scenario

Written = dict[str, Any]
_DEFAULTS: Written = {"skip": 0, "times": None, "chance": 1.0}
_SECONDS = {
    "work_ms": "seconds",
    "queue_ms": "queue_seconds",
    "stall_ms": "stall_seconds",
    "link_ms": "link_seconds",
    "delay_ms": "delay_seconds",
    "length_ms": "duration_seconds",
}
"""How the document calls what the world counts in milliseconds."""


def scenario(one: Scenario) -> Written:
    """As it would be posted."""
    told: Written = {"name": one.name}
    if one.description:
        told["description"] = one.description
    if one.rules:
        told["rules"] = [_rule(rule) for rule in one.rules]
    if one.media:
        told["media"] = {url: _words(structs.asdict(facts)) for url, facts in one.media.items()}
    return told


def text(one: Scenario) -> str:
    """As it would stand in a file."""
    from mockserver.contract.reading import yaml12  # a start does without

    return yaml12.write(scenario(one))


def effect(one: Effect) -> Written:
    """An effect as a rule's `then`."""
    told = _words({name: value for name, value in structs.asdict(one).items() if name not in ("answer", "callback")})
    if one.answer is not None:
        told["answer"] = _words(structs.asdict(one.answer))
    if one.callback is not None:
        told["callback"] = _words(structs.asdict(one.callback))
    return told


def _rule(rule: Rule) -> Written:
    when = _words(structs.asdict(rule.when))
    more = {name: getattr(rule, name) for name, usual in _DEFAULTS.items() if getattr(rule, name) != usual}
    return {**({"when": when} if when else {}), **more, "then": effect(rule.then)}


def _words(told: Written) -> Written:
    """With the document's names; what says nothing is left out."""
    return {_SECONDS.get(name, name): _value(name, value) for name, value in told.items() if value is not None}


def _value(name: str, value: Any) -> Any:
    if name not in _SECONDS:
        return str(value) if isinstance(value, str) else value  # an enum is no text to YAML
    return value // 1000 if value % 1000 == 0 else value / 1000
