"""Moves the clocks: the server's with every world that follows it, or that of one key alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from mockserver.runtime.agenda import Agenda
from mockserver.runtime.clock import LAST_MS, MANUAL_START_MS, Clock
from mockserver.runtime.node import Node
from mockserver.runtime.pause import pause
from mockserver.runtime.resident import Resident
from mockserver.runtime.turn import Turn
from mockserver.simulation import command as commands
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.event import Fired, Happening
from mockserver.simulation.refusal import Refusal

FIRED_LIMIT = 10_000
"""Events that one `advance` lists; what fires past it still fires, and is counted."""
_STEPS_LIMIT = 10_000_000
"""Steps after which an advance ends: a receiver that submits a task at every callback would never let it."""
_PATIENCE, _LOOK_S = 200, 0.001
_ASKED = frozenset(
    {
        Happening.TASK_SUBMITTED,
        Happening.CREDITS_RESERVED,
        Happening.ACCOUNT_CHANGED,
        Happening.CLOCK_CHANGED,
        Happening.SCENARIO_ADDED,
        Happening.SCENARIO_REMOVED,
        Happening.FILE_UPLOADED,
        Happening.FILE_DELETED,
        Happening.TENANT_FORGOTTEN,
    }
)
"""What happens because somebody asked, not because time passed."""


class Advanced(NamedTuple):
    """What an advance fired: the first events with the names of their worlds, and how many there were in all."""

    fired: list[tuple[str, Fired]]
    total: int


class RefusedError(Exception):
    """A world can't be given a clock of its own; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Timekeeper:
    """`resident` None means the server's clock and the worlds that follow it."""

    def __init__(self, node: Node) -> None:
        self._node, self._worlds = node, node.worlds

    def clock(self, resident: Resident | None) -> Clock:
        return self._node.clock if resident is None else resident.agenda.clock

    def now_ms(self, resident: Resident | None) -> int:
        return self._worlds.server.now_ms() if resident is None else self._node.catch_up(resident)

    def next_due_ms(self, resident: Resident | None) -> int | None:
        """When something happens by itself next; now, where a world has to be loaded to know."""
        if resident is not None:
            return resident.world.next_due_ms()
        first = self._worlds.agenda.first()
        return max(first[0], self.now_ms(None)) if first else None

    # --- whose clock

    async def give(self, name: str, own: OwnClock) -> Resident:
        """Give a key a clock of its own, from where its time stands; a key without a world begins, unless its clock
        is real, at the documented example's moment. Raises RefusedError where there may be no more worlds."""
        resident = await self._worlds.fetch(name)
        begins_ms = self.begins_ms(resident, own)
        if not resident.is_open:
            resident = self._worlds.visitor(name, begins_ms)
        return self._given(resident, own, begins_ms)

    def begins_ms(self, resident: Resident, own: OwnClock) -> int:
        """Where a clock of its own would begin."""
        if not resident.is_open and own.mode is not Mode.REAL:
            return MANUAL_START_MS
        return self._node.catch_up(resident)

    async def owned(self, name: str) -> Resident:
        """A key with a clock of its own: the one it has, or else one like the server's. Raises RefusedError where
        there may be no more worlds."""
        resident = await self._worlds.fetch(name)
        if resident.world.clock is not None:
            return resident
        return self._given(resident, self._node.clock.own(), self._node.catch_up(resident))

    async def give_back(self, name: str) -> Resident:
        """Let a key follow the server's clock again; where it is ahead, it waits for it."""
        resident = await self._worlds.fetch(name)
        if resident.world.clock is not None:
            self._node.execute(resident, commands.SetClock(at_ms=self._node.catch_up(resident), clock=None))
            self._node.follow(resident, None)
            self._node.catch_up(resident)
        return resident

    def _given(self, resident: Resident, own: OwnClock, now_ms: int) -> Resident:
        reply = self._node.execute(resident, commands.SetClock(at_ms=now_ms, clock=own))
        if reply.refusal is not None:
            raise RefusedError(reply.refusal)
        self._node.follow(resident, Clock.of(own, now_ms, self._node.clock.ticks))
        return resident

    def set_server(
        self, mode: Mode | None = None, *, speed: float | None = None, poll_step_ms: int | None = None
    ) -> None:
        """Change what moves the server's clock, from where it stands."""
        self._node.clock.set(mode, speed=speed, poll_step_ms=poll_step_ms)
        self._worlds.agenda.set_alarm()

    # --- moving

    async def advance(self, resident: Resident | None, target_ms: int | None) -> Advanced:
        """Move a clock to `target_ms` (None: until nothing is due), stopping whenever a callback goes out until it
        has settled, so that a retry that falls due inside the window fires inside it.

        Raises LogError where the log can't be written.
        """
        return await self._moved(resident, lambda: target_ms)

    async def advance_by(self, resident: Resident | None, wait_ms: int) -> Advanced:
        """Let so much time pass. Several who ask at once wait for each other, so that all of it passes."""
        return await self._moved(resident, lambda: min(LAST_MS, self.now_ms(resident) + wait_ms))

    async def advance_to_next(self, resident: Resident | None) -> Advanced:
        """Up to what happens by itself next; nothing moves where nothing is due, or only when time is over."""
        if resident is None:
            await self._know_first()
        return await self._moved(resident, lambda: self._next_ms(resident))

    def _next_ms(self, resident: Resident | None) -> int:
        due_ms = self.next_due_ms(resident)
        return self.now_ms(resident) if due_ms is None or due_ms > LAST_MS else due_ms

    async def _know_first(self) -> None:
        """Of worlds that only the log has, nobody may know when something happens in them: they are loaded."""
        while (first := self._worlds.agenda.first()) is not None and first[0] <= 0:
            await self._worlds.fetch(first[1])

    async def _moved(self, resident: Resident | None, target: Callable[[], int | None]) -> Advanced:
        agenda = self._worlds.agenda if resident is None else resident.agenda
        whose = resident or self._worlds.server
        async with agenda.advancing:
            with self._recording(agenda, whose) as recorder:
                target_ms = target()
                if target_ms is not None:
                    target_ms = max(target_ms, self.now_ms(resident))
                await self._advance(agenda, whose, target_ms)
                await self._node.round.closed()
        return Advanced(recorder.fired, recorder.count)

    async def _advance(self, agenda: Agenda, whose: Resident, target_ms: int | None) -> None:
        turn = Turn()
        await agenda.under_way.none()
        for _ in range(_STEPS_LIMIT):
            first = agenda.first()
            if first is None or first[0] > (LAST_MS if target_ms is None else target_ms):
                break
            await self._step(agenda, *first, target_ms)
            if self._node.round.has_sends or len(self._node.listeners) > 1:
                await self._node.round.closed()
            await agenda.under_way.none()
            await turn.give()
            await self._listened()
        if await self._worlds.fetch(whose.name) is not whose:
            return  # it was forgotten meanwhile: what begins anew has a time of its own
        if target_ms is not None:
            agenda.clock.move_to(target_ms)
        self._node.execute(whose, commands.Pass(at_ms=whose.now_ms()))
        agenda.set_alarm()

    async def _step(self, agenda: Agenda, due_ms: int, name: str, target_ms: int | None) -> None:
        """The world in which something is due first goes on, until it is another's turn or a callback goes out."""
        resident = await self._worlds.fetch(name)
        if agenda.first() != (due_ms, name):
            return
        second_ms = agenda.second_ms()
        end_ms = LAST_MS if target_ms is None else target_ms
        until_ms = end_ms if second_ms is None else min(end_ms, max(due_ms, second_ms - 1))
        agenda.take_first()
        resident.planned_ms = None
        self._node.execute(resident, commands.Elapse(at_ms=due_ms, until_ms=until_ms))
        agenda.clock.move_to(min(until_ms, max(due_ms, resident.world.now_ms)))

    async def _listened(self) -> None:
        """Give those who listen the time to hear; whoever does not, is not waited for long."""
        for _ in range(_PATIENCE):
            if not any(getattr(listener, "is_pressed", False) for listener in self._node.listeners):
                return
            await pause(_LOOK_S)

    @contextmanager
    def _recording(self, agenda: Agenda, whose: Resident) -> "Iterator[_Recorder]":
        """Meanwhile the world stays in memory, and its log as it is."""
        recorder = _Recorder(self._node, agenda)
        self._node.listeners.append(recorder)
        whose.readers += 1
        try:
            yield recorder
        finally:
            whose.readers -= 1
            self._node.listeners.remove(recorder)


class _Recorder:
    """Keeps the first events that an advance fires, and counts them all; hints are told beside them."""

    def __init__(self, node: Node, agenda: Agenda) -> None:
        self._worlds, self._agenda = node.worlds, agenda
        self.fired: list[tuple[str, Fired]] = []
        self.count = 0

    def __call__(self, name: str, event: Fired) -> None:
        if not isinstance(event, Fired) or event.type in _ASKED or not self._worlds.follows(name, self._agenda):
            return
        self.count += 1
        if len(self.fired) < FIRED_LIMIT:
            self.fired.append((name, event))
