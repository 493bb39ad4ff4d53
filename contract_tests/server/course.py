"""The course of a run: which probes, in which order, on a mock that is steered and on a server that nobody steers."""

from collections.abc import Iterable
from dataclasses import dataclass

from contract_tests.check import Layer
from contract_tests.server import access, aftermath, callbacks, endings, life, lifecycle, listing, live, money
from contract_tests.server.probe import Need, Probe

_STEERED: dict[Layer, tuple[Probe, ...]] = {
    Layer.BEHAVIOUR: (
        life.whole_life,
        *access.PROBES,
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
    Layer.BEHAVIOUR: (*live.BUYING, *access.PROBES, *money.PROBES, *endings.PROBES, lifecycle.lifecycle),
    Layer.CALLBACK: (*live.BUYING, *callbacks.PROBES),
    Layer.SCHEMA: (),
}
_LATER: dict[Layer, tuple[Probe, ...]] = {
    Layer.BEHAVIOUR: (
        aftermath.to_the_end,
        aftermath.failed,
        aftermath.apart,
        *listing.PROBES,
        listing.models,
        aftermath.afterwards,
    ),
    Layer.CALLBACK: (aftermath.to_the_end, *aftermath.CALLED),
    Layer.SCHEMA: (),
}


@dataclass(frozen=True, slots=True)
class Course:
    """`first` run before the schema layer, `later` after it, when tasks have had their time."""

    first: tuple[Probe, ...]
    later: tuple[Probe, ...] = ()

    @property
    def probes(self) -> tuple[Probe, ...]:
        return self.first + self.later


def course(layers: Iterable[Layer], only: frozenset[str], *, has_control: bool) -> Course:
    """All of these layers; or, where only some checks are asked for, what may judge them and what that needs. What
    nobody can make happen comes last: there its reason is given where no other is."""
    chosen = tuple(layers)
    if has_control:
        probes = _of(_STEERED, chosen)
        return Course(_judging(probes, only) or probes)
    first, later = _of(_FIRST, chosen), _of(_LATER, chosen)
    if only.intersection(check_id for one in (*first, *later) for check_id in one.judges):
        late = _judging(later, only)
        wanted = {one.name for one in (*_judging(first, only), *late, *(live.BUYING if late else ()))}
        wanted |= {aftermath.to_the_end.name} if late else set()
        first, later = (tuple(one for one in probes if one.name in wanted) for probes in (first, later))
    steered = tuple(one for one in (*first, *later) if Need.CONTROL in one.needs)
    first, later = (tuple(one for one in probes if one not in steered) for probes in (first, later))
    return Course(first, (*later, *steered))


def all_probes() -> tuple[Probe, ...]:
    """Every talk with a server of either kind, the one included that waits for a time-out; each once."""
    known = (_of(_STEERED, Layer), _of(_FIRST, Layer), _of(_LATER, Layer), (callbacks.timeout,))
    return tuple({one.name: one for probes in known for one in probes}.values())


def _of(probes: dict[Layer, tuple[Probe, ...]], layers: Iterable[Layer]) -> tuple[Probe, ...]:
    """Of several layers each probe once, where it comes first."""
    return tuple({one.name: one for layer in layers for one in probes.get(layer, ())}.values())


def _judging(probes: tuple[Probe, ...], only: frozenset[str]) -> tuple[Probe, ...]:
    return tuple(one for one in probes if only.intersection(one.judges))
