"""A world as lines of JSON, and back: tasks by the hundred, with the terms that they share written once a line."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Any, TypeVar, get_origin

import msgspec
from msgspec import Struct

from mockserver.simulation.callback import Delivery
from mockserver.simulation.clock import OwnClock
from mockserver.simulation.file import File
from mockserver.simulation.ledger import Book, Transfer, told
from mockserver.simulation.limits import Account, Idempotency, Window
from mockserver.simulation.scenario import Effect, Scenario
from mockserver.simulation.state import Settings
from mockserver.simulation.task import State, Task, Terms
from mockserver.simulation.world import World

_PIECE = 100
"""How many things stand in one line at the most."""
_Item = TypeVar("_Item")


class _Line(Struct, frozen=True, tag_field="snapshot"):
    pass


class _Moment(_Line, frozen=True, tag="moment"):
    settings: Settings
    now_ms: int
    submissions: int
    uploads: int
    active: int
    clock: OwnClock | None


class _Money(_Line, frozen=True, tag="money"):
    book: Book
    account: Account
    windows: dict[str, Window]


class _Receipts(_Line, frozen=True, tag="receipts"):
    receipts: dict[str, Idempotency]


class _Job(Struct, frozen=True, gc=False, array_like=True):
    """A task less its terms."""

    id: str
    submitted_ms: int
    starts_ms: int
    ends_ms: int
    held_from: str
    callback_url: str | None
    effect: Effect | None
    state: State
    failure: str | None
    failure_message: str | None
    ended_ms: int | None


class _Tasks(_Line, frozen=True, tag="tasks"):
    terms: Terms
    tasks: list[_Job]


class _Ended(_Line, frozen=True, tag="ended"):
    ended: list[str]


class _Deliveries(_Line, frozen=True, tag="deliveries"):
    deliveries: list[Delivery]


class _Files(_Line, frozen=True, tag="files"):
    files: list[File]


class _Scenarios(_Line, frozen=True, tag="scenarios"):
    scenarios: list[Scenario]
    hits: dict[str, int]


class _Due(_Line, frozen=True, tag="due"):
    """What is due at some moments: ids of tasks and deliveries."""

    due: list[tuple[int, list[str]]]


_Rest = _Money | _Receipts | _Ended | _Deliveries | _Files | _Scenarios
_JOB = [name for name in Task.__struct_fields__ if name != "terms"]
_encode = msgspec.json.Encoder(enc_hook=told).encode


def dump(world: World) -> Iterator[bytes]:
    """The world as lines, the same bytes for the same world. A Restorer makes it again."""
    settings, clock = world.settings, world.clock
    yield _encode(_Moment(settings, world.now_ms, world.submissions, world.uploads, world.active, clock))
    yield _encode(_Money(world.book, world.account, world.windows.by_model))
    for pieces in _pieces(world.receipts.by_key.items()):
        yield _encode(_Receipts(dict(pieces)))
    yield from map(_encode, _tasks(world))
    yield from (_encode(_Ended(piece)) for piece in _pieces(world.ended))
    yield from (_encode(_Deliveries(piece)) for piece in _pieces(world.deliveries.values()))
    yield from (_encode(_Files(piece)) for piece in _pieces(world.files.values()))
    if world.playbook.scenarios or world.playbook.hits:
        yield _encode(_Scenarios(list(world.playbook.scenarios.values()), world.playbook.hits))
    moments = ((due_ms, [subject.id for subject in subjects]) for due_ms, subjects in world.timers.moments())
    yield from (_encode(_Due(piece)) for piece in _pieces(moments))


class Restorer:
    """Takes the lines of a snapshot one by one; `world` is whole after the last. `share` gives the one object
    that stands for equal terms."""

    def __init__(self, share: Callable[[Terms], Terms] = lambda terms: terms) -> None:
        self.world = World(Settings(name=""), 0)
        self._share = share
        self._decode = msgspec.json.Decoder(_Moment | _Tasks | _Due | _Rest, dec_hook=as_deque).decode

    def take(self, line: bytes) -> None:
        """Raises msgspec.ValidationError, or KeyError, for a line that is no part of a snapshot."""
        told = self._decode(line)
        if isinstance(told, _Moment):
            self.world = _begun(told)
        elif isinstance(told, _Tasks):
            self._take_tasks(self._share(told.terms), told.tasks)
        elif isinstance(told, _Due):
            self._plan(told.due)
        else:
            self._take_rest(told)

    def _take_rest(self, told: "_Rest") -> None:
        world = self.world
        match told:
            case _Money(book, account, windows):
                world.book, world.account, world.windows.by_model = book, account, windows
            case _Receipts(receipts):
                world.receipts.by_key |= receipts
            case _Ended(ended):
                world.ended.extend(ended)
            case _Deliveries(deliveries):
                world.deliveries |= {one.id: one for one in deliveries}
            case _Files(files):
                world.files |= {one.id: one for one in files}
            case _Scenarios(scenarios, hits):
                world.playbook.scenarios = {one.key: one for one in scenarios}
                world.playbook.hits = hits

    def _take_tasks(self, terms: Terms, jobs: list[_Job]) -> None:
        tasks = self.world.tasks
        for job in jobs:
            tasks[job.id] = Task(terms=terms, **{name: getattr(job, name) for name in _JOB})

    def _plan(self, due: list[tuple[int, list[str]]]) -> None:
        """Each id is a task's or a delivery's. Raises KeyError for one that is neither."""
        world = self.world
        for due_ms, ids in due:
            for one in ids:
                world.timers.plan(due_ms, world.tasks.get(one) or world.deliveries[one])


def _begun(moment: _Moment) -> World:
    world = World(moment.settings, moment.now_ms)
    world.submissions, world.uploads = moment.submissions, moment.uploads
    world.active, world.clock = moment.active, moment.clock
    return world


def _tasks(world: World) -> Iterator[_Tasks]:
    """Neighbours of the same terms stand together, in the order of their submission."""
    for _, neighbours in groupby(world.tasks.values(), key=lambda task: task.terms):
        for piece in _pieces(neighbours):
            yield _Tasks(piece[0].terms, [_Job(*(getattr(task, name) for name in _JOB)) for task in piece])


def _pieces(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    rest = iter(items)
    while piece := list(islice(rest, _PIECE)):
        yield piece


def as_deque(kind: Any, value: Any) -> Any:
    """The entries of a book: written down, they are transfers, all of them."""
    if get_origin(kind) is not deque:
        raise NotImplementedError(kind)
    return deque(msgspec.convert(value, list[Transfer]))
