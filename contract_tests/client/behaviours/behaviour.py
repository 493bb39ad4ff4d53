"""How the API behaves towards a client in one case: the plain course and a few deviations from it.

A behaviour has three forms: records, what they do (a scenario of the control API, and a script for the wire), and a
text to repeat it by, as in `answers:operation=query,status=503+fails:code=service_error`.
"""

from dataclasses import Field, dataclass, fields
from typing import Any

from contract_tests.client.behaviours import fates, openings, troubles
from contract_tests.client.behaviours.deviation import ROWS, BehaviourError, Deviation, Operation, rule
from contract_tests.client.behaviours.openings import Opening

_KINDS = (
    fates.Slow,
    fates.Queued,
    fates.Fails,
    troubles.Answers,
    troubles.Breaks,
    troubles.Redirects,
    troubles.Vanishes,
    fates.LinkExpires,
    troubles.LinkDies,
    fates.NoCredits,
    fates.Callbacks,
    fates.RunsAgain,
    openings.UnknownFields,
    openings.AbsentFields,
    openings.NewValues,
    openings.OddIds,
    openings.OddNumbers,
    openings.EarlyResults,
    openings.EmptyResults,
    openings.LowerCaseHeaders,
    openings.SaysCancelled,
)
KINDS: dict[str, type[Deviation]] = {one.kind: one for one in _KINDS}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Deviations in the order in which they take their turn; none is the plain course."""

    deviations: tuple[Deviation, ...] = ()

    def has(self, *kinds: type[Deviation]) -> bool:
        return any(isinstance(one, kinds) for one in self.deviations)

    @property
    def openings(self) -> tuple[Opening, ...]:
        return tuple(one for one in self.deviations if isinstance(one, Opening))

    def scenario(self, usual: dict[str, Any] | None = None) -> dict[str, Any]:
        """As the control API takes it. What becomes of the task is told with every submission, beside the `usual`."""
        task = (usual or {}) | {name: value for one in self.deviations for name, value in one.task().items()}
        rules = [given for one in self.deviations for given in one.rules()]
        merged = [{**given, "then": {**task, **given["then"]}} for given in rules]
        return {"name": "behaviour", "rules": [*merged, *([rule(task)] if task else [])]}

    def account(self) -> dict[str, Any]:
        return {name: value for one in self.deviations for name, value in one.account().items()}

    @property
    def lines(self) -> tuple[str, ...]:
        """In words, a line a deviation."""
        return tuple(one.line for one in self.deviations) or ("everything goes well",)

    def __str__(self) -> str:
        return "+".join(map(str, self.deviations)) or "plain"


PLAIN = Behaviour()


def parsed(text: str) -> Behaviour:
    """The behaviour that a text means. Raises BehaviourError."""
    return PLAIN if text == str(PLAIN) else Behaviour(tuple(_deviation(part) for part in text.split("+")))


def _deviation(text: str) -> Deviation:
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise BehaviourError(f"received {kind!r}; allowed: a name of --list, or one of {', '.join(KINDS)}")
    given = dict(part.partition("=")[::2] for part in rest.split(",") if part)
    known = {one.name: one for one in fields(KINDS[kind])}
    unknown = given.keys() - known.keys()
    if unknown:
        raise BehaviourError(
            f"{kind}: received {', '.join(sorted(unknown))}; allowed: {', '.join(known) or 'nothing'}"
        )
    return KINDS[kind](**{name: _value(KINDS[kind], known[name], value) for name, value in given.items()})


def _value(kind: type[Deviation], field: Field[Any], text: str) -> Any:
    """A value of the type that the default has."""
    place, default = f"{kind.kind}:{field.name}", field.default
    if isinstance(default, bool):
        return _one_of(place, text, ("yes", "no")) == "yes"
    if isinstance(default, Operation):
        return Operation(_one_of(place, text, ROWS))
    if isinstance(default, int):
        return _number(place, text, *((200, 599) if field.name == "status" else (0, 999_999)))
    return _one_of(place, text, kind.choices[field.name])


def _number(place: str, text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not least <= int(text) <= most:
        raise BehaviourError(f"{place}: received {text!r}; allowed: a whole number from {least} to {most}")
    return int(text)


def _one_of(place: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise BehaviourError(f"{place}: received {text!r}; allowed: {', '.join(allowed)}")
    return text
