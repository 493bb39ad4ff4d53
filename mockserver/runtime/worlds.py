"""Key -> world: opened at its first command, loaded from the log when asked for or due, unloaded when idle."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Iterator

import msgspec
from msgspec import structs

from mockserver.log import AbsentError, AnyLog, AwayError, DamagedError, FarLog, Log, LogError, MovedError
from mockserver.log.codec import Codec
from mockserver.log.replay import Fold, Shared
from mockserver.log.slot import slot_of_mark
from mockserver.runtime.agenda import Agenda, Fire
from mockserver.runtime.clock import Clock
from mockserver.runtime.limits import Limits
from mockserver.runtime.loader import Birth, FarLoader, Loader, NearLoader
from mockserver.runtime.resident import NotHereError, Resident
from mockserver.simulation import snapshot
from mockserver.simulation.chance import mark_in, mark_of
from mockserver.simulation.command import AddScenario
from mockserver.simulation.world import Settings, World

logger = logging.getLogger("mockserver")
SERVER = ""
"""The name of the server's own world: it holds the scenarios of all keys and the position of the server's clock."""
_IDLE_S = 60.0
_WORLDS_A_LOOK = 100
_AGAIN_S = 1.0


class Worlds:
    """Holds the worlds of one server. `settings` are what each is born with, but for its name.

    `clock` is the server's, `fire` lets happen what is due in a world, `arrived` hears of each one that was loaded.
    """

    def __init__(
        self,
        *,
        log: Log | FarLog,
        settings: Settings,
        limits: Limits,
        clock: Clock,
        fire: Fire,
        arrived: Callable[[Resident], None],
    ) -> None:
        self.log: AnyLog = log
        self.settings, self.limits = settings, limits
        self.share = Shared()
        self._near = None if isinstance(log, FarLog) else NearLoader(log, self.share)
        self.loader: Loader = FarLoader(log, self.share) if isinstance(log, FarLog) else NearLoader(log, self.share)
        self._is_ours: Callable[[str], bool] = lambda _: True
        self.agenda = Agenda(clock, fire, self.planned_ms)
        self._fire, self._arrived = fire, arrived
        self._residents: dict[str, Resident] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._marks: dict[str, tuple[str, ...]] = {}
        self._unreadable: set[str] = set()
        self._resting: dict[str, int | None] = {}
        """Worlds that are in the log alone, with when something happens in them next (0: nobody knows)."""
        self._running: dict[str, Clock] = {}
        """Clocks of their own that run on meanwhile: a log knows where one stood, not where it is by now."""
        for name, due_ms in log.names():
            self._note(name, due_ms)

    # --- who is where

    def __len__(self) -> int:
        """How many keys have a world."""
        return len(self._residents) + len(self._resting) - (SERVER in self._residents)

    @property
    def loaded(self) -> int:
        return len(self._residents)

    @property
    def residents(self) -> Iterator[Resident]:
        """The worlds in memory, but for the server's own."""
        return iter([one for name, one in self._residents.items() if name != SERVER])

    @property
    def server(self) -> Resident:
        """The server's own world."""
        return self._residents[SERVER]

    def here(self, name: str) -> Resident:
        """A world in memory, or a visitor for a key that has none yet. Raises NotHereError: wait for `fetch`;
        MovedError where it is another node's."""
        resident = self._residents.get(name)
        if resident is None:
            self._check_ours(name)
            if name in self._resting:
                raise NotHereError(name)
            return self.visitor(name, self.agenda.clock.now_ms())
        if resident.busy is not None:
            raise NotHereError(name)
        return resident

    def knows(self, name: str) -> bool:
        """Whether there is a world of this name."""
        return bool(name) and (name in self._residents or name in self._resting)

    def names(self) -> list[str]:
        """Every world there is."""
        return [name for name in (*self._residents, *self._resting) if name != SERVER]

    def is_here(self, resident: Resident) -> bool:
        """Whether this is still how its key's world lives."""
        return self._residents.get(resident.name) is resident

    def follows(self, name: str, agenda: Agenda) -> bool:
        """Whether a world in memory goes by this agenda's clock."""
        resident = self._residents.get(name)
        return resident is not None and resident.agenda is agenda

    def planned_ms(self, agenda: Agenda, name: str) -> int | None:
        """When something happens next in a world that follows this agenda's clock."""
        resident = self._residents.get(name)
        if resident is not None:
            return resident.planned_ms if resident.agenda is agenda else None
        return self._resting.get(name) if agenda is self.agenda else None

    def names_for(self, one_id: str) -> list[str]:
        """The keys to which a task, a delivery or a file of this id may belong: they share its mark."""
        return list(self._marks.get(mark_in(one_id), ()))

    async def fetch(self, name: str) -> Resident:
        """A world, once it is here. Raises LogError where it can't be read, MovedError where it is another node's."""
        while True:
            self._check_ours(name)
            resident = self._residents.get(name)
            if resident is not None and resident.busy is not None:
                await resident.busy.wait()
            elif resident is None and name in self._resting:
                await asyncio.shield(self._load_once(name))
            else:
                return self.here(name)

    async def everyone(self, names: Iterable[str] | None = None) -> AsyncIterator[Resident]:
        """Every key's world in turn (or of these), loaded where it is not; one that can't be read is left out."""
        for number, name in enumerate(self.names() if names is None else names):
            if not self.knows(name):
                continue
            try:
                yield await self.fetch(name)
            except (MovedError, DamagedError):
                continue
            if number % _WORLDS_A_LOOK == 0:
                self.rest_some()

    def make_agenda(self, clock: Clock) -> Agenda:
        """For a clock of a world's own."""
        return Agenda(clock, self._fire, self.planned_ms)

    # --- coming

    def open(self, resident: Resident) -> None:
        """Keep a visitor's world from now on. Raises NotHereError where its key has got another one meanwhile."""
        name, world = resident.name, resident.world
        if self.knows(name):
            raise NotHereError(name)
        self.log.begin(name, msgspec.json.encode(Birth(world.settings, world.now_ms)))
        for command in resident.prologue:
            self.log.append(name, resident.codec.encode(command))
        resident.prologue = []
        resident.is_open = True
        self._settle_in(resident)

    def call_in(self, name: str) -> None:
        """Begin to load a world that nobody waits for: something is due in it."""
        if name in self._resting:
            self._load_once(name)

    def open_server(self, now_ms: int) -> None:
        """Load or make the server's own world: it is always here."""
        if SERVER in self._resting and self._near is not None:
            self._settle_in(self._of(self._near.load_now(SERVER)))
        else:
            self.open(Resident(World(self._born(SERVER), now_ms), Codec(self.share), self.agenda))

    def visitor(self, name: str, now_ms: int) -> Resident:
        """How a key without a world would have one. The server's scenarios are in force in it."""
        world = World(self._born(name), now_ms)
        visitor = Resident(world, Codec(self.share), self.agenda)
        for scenario in self.server.world.playbook.scenarios.values():
            command = AddScenario(at_ms=world.now_ms, scenario=scenario)
            world.apply(command, tell=False)
            visitor.prologue.append(command)
        return visitor

    def _born(self, name: str) -> Settings:
        return structs.replace(self.settings, name=name, mark=mark_of(name) if name else "")

    def _note(self, name: str, due_ms: int | None) -> None:
        """A world is in the log, and not in memory."""
        self._resting[name] = due_ms
        self._mark(name)
        if due_ms is not None:
            self.agenda.note(due_ms, name)

    def _settle_in(self, resident: Resident) -> None:
        name = resident.name
        resident.touched = time.monotonic()
        self._residents[name] = resident
        self._resting.pop(name, None)
        if name:
            self._mark(name)

    def _mark(self, name: str) -> None:
        mark = mark_of(name)
        self._marks[mark] = tuple(dict.fromkeys((*self._marks.get(mark, ()), name)))

    # --- loading

    def _load_once(self, name: str) -> "asyncio.Task[None]":
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = asyncio.get_running_loop().create_task(self._load(name))
            task.add_done_callback(lambda done: self._loaded(name, done))
        return task

    async def _load(self, name: str) -> None:
        try:
            fold = await self.loader.load(name)
        except AbsentError:
            if self._near is not None:
                raise
            self._let_go(name)  # it was born in a round that was not kept
            return
        if self.knows(name):
            resident = self._of(fold)
            self._settle_in(resident)
            self._arrived(resident)

    def _loaded(self, name: str, done: "asyncio.Task[None]") -> None:
        self._loading.pop(name, None)
        failure = None if done.cancelled() else done.exception()
        if isinstance(failure, AwayError):
            asyncio.get_running_loop().call_later(_AGAIN_S, self.call_in, name)
        elif failure is not None and name in self._resting:
            if name not in self._unreadable:
                logger.error("a world can't be loaded: %s", failure)
            self._unreadable.add(name)
            self._resting[name] = None  # not due again and again

    def _of(self, fold: Fold) -> Resident:
        resident = Resident(fold.world, fold.codec, self._agenda_of(fold.world))
        resident.is_open = True
        return resident

    def _agenda_of(self, world: World) -> Agenda:
        running = self._running.pop(world.settings.name, None)
        if world.clock is None:
            return self.agenda
        return self.make_agenda(running or Clock.of(world.clock, world.now_ms, self.agenda.clock.ticks))

    # --- going

    def withdraw(self, resident: Resident) -> None:
        """Forget a world that is ahead of its log; it is loaded again when it is asked for."""
        name = resident.name
        if not self.is_here(resident):
            return
        del self._residents[name]
        if self._near is None:
            if self._is_ours(name):
                self._note(name, 0)  # whether it is there, is found out when it is loaded
            return
        with contextlib.suppress(LogError):
            if name == SERVER:
                self._resting[SERVER] = None
                self.open_server(resident.world.now_ms)
            elif self._near.has(name):
                self._note(name, 0)

    def drop(self, name: str) -> Resident | None:
        """Forget a world for good. Returns how it lived here."""
        self.log.drop(name)
        self._let_go(name)
        return self._residents.pop(name, None)

    def rest_all(self) -> None:
        """Note for each world when something happens next: the process ends."""
        if self.log.durable:
            for resident in self.residents:
                if resident.may_rest:
                    self._rest(resident)

    def rest_some(self) -> None:
        """Unload what has been idle for long, and the idlest where too many are loaded."""
        if not self.log.durable:
            return
        kept = (one for one in self.residents if not self._is_gathered(one.name))
        idle = sorted((one for one in kept if one.may_rest), key=lambda one: one.touched)
        surplus = len(self._residents) - self.limits.loaded
        for number, resident in enumerate(idle):
            if number >= surplus and time.monotonic() - resident.touched < _IDLE_S:
                break
            self._rest(resident)

    def _is_gathered(self, name: str) -> bool:
        """Whether the log has not got all of it yet: who loads it then would miss something."""
        return isinstance(self.log, FarLog) and self.log.is_gathered(name)

    def _rest(self, resident: Resident) -> None:
        due_ms = resident.world.next_due_ms() if resident.world.clock is None else None
        self.log.rest(resident.name, due_ms)
        del self._residents[resident.name]
        self._note(resident.name, due_ms)
        if resident.world.clock is not None and resident.agenda.clock.runs:
            self._running[resident.name] = resident.agenda.clock

    # --- slots, where several nodes share the log

    def share_out(self, is_ours: Callable[[str], bool]) -> None:
        """From now on only these worlds may be here."""
        self._is_ours = is_ours

    def take_in(self, found: Iterable[tuple[str, int | None]]) -> None:
        """Worlds that are this node's from now on, each with when something happens in it next (0: nobody knows)."""
        for name, due_ms in found:
            if name not in self._residents:
                self._note(name, due_ms)

    def of_slots(self, slots: Container[int]) -> list[str]:
        """The worlds of these slots."""
        return [name for mark, names in self._marks.items() if slot_of_mark(mark) in slots for name in names]

    def in_memory(self, slots: Container[int]) -> list[Resident]:
        """Those of them that are in memory."""
        return self.among(self.of_slots(slots))

    def among(self, names: Iterable[str]) -> list[Resident]:
        """Those of these worlds that are in memory."""
        return [one for name in names if (one := self._residents.get(name)) is not None]

    def put_down(self, slots: Container[int]) -> None:
        """Note for each world of these slots when something happens in it next: another node takes them. What only
        goes on in memory, the other node has to look after at once."""
        for resident in self.in_memory(slots):
            idle = resident.may_rest and (resident.world.clock is None or not resident.agenda.clock.runs)
            due_ms = resident.world.next_due_ms() if resident.world.clock is None else None
            self.log.rest(resident.name, due_ms if idle else 0)

    def leave(self, slots: Container[int]) -> list[Resident]:
        """Forget the worlds of these slots: another node has them. Returns how they lived here."""
        residents = self.in_memory(slots)
        for name in self.of_slots(slots):
            self._residents.pop(name, None)
            self._let_go(name)
        return residents

    def _let_go(self, name: str) -> None:
        self._unreadable.discard(name)
        self._resting.pop(name, None)
        self._running.pop(name, None)
        if left := tuple(one for one in self._marks.pop(mark_of(name), ()) if one != name):
            self._marks[mark_of(name)] = left

    def _check_ours(self, name: str) -> None:
        if name and not self._is_ours(name):
            raise MovedError(f"the world of {name} is another node's")

    async def fold_log(self, resident: Resident, kept: Callable[[], Awaitable[None]]) -> None:
        """Let the oldest part of a world's log give way to a snapshot, once the log has all of it (`kept`). Whoever
        wants this world waits meanwhile."""
        resident.busy = asyncio.Event()
        try:
            await kept()
            if not self.is_here(resident):
                return
            async for _ in self.loader.fold(resident.name, snapshot.dump(resident.world)):
                """In turns with others."""
        finally:
            resident.codec = Codec(self.share)  # what it remembers may stand before the snapshot now
            resident.busy.set()
            resident.busy = None
