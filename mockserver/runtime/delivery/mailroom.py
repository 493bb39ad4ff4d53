"""Between the worlds and the courier: intents go out, what the courier met comes back as a command."""

import asyncio
from collections.abc import Callable

from mockserver.log import LogError
from mockserver.runtime.delivery.courier import Courier, Receipt
from mockserver.runtime.delivery.lanes import Dispatch
from mockserver.runtime.resident import NotHereError, Resident
from mockserver.runtime.worlds import Worlds
from mockserver.simulation.command import Command, Report
from mockserver.simulation.event import Reply, Send
from mockserver.simulation.world import World

Render = Callable[[World, str], bytes]
"""(world, id of a task) -> the body of its callback."""
_AGAIN_S = 0.2
"""How long a report waits whose world can't take it just now."""


class Mailroom:
    """Counts for each world, and for the clock that it follows, what is under way."""

    def __init__(
        self,
        worlds: Worlds,
        execute: Callable[[Resident, Command], Reply],
        render: Render,
        make_courier: Callable[[Callable[[Receipt], None]], Courier],
    ) -> None:
        self._worlds, self._execute, self._render = worlds, execute, render
        self.courier = make_courier(self._receive)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def close(self) -> None:
        self._loop = None
        await self.courier.close()

    def send(self, resident: Resident, send: Send) -> None:
        """Let an attempt be made. Its body is written when its turn comes: a queue of them takes little room."""
        if self._loop is None:
            return
        resident.under_way += 1
        resident.agenda.under_way.add()
        self.courier.send(
            Dispatch(
                delivery_id=send.delivery_id,
                attempt=send.attempt,
                url=send.url,
                render=lambda: self._render(resident.world, send.task_id),
                now_ms=resident.now_ms,
                timeout_ms=send.timeout_ms,
                owner=resident,
            )
        )

    def forget(self, resident: Resident) -> None:
        """Nothing more of this world is sent, and what is under way is reported to nobody."""
        self.courier.drop(resident)
        resident.agenda.under_way.less(resident.under_way)
        resident.under_way = 0

    def _receive(self, receipt: Receipt) -> None:
        resident: Resident = receipt.owner
        try:
            if self._worlds.is_here(resident):
                self._report(resident, receipt)
        except (LogError, NotHereError):
            if self._loop is not None:
                self._loop.call_later(_AGAIN_S, self._receive, receipt)
            return
        if resident.under_way:
            resident.under_way -= 1
            resident.agenda.under_way.less()

    def _report(self, resident: Resident, receipt: Receipt) -> None:
        clock = resident.agenda.clock
        now_ms, waited_ms = resident.now_ms(), 0
        if receipt.timed_out and not clock.runs:
            delivery = resident.world.deliveries.get(receipt.delivery_id)
            waited_ms = delivery.timeout_ms if delivery else 0
        report = Report(
            at_ms=now_ms,
            delivery_id=receipt.delivery_id,
            attempt=receipt.attempt,
            sent_ms=None if receipt.sent_ms is None else min(now_ms, receipt.sent_ms),
            ended_ms=now_ms + waited_ms,
            status=receipt.status,
            error=receipt.error,
        )
        self._execute(resident, report)
