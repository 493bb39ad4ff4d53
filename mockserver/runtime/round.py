"""One round of the event loop: what came of its commands is kept together, and told only once the log has it."""

import asyncio
import logging
import time
from collections.abc import Callable, Container
from typing import NamedTuple

from mockserver.log import LogError
from mockserver.runtime.resident import Resident
from mockserver.simulation.event import Fired, Outcome, Send

logger = logging.getLogger("mockserver")
_TRY_AGAIN_S = 0.5
"""How long a log that could not be written is left alone."""

Told = Callable[[LogError | None], None]
"""Whom to tell that the log has what an answer says, or why it has not."""


class Closing(NamedTuple):
    """What a round brought about that the log now has."""

    events: list[tuple[str, Fired]]
    sends: list[tuple[Resident, Send]]
    touched: set[Resident]


class Round:
    """Collects outcomes until the loop comes round; then commits, and either tells everybody or takes it all back.

    `keep` lets the log have it (or raises LogError), `release` carries out what the log has, `withdraw` forgets
    worlds that are ahead of it.
    """

    def __init__(
        self, keep: Callable[[], None], release: Callable[[Closing], None], withdraw: Callable[[set[Resident]], None]
    ) -> None:
        self._keep, self._release, self._withdraw = keep, release, withdraw
        self._waiting: list[Told] = []
        self._begin()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_planned = False
        self._failure: LogError | None = None
        self._failed_at = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def finish(self) -> None:
        """Keep what there is; from now on a round is as long as its command."""
        self._loop = None
        self.close()

    @property
    def has_sends(self) -> bool:
        return bool(self._sends)

    def check(self) -> None:
        """Raises LogError while the log can't be written: a command is not even tried more than now and then."""
        if self._failure is not None and time.monotonic() - self._failed_at < _TRY_AGAIN_S:
            raise self._failure

    def note(self, resident: Resident, outcome: Outcome) -> None:
        self._touched.add(resident)
        if outcome.sends:
            self._sends += [(resident, send) for send in outcome.sends]
        if outcome.events:
            name = resident.name
            self._events += [(name, event) for event in outcome.events]
        if not self._is_planned:
            self._plan()

    def then(self, told: Told, slot: int | None = None) -> None:  # noqa: ARG002 - a log at hand keeps all or nothing
        """Call when this round is over. Answers of one round leave together, in their order. `slot` is that of the
        world which it concerns; None: perhaps any."""
        self._waiting.append(told)
        if not self._is_planned:
            self._plan()

    async def closed(self, slot: int | None = None) -> None:
        """Wait until the log has what was done so far. Raises LogError where it could not be kept."""
        future = asyncio.get_running_loop().create_future()
        self.then(lambda failure: _settle(future, failure), slot)
        await future

    def lose(self, slots: Container[int]) -> None:
        """What concerns these slots never was. A log at hand has no slots."""

    def close(self) -> None:
        """Commit now, and tell."""
        self._is_planned = False
        waiting, closing = self._waiting, Closing(self._events, self._sends, self._touched)
        self._waiting = []
        self._begin()
        failure = self._commit(closing.touched)
        if failure is None:
            self._release(closing)
        for told in waiting:
            tell(told, failure)

    def _commit(self, touched: set[Resident]) -> LogError | None:
        try:
            self._keep()
        except LogError as failure:
            return self._failed(touched, failure)
        except Exception as error:  # a mistake of ours: loud, and nothing is told that is not kept
            logger.exception("a round broke")
            return self._failed(touched, LogError(repr(error)))
        if self._failure is not None and touched:
            logger.warning("the log can be written again")
            self._failure = None
        return None

    def _failed(self, touched: set[Resident], failure: LogError) -> LogError:
        if self._failure is None:
            logger.error("the log can't be written, so requests that need it are answered 500: %s", failure)
        self._failure, self._failed_at = failure, time.monotonic()
        self._withdraw(touched)
        return failure

    def _begin(self) -> None:
        self._events: list[tuple[str, Fired]] = []
        self._sends: list[tuple[Resident, Send]] = []
        self._touched: set[Resident] = set()

    def _plan(self) -> None:
        """Without a loop (before the start, in a script) a round is as long as its command."""
        if self._loop is None:
            self.close()
        else:
            self._is_planned = True
            self._loop.call_soon(self.close)


def tell(told: Told, failure: LogError | None) -> None:
    """A mistake of ours with one answer is told in the log, and costs no other its own."""
    try:
        told(failure)
    except Exception:
        logger.exception("an answer broke while it left")


def _settle(future: "asyncio.Future[None]", failure: LogError | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
