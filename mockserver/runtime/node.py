"""A node: worlds, log, clock and courier together. The only place where commands are carried out."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Protocol

from mockserver.log import AnyLog, DamagedError, FarLog, Log, LogError, MovedError
from mockserver.runtime.clock import MANUAL_START_MS, Clock
from mockserver.runtime.commons import Commons
from mockserver.runtime.delivery.courier import Courier, Receipt
from mockserver.runtime.delivery.mailroom import Mailroom, Render
from mockserver.runtime.far_round import FarRound
from mockserver.runtime.finder import Finder
from mockserver.runtime.limits import Limits
from mockserver.runtime.pause import pause
from mockserver.runtime.resident import NotHereError, Resident, UnaskedError
from mockserver.runtime.round import Closing, Round
from mockserver.runtime.turn import Turn
from mockserver.runtime.worlds import SERVER, Worlds
from mockserver.simulation import command as commands
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.command import Command
from mockserver.simulation.event import Fired, Happening, Reply
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.world import Settings, World

logger = logging.getLogger("mockserver")
Listener = Callable[[str, Fired], None]
"""(name of a world, what happened there)."""
_TIDY_S = 5.0
_AGAIN_S = 1.0
_FULL, _UNKNOWN = Reply(refusal=Refusal.TOO_MANY_TENANTS), Reply(refusal=Refusal.UNKNOWN_TENANT)


class Elsewhere(Protocol):
    """What of the worlds of other nodes matters to those here. Raises UnaskedError where `ask` has to come first."""

    def is_away(self, one_id: str) -> bool: ...
    def is_task(self, one_id: str) -> bool: ...
    def file(self, one_id: str) -> File | None: ...
    async def ask(self, one_id: str) -> None: ...


class Node:
    """Carries out commands in order, tells listeners what happened, and hands attempts to the courier.

    `clock` is the server's; a world follows it until it is given one of its own.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        limits: Limits,
        log: Log | FarLog,
        clock: Clock,
        render: Render,
        make_courier: Callable[[Callable[[Receipt], None]], Courier],
    ) -> None:
        self.log: AnyLog = log
        self.clock = clock
        self.listeners: list[Listener] = []
        self.elsewhere: Elsewhere | None = None
        """What other nodes know; None where there are none."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._works: set[asyncio.Task[None]] = set()
        self.round = self._make_round(log)
        self.worlds = Worlds(
            log=log, settings=settings, limits=limits, clock=clock, fire=self._fire, arrived=self._arrived
        )
        self.finder = Finder(self.worlds)
        self.worlds.open_server(clock.now_ms())
        clock.move_to(max(self.worlds.server.world.now_ms, log.clock_ms))
        self.commons = Commons(self.worlds, self.execute)
        self.mailroom = Mailroom(self.worlds, self.execute, render, make_courier)

    def _make_round(self, log: Log | FarLog) -> Round:
        if isinstance(log, FarLog):
            return FarRound(log, self._release, self._withdraw, self._in_memory)
        return Round(lambda: log.commit(self.clock.kept_ms()), self._release, self._withdraw)

    def _in_memory(self, names: Iterable[str]) -> list[Resident]:
        return self.worlds.among(names)

    # --- life

    def start(self) -> None:
        """Begin to fire what is due, and send again what a stopped server left without an answer."""
        self._loop = asyncio.get_running_loop()
        self.round.start(self._loop)
        self.mailroom.start(self._loop)
        self.worlds.agenda.start(self._loop)
        for resident in self.worlds.residents:
            self._arrived(resident)
        if self.log.durable:
            self._work(self._tidy())

    async def stop(self) -> None:
        """What is under way is cut off, and sent again by whoever goes on with the log."""
        self._loop = None
        works = tuple(self._works)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        self.worlds.agenda.stop()
        for resident in self.worlds.residents:
            resident.agenda.stop()
        self._keep_time(self.worlds.residents)
        if not isinstance(self.log, FarLog):
            self._keep_time([self.worlds.server])
        await self.mailroom.close()
        with contextlib.suppress(LogError):
            await self.round.finish()
        with contextlib.suppress(LogError):  # then whoever goes on with it looks into every world
            self.worlds.rest_all()
        self.log.close()

    def _keep_time(self, residents: Iterable[Resident]) -> None:
        """Let the log know what clocks that run show by now, for whoever goes on with it: reads told it, and wrote
        nothing. What is due is left to happen there."""
        for one in residents:
            own = one.world.clock is not None or one is self.worlds.server
            due_ms = one.world.next_due_ms()
            now_ms = one.now_ms() if due_ms is None else min(one.now_ms(), due_ms - 1)
            if own and one.agenda.clock.runs and now_ms > one.world.now_ms:
                with contextlib.suppress(LogError, NotHereError):
                    self.execute(one, commands.Pass(at_ms=now_ms))

    async def come(self, away: NotHereError) -> None:
        """Return once there is what was missing. Raises LogError."""
        if isinstance(away, UnaskedError) and self.elsewhere is not None:
            await self.elsewhere.ask(away.name)
        else:
            await self.worlds.fetch(away.name)

    # --- commands

    def execute(self, resident: Resident, command: Command) -> Reply:
        """Carry out one command: into the log, into the world; its consequences follow when the round is over.

        Raises LogError while the log can't be written, NotHereError where the world lives elsewhere by now.
        """
        worlds = self.worlds
        self.round.check()
        if not resident.is_open:
            if worlds.limits.names and resident.name not in worlds.limits.names:
                return _UNKNOWN
            if len(worlds) >= worlds.limits.worlds:
                return _FULL
            worlds.open(resident)
        elif resident.busy is not None or not worlds.is_here(resident):
            raise NotHereError(resident.name)
        self.log.append(resident.name, resident.codec.encode(command))
        outcome = resident.world.apply(command, tell=bool(self.listeners))
        self.round.note(resident, outcome)
        due_ms = resident.world.next_due_ms()
        if due_ms != resident.planned_ms:
            resident.agenda.plan(resident, due_ms)
        return outcome.reply

    def catch_up(self, resident: Resident, now_ms: int | None = None) -> int:
        """Let happen in a world what is due by now, and say what time it is there. Mostly nothing is due."""
        now_ms = resident.now_ms() if now_ms is None else now_ms
        due_ms = resident.world.next_due_ms()
        if due_ms is not None and due_ms <= now_ms:
            self.execute(resident, commands.Pass(at_ms=now_ms))
        return now_ms

    def poll(self, resident: Resident, now_ms: int) -> int:
        """A query of a task: a clock that is moved by polls moves here. Returns what it then shows."""
        agenda = resident.agenda
        if agenda.clock.mode is not Mode.POLLS:
            return now_ms
        agenda.clock.move_to(now_ms + agenda.clock.poll_step_ms)
        whose = self.worlds.server if agenda is self.worlds.agenda else resident
        self.execute(whose, commands.Pass(at_ms=whose.now_ms()))
        agenda.fire_due()
        return self.catch_up(resident)

    def follow(self, resident: Resident, clock: Clock | None) -> None:
        """Let a world follow this clock of its own; None: the server's."""
        self._stop_own(resident)
        agenda = self.worlds.agenda if clock is None else self.worlds.make_agenda(clock)
        resident.follow(agenda)
        if self._loop is not None and clock is not None:
            agenda.start(self._loop)

    async def settled(self, resident: Resident) -> None:
        """Return once what has been sent by its clock is reported."""
        await self.round.closed()
        await resident.agenda.under_way.none()

    # --- forgetting

    async def forget(self, name: str) -> None:
        """Drop a world. A clock of its own stays its own, and starts again where it does not run by itself."""
        own = await self._forget_named(name)
        if own is not None:
            start_ms = self.clock.now_ms() if own.mode is Mode.REAL else MANUAL_START_MS
            visitor = self.worlds.visitor(name, start_ms)
            self.execute(visitor, commands.SetClock(at_ms=start_ms, clock=own))
            self.follow(visitor, Clock.of(own, start_ms, self.clock.ticks))

    async def forget_everything(self) -> None:
        """Every world is dropped, and the server's clock starts again where it does not run by itself."""
        for name in self.worlds.names():
            with contextlib.suppress(MovedError):
                await self._forget_named(name)
        self.worlds.drop(SERVER)
        self.clock.restart()
        self.worlds.open_server(self.clock.now_ms())
        self.worlds.agenda.set_alarm()

    async def _forget_named(self, name: str) -> OwnClock | None:
        """Returns the clock that it had of its own. What can't be read any more can be forgotten all the same."""
        try:
            resident = await self.worlds.fetch(name)
        except DamagedError:
            self.worlds.drop(name)
            return None
        self._forget(resident)
        return resident.world.clock

    def _forget(self, resident: Resident) -> None:
        if not resident.is_open:
            return
        self.round.close()
        self.mailroom.forget(resident)
        self._stop_own(resident)
        self.worlds.drop(resident.name)
        self._tell([(resident.name, Fired(resident.now_ms(), Happening.TENANT_FORGOTTEN))])
        if self._loop is not None:
            self._work(self._let_go(resident.world))

    async def _let_go(self, world: World) -> None:
        """Let go of a large world piece by piece, and of what it took in the log."""
        turn = Turn()
        while world.tasks:
            world.tasks.popitem()
            await turn.give()
        with contextlib.suppress(LogError):  # what is left is swept later
            for _ in self.log.sweep():
                await turn.give()

    # --- slots, where several nodes share the log

    async def part(self, slots: set[int]) -> None:
        """Put down the worlds of these slots for another node, all that was done in them kept. Raises LogError."""
        self._keep_time(self.worlds.in_memory(slots))
        self.worlds.put_down(slots)
        self._leave(slots)
        await self.round.closed()

    def lose(self, slots: set[int]) -> None:
        """Another node has these slots: what was done here and is not kept yet never was."""
        self.round.lose(slots)
        if isinstance(self.log, FarLog):
            self.log.forget(self.worlds.of_slots(slots))
        self._leave(slots)

    def _leave(self, slots: set[int]) -> None:
        for resident in self.worlds.leave(slots):
            self._stop_own(resident)
            self.mailroom.forget(resident)

    # --- reading the log

    async def history(self, resident: Resident) -> AsyncIterator[bytes]:
        """The lines of a world's log, in turns with others; meanwhile it is not folded."""
        resident.readers += 1
        try:
            await self.round.closed()
            async for line in self.worlds.loader.history(resident.name):
                yield line
        finally:
            resident.readers -= 1

    # --- when a round is over

    def _release(self, closing: Closing) -> None:
        """What the log has may be told and sent."""
        self._tell(closing.events)
        for resident, send in closing.sends:
            if self.worlds.is_here(resident):
                self.mailroom.send(resident, send)
        if self._loop is None:
            return
        for resident in closing.touched:
            may_fold = not resident.readers and not resident.is_folding and resident.busy is None
            if may_fold and self.log.is_long(resident.name, resident.size):
                resident.is_folding = True
                self._work(self._fold(resident))

    def _tell(self, events: list[tuple[str, Fired]]) -> None:
        for listener in tuple(self.listeners) if events else ():
            for name, event in events:
                listener(name, event)

    def _withdraw(self, residents: set[Resident]) -> None:
        """What the log could not keep never was; the worlds come back as they were before."""
        for resident in residents:
            self._stop_own(resident)
            self.worlds.withdraw(resident)
        if self._loop is not None:
            self._loop.call_later(_AGAIN_S, self._call_in, [resident.name for resident in residents])

    def _call_in(self, names: list[str]) -> None:
        for name in names if self._loop is not None else ():
            self.worlds.call_in(name)

    # --- worlds that come and stay

    def _arrived(self, resident: Resident) -> None:
        """A world was loaded: its callbacks without an answer are sent again, and what is due will happen."""
        if self._loop is None:
            return
        if resident.agenda is not self.worlds.agenda:
            resident.agenda.start(self._loop)
        for send in resident.world.unreported() if not resident.under_way else ():
            self.mailroom.send(resident, send)
        try:
            self.commons.update(resident)
            resident.plan()
        except LogError:
            self._loop.call_later(_AGAIN_S, resident.plan)

    def _stop_own(self, resident: Resident) -> None:
        if resident.agenda is not self.worlds.agenda:
            resident.agenda.stop()

    def _fire(self, name: str) -> None:
        """Something is due in a world, which may have to be loaded for it."""
        try:
            resident = self.worlds.here(name)
        except NotHereError:
            self.worlds.call_in(name)
            return
        resident.planned_ms = None
        try:
            self.catch_up(resident)
        except LogError:
            if self._loop is not None:
                self._loop.call_later(_AGAIN_S, resident.plan)
        else:
            resident.plan()

    async def _fold(self, resident: Resident) -> None:
        """Let a snapshot stand for the oldest part of a log. Where that fails, the log is long a little longer."""
        try:
            if self.worlds.is_here(resident) and resident.busy is None:
                await self.worlds.fold_log(resident, self.round.closed)
                resident.planned_ms = None
                resident.plan()
        except LogError as error:
            logger.error("a log can't be folded: %s", error)
            await pause(_TIDY_S)
        finally:
            resident.is_folding = False

    async def _tidy(self) -> None:
        """Free what was dropped before a crash, and unload what is idle, now and then."""
        while True:
            with contextlib.suppress(LogError):  # whoever asks is told
                for _ in self.log.sweep():
                    await pause(0)
                self.worlds.rest_some()
            await pause(_TIDY_S)

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
