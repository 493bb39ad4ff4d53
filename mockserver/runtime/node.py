"""A node: world, log, clock and courier together. The only place where commands are carried out."""

import asyncio
from collections.abc import Callable, Iterator

from mockserver.log import Log
from mockserver.log.replay import Header, fold, write
from mockserver.runtime.clock import Clock, Mode
from mockserver.runtime.courier import Courier, Dispatch, Receipt
from mockserver.simulation import command as commands
from mockserver.simulation import snapshot
from mockserver.simulation.command import Command
from mockserver.simulation.event import Fired, Happening, Outcome, Send
from mockserver.simulation.task import Task
from mockserver.simulation.world import Settings, World

Listener = Callable[[Fired], None]
FIRED_LIMIT = 10_000
"""Events that one `advance` lists; what fires past it still fires, and is counted."""
_BREATH = 1_000
"""Steps of an advance after which other requests get their turn."""
_STEPS_LIMIT = 10_000_000
"""Steps after which an advance ends: a receiver that submits a task at every callback would never let it."""
_ASKED = frozenset(
    {
        Happening.TASK_SUBMITTED,
        Happening.CREDITS_RESERVED,
        Happening.ACCOUNT_CHANGED,
        Happening.FILE_UPLOADED,
        Happening.FILE_DELETED,
    }
)
"""What happens because somebody asked, not because time passed."""


class Node:
    """Carries out commands in order, tells listeners what happened, and hands attempts to the courier.

    `render` makes the body of a callback; it is given by whoever knows the documents.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        log: Log,
        clock: Clock,
        render: Callable[[Task, int], bytes],
        make_courier: Callable[[Callable[[Receipt], None]], Courier],
    ) -> None:
        self.settings, self.log, self.clock = settings, log, clock
        self._render = render
        self.world = fold(World(settings, clock.now_ms()), log.lines())
        self.clock.move_to(self.world.now_ms)
        self._make_courier = make_courier
        self.courier = make_courier(self._receive)
        self.listeners: list[Listener] = []
        self._wake: asyncio.TimerHandle | None = None
        self._wake_ms: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._advancing = asyncio.Lock()

    # --- life

    def start(self) -> None:
        """Begin to fire what is due, and send again what a stopped server left without an answer."""
        self._loop = asyncio.get_running_loop()
        self._send(self.world.unreported())
        self._plan_wake()

    async def stop(self) -> None:
        self._loop = None
        self._plan_wake()
        await self.courier.close()
        self.log.close()

    # --- commands

    def execute(self, command: Command) -> Outcome:
        """Carry out one command: into the log, into the world, out to listeners and courier."""
        self.log.append(commands.encode(command))
        outcome = self.world.apply(command)
        for listener in self.listeners:
            for event in outcome.events:
                listener(event)
        if self.log.wants_snapshot:
            self.log.fold(snapshot.dump(self.world))
        if outcome.sends:
            self._send(outcome.sends)
        if self._wake_ms != self.world.next_due_ms():
            self._plan_wake()
        return outcome

    def catch_up(self) -> int:
        """Fire what is due by now, and say what time it is. Logs nothing where nothing is due."""
        now_ms = self.clock.now_ms()
        due_ms = self.world.next_due_ms()
        if due_ms is not None and due_ms <= now_ms:
            self.execute(commands.Pass(at_ms=now_ms))
        return now_ms

    def replay_file(self, version: str, profile: str, public_url: str) -> Iterator[bytes]:
        """The log as a replay file, line by line."""
        header = Header(
            version=version,
            settings=self.settings,
            started_ms=self.clock.start_ms,
            profile=profile,
            public_url=public_url,
        )
        return write(header, self.log)

    async def forget_everything(self) -> None:
        """A fresh world, a fresh log, and a clock that starts again where it does not run by itself.

        What is under way to a receiver is dropped: its report must not reach a task of the same id.
        """
        await self.courier.close()
        self.courier = self._make_courier(self._receive)
        self.clock.restart()
        self.log.clear()
        self.world = World(self.settings, self.clock.now_ms())
        self._plan_wake()

    # --- time

    async def advance(self, target_ms: int | None) -> tuple[list[Fired], int]:
        """Move the clock to `target_ms` (None: until nothing is due), stopping at everything due on the way
        until its deliveries have settled, so a retry that falls due inside the window fires inside it.

        Returns what fired, at most FIRED_LIMIT events, and how many they were in all.
        """
        async with self._advancing:
            recorder = _Recorder()
            self.listeners.append(recorder)
            try:
                await self._steps_until(target_ms)
            finally:
                self.listeners.remove(recorder)
        return recorder.fired, recorder.count

    async def _steps_until(self, target_ms: int | None) -> None:
        await self.courier.settled()
        for step in range(_STEPS_LIMIT):
            due_ms = self.world.next_due_ms()
            if due_ms is None or (target_ms is not None and due_ms > target_ms):
                break
            self.clock.move_to(due_ms)
            self.catch_up()
            await self.courier.settled()
            if step % _BREATH == 0:
                await asyncio.sleep(0)
        if target_ms is not None:
            self.clock.move_to(target_ms)
        self._plan_wake()

    def set_clock(
        self, mode: Mode | None = None, *, speed: float | None = None, poll_step_ms: int | None = None
    ) -> None:
        """Change what moves the clock, from where it stands."""
        self.clock.set(mode, speed=speed, poll_step_ms=poll_step_ms)
        self._plan_wake()

    # --- courier

    def _send(self, sends: list[Send]) -> None:
        if self._loop is None:
            return
        for send in sends:
            body = self._render(self.world.tasks[send.task_id], self.world.now_ms)
            self.courier.send(
                Dispatch(
                    delivery_id=send.delivery_id,
                    attempt=send.attempt,
                    url=send.url,
                    body=body,
                    timeout_ms=send.timeout_ms,
                )
            )

    def _receive(self, receipt: Receipt) -> None:
        """The courier is back: report what it met."""
        now_ms = self.clock.now_ms()
        waited_ms = 0
        if receipt.timed_out and not self.clock.runs:
            delivery = self.world.deliveries.get(receipt.delivery_id)
            waited_ms = delivery.timeout_ms if delivery else 0
        self.execute(
            commands.Report(
                at_ms=now_ms,
                delivery_id=receipt.delivery_id,
                attempt=receipt.attempt,
                ended_ms=now_ms + waited_ms,
                status=receipt.status,
                error=receipt.error,
            )
        )

    def _plan_wake(self) -> None:
        """Set the one alarm for what is due next; a clock that does not run needs none."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._wake_ms = due_ms = self.world.next_due_ms()
        wait_s = None if due_ms is None or self._loop is None else self.clock.wait_s(due_ms)
        if self._loop is not None and wait_s is not None:
            self._wake = self._loop.call_later(wait_s, self._alarm)

    def _alarm(self) -> None:
        """The alarm may ring a moment early (times are whole milliseconds): then it is set again."""
        self._wake = None
        self.catch_up()
        self._plan_wake()


class _Recorder:
    """Keeps the first events that an advance fires, and counts them all."""

    def __init__(self) -> None:
        self.fired: list[Fired] = []
        self.count = 0

    def __call__(self, event: Fired) -> None:
        if event.type in _ASKED:
            return
        self.count += 1
        if len(self.fired) < FIRED_LIMIT:
            self.fired.append(event)
