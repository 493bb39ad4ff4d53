"""The course of a run: which probes, in which order, on a mock that is steered and on a server that nobody steers."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from contract_tests.check import Layer
from contract_tests.server.probes import (
    access,
    aftermath,
    callbacks,
    endings,
    fields,
    life,
    lifecycle,
    listing,
    live,
    money,
)
from contract_tests.server.probes.probe import Need, Probe

_STEERED: dict[Layer, tuple[Probe, ...]] = {
    Layer.BEHAVIOUR: (
        life.whole_life,
        *access.PROBES,
        *fields.PROBES,
        *money.PROBES,
        *listing.PROBES,
        listing.own_only,
        listing.models,
        *endings.PROBES,
        lifecycle.lifecycle,
    ),
    Layer.CALLBACK: callbacks.PROBES,
    Layer.SCHEMA: (),
}
_FIRST: dict[Layer, tuple[Probe, ...]] = {
    Layer.BEHAVIOUR: (
        *live.BUYING,
        *access.PROBES,
        *fields.PROBES,
        *money.PROBES,
        *endings.PROBES,
        lifecycle.lifecycle,
        aftermath.to_the_end,
        aftermath.failed,
        aftermath.apart,
        *listing.PROBES,
        listing.models,
    ),
    Layer.CALLBACK: (*live.BUYING, *callbacks.PROBES, aftermath.to_the_end, *aftermath.CALLED),
    Layer.SCHEMA: (),
}
"""To the end before the schema layer: a task is followed step by step, or a fall on its way is not seen."""


@dataclass(frozen=True, slots=True)
class Course:
    """`first` run before the schema layer, `later` after it."""

    first: tuple[Probe, ...]
    later: tuple[Probe, ...] = ()

    @property
    def probes(self) -> tuple[Probe, ...]:
        return self.first + self.later

    def without(self, silent: Container[str]) -> "Course":
        """Less those that have nothing to say: the contract is silent about every check of theirs."""

        def speaks(one: Probe) -> bool:
            return not one.judges or any(check_id not in silent for check_id in one.judges)

        return Course(tuple(filter(speaks, self.first)), tuple(filter(speaks, self.later)))


def course(layers: Iterable[Layer], only: frozenset[str], *, has_control: bool) -> Course:
    """All of these layers; or, where only some checks are asked for, what may judge them and what that needs. What
    nobody can make happen comes last: there its reason is given where no other is."""
    chosen, only = tuple(layers), frozenset() if _are_everywhere(only) else only
    if has_control:
        return Course(_judging(_of(_STEERED, chosen), only))
    first = _of(_FIRST, chosen)
    later: tuple[Probe, ...] = (aftermath.afterwards,) if Layer.BEHAVIOUR in chosen else ()
    asked = _judging((*first, *later), only)
    names = {one.name for one in (*asked, *_before(asked))}
    wanted = [one for one in first if one.name in names]
    steered = [one for one in wanted if Need.CONTROL in one.needs]
    later = tuple(one for one in later if one.name in names)
    return Course(tuple(one for one in wanted if one not in steered), (*later, *steered))


def _are_everywhere(only: frozenset[str]) -> bool:
    """Whether one of these is judged of every answer, so that no probe names it."""
    named = {check_id for one in all_probes() for check_id in one.judges}
    return any(one not in named and not one.startswith("SCHEMA-") for one in only)


def _before(asked: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """What has to have happened for these: tasks bought, and ended; a valid submission accepted."""
    if {*aftermath.LATE, aftermath.afterwards}.intersection(asked):
        return (*live.BUYING, aftermath.to_the_end)
    comparing = {access.foreign_task, *fields.COMPARING, callbacks.forbidden_targets, listing.models}
    return (live.plain,) if {live.again, *comparing}.intersection(asked) else ()


def all_probes() -> tuple[Probe, ...]:
    """Every talk with a server of either kind, the one included that waits for a time-out; each once."""
    known = (_of(_FIRST, Layer), _of(_STEERED, Layer), (aftermath.afterwards, callbacks.timeout))
    return tuple({one.name: one for probes in known for one in probes}.values())


def _of(probes: dict[Layer, tuple[Probe, ...]], layers: Iterable[Layer]) -> tuple[Probe, ...]:
    """Of several layers each probe once, where it comes first."""
    return tuple({one.name: one for layer in layers for one in probes.get(layer, ())}.values())


def _judging(probes: tuple[Probe, ...], only: frozenset[str]) -> tuple[Probe, ...]:
    """All of them, or those that may judge one of these checks."""
    return tuple(one for one in probes if not only or only.intersection(one.judges))
