"""One world as it lives in this process: with its clock, its place in the log, and its callbacks under way."""

import asyncio
import time

from mockserver.log.codec import Codec
from mockserver.runtime.agenda import Agenda
from mockserver.simulation.command import Command
from mockserver.simulation.world import World


class NotHereError(Exception):
    """A world is being loaded, folded or moved: whoever wants it has to wait. `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnaskedError(NotHereError):
    """Another node has to be asked first. `name` is the id that it is asked about."""


class Resident:
    """`agenda` is the server's, or one with a clock of this world's own; `prologue` are the commands that made it
    what it was when it was opened. A visitor is not opened yet: nothing of it is kept. `under_way` counts callbacks
    that were sent and not reported, `readers` those who read its log just now.
    """

    __slots__ = (
        "agenda",
        "busy",
        "codec",
        "is_folding",
        "is_open",
        "planned_ms",
        "prologue",
        "readers",
        "touched",
        "under_way",
        "world",
    )

    def __init__(self, world: World, codec: Codec, agenda: Agenda) -> None:
        self.world, self.codec, self.agenda = world, codec, agenda
        self.is_open = self.is_folding = False
        self.busy: asyncio.Event | None = None
        self.planned_ms: int | None = None
        self.prologue: list[Command] = []
        self.touched = time.monotonic()
        self.readers = 0
        self.under_way = 0

    @property
    def name(self) -> str:
        return self.world.settings.name

    def follow(self, agenda: Agenda) -> None:
        """Follow another clock from now on."""
        agenda.under_way.add(self.under_way)
        self.agenda.under_way.less(self.under_way)
        self.agenda, self.planned_ms = agenda, None
        self.plan()

    def plan(self) -> None:
        """Say when something happens next, to the clock that it follows."""
        self.agenda.plan(self, self.world.next_due_ms())

    @property
    def may_rest(self) -> bool:
        """Whether it can leave the memory: one whose own clock runs, with something due, would miss it."""
        quiet = self.busy is None and not self.under_way and not self.readers
        follows = not self.agenda.clock.runs or self.world.clock is None
        return quiet and (follows or self.world.next_due_ms() is None)

    @property
    def size(self) -> int:
        """How much there is to write down of it."""
        return len(self.world.tasks) + len(self.world.deliveries) + len(self.world.files)

    def now_ms(self, ticks: float | None = None) -> int:
        """What its clock shows; its own time never goes back, whatever clock it follows."""
        now_ms = self.agenda.clock.now_ms(ticks)
        return now_ms if now_ms > self.world.now_ms else self.world.now_ms
