"""A world as lines of JSON, and back: one line a thing, so that a million tasks never stand here twice."""

from collections import deque
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from mockserver.simulation.callback import Delivery
from mockserver.simulation.scenario import Scenario
from mockserver.simulation.task import Task, Terms
from mockserver.simulation.tenant import Tenant
from mockserver.simulation.timer import Timer
from mockserver.simulation.world import Settings, World


class _Moment(Struct, frozen=True, tag_field="snapshot", tag="moment"):
    settings: Settings
    now_ms: int
    sequence: int
    hits: dict[str, dict[str, int]]


class _Owner(Struct, frozen=True, tag_field="snapshot", tag="tenant"):
    tenant: Tenant


class _Job(Struct, frozen=True, tag_field="snapshot", tag="task"):
    task: Task


class _Parcel(Struct, frozen=True, tag_field="snapshot", tag="delivery"):
    delivery: Delivery


class _Play(Struct, frozen=True, tag_field="snapshot", tag="scenario"):
    scenario: Scenario


class _Due(Struct, frozen=True, tag_field="snapshot", tag="timer"):
    timer: Timer


_Line = _Moment | _Owner | _Job | _Parcel | _Play | _Due


def dump(world: World) -> Iterator[bytes]:
    """The world as lines, the same bytes for the same world. `restore` makes it again."""
    encode = msgspec.json.Encoder(enc_hook=list).encode
    yield encode(_Moment(world.settings, world.now_ms, world.timers.sequence, world.playbook.hits))
    for tenant in world.tenants.values():
        yield encode(_Owner(structs.replace(tenant, tasks={})))
    yield from (encode(_Job(task)) for task in world.tasks.values())
    yield from (encode(_Parcel(delivery)) for delivery in world.deliveries.values())
    yield from (encode(_Play(scenario)) for scenario in world.playbook.scenarios.values())
    yield from (encode(_Due(timer)) for timer in sorted(world.timers.heap))


class Restorer:
    """Takes the lines of a snapshot one by one; `world` is whole after the last."""

    def __init__(self) -> None:
        self.world = World(Settings())
        self._terms: dict[Terms, Terms] = {}
        self._decode = msgspec.json.Decoder(_Line, dec_hook=_deque).decode

    def take(self, line: bytes) -> None:
        """Raises msgspec.ValidationError for a line that is no part of a snapshot."""
        world = self.world
        match self._decode(line):
            case _Moment(settings, now_ms, sequence, hits):
                self.world = world = World(settings, now_ms)
                world.timers.sequence = sequence
                world.playbook.hits = hits
            case _Owner(tenant):
                world.tenants[tenant.id] = tenant
                world.storage.files |= tenant.files
            case _Job(task):
                task.terms = self._terms.setdefault(task.terms, task.terms)
                world.tasks[task.id] = world.tenants[task.tenant].tasks[task.id] = task
            case _Parcel(delivery):
                world.deliveries[delivery.id] = delivery
            case _Play(scenario):
                world.playbook.scenarios[scenario.tenant, scenario.name] = scenario
            case _Due(timer):
                world.timers.heap.append(timer)


def _deque(kind: Any, value: Any) -> Any:
    """`Book.transfers` and `Tenant.ended` are deques, of whose items msgspec has to be told."""
    if get_origin(kind) is not deque:
        raise NotImplementedError(kind)
    items = msgspec.convert(value, list[get_args(kind)[0]])  # type: ignore[misc]
    return deque(items)
