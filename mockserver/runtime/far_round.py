"""Rounds of a log behind a network: while one is on its way, the loop goes on, and what comes of it is the next."""

import asyncio
import logging
from collections.abc import Callable, Container, Iterable

from mockserver.log import AwayError, FarLog, LogError, MovedError
from mockserver.log.slot import slot_of
from mockserver.runtime.resident import Resident
from mockserver.runtime.round import Closing, Round, Told, tell
from mockserver.simulation.event import Fired, Send

logger = logging.getLogger("mockserver")
Waiting = list[tuple[Told, int | None]]


class FarRound(Round):
    """One round is on its way at a time, so the log has them in their order, and answers leave in theirs.

    Where the log can't be reached, all that was not kept is taken back, also of the round that is being gathered.
    Where a slot belongs to another node by now, only what concerns that slot is.
    """

    def __init__(
        self,
        log: FarLog,
        release: Callable[[Closing], None],
        withdraw: Callable[[set[Resident]], None],
        in_memory: Callable[[Iterable[str]], list[Resident]],
    ) -> None:
        """`in_memory` gives those of these worlds that are."""
        super().__init__(lambda: None, release, withdraw)
        self._far, self._in_memory = log, in_memory
        self._ones_waiting: Waiting = []
        self._way: asyncio.Task[None] | None = None

    def check(self) -> None:
        self._far.check()

    def then(self, told: Told, slot: int | None = None) -> None:
        self._ones_waiting.append((told, slot))
        if not self._is_planned:
            self._plan()

    def close(self) -> None:
        """Send what was gathered, unless the round before is still on its way: then it is sent after that."""
        self._is_planned = self._way is not None
        if self._way is None:
            self._depart()

    def lose(self, slots: Container[int]) -> None:
        """Of the round that is on its way, the log says what was kept."""
        self._take_back(Closing([], [], set()), slots)

    async def finish(self) -> None:
        await self.closed()
        self._loop = None

    def _depart(self) -> None:
        waiting, closing = self._ones_waiting, Closing(self._events, self._sends, self._touched)
        self._ones_waiting = []
        self._begin()
        if self._far.has_changes:
            self._way = asyncio.get_running_loop().create_task(self._carry(waiting, closing))
            return
        sure = self._loop is None or self._far.is_sure
        self._release(closing)
        _tell(waiting, None if sure else MovedError("whose the world is has to be asked first"))

    async def _carry(self, waiting: Waiting, closing: Closing) -> None:
        try:
            moved = await self._far.send()
        except LogError as failure:
            self._take_all_back(waiting, closing, failure)
        except Exception as failure:  # a mistake of ours: loud, and nothing is told that is not kept
            logger.exception("a round broke")
            self._take_all_back(waiting, closing, AwayError(repr(failure)))
        else:
            self._arrive(waiting, closing, moved)
        self._way, self._is_planned = None, False
        if self._ones_waiting or self._touched or self._far.has_changes:
            self._depart()

    def _arrive(self, waiting: Waiting, closing: Closing, moved: frozenset[int]) -> None:
        if self._failure is not None:
            logger.warning("the log can be written again")
            self._failure = None
        if moved:
            closing = self._take_back(closing, moved)
        self._release(closing)
        for told, slot in waiting:
            is_moved = bool(moved) and (slot is None or slot in moved)
            tell(told, MovedError("the world belongs to another node by now") if is_moved else None)

    def _take_back(self, closing: Closing, moved: Container[int]) -> Closing:
        """What is left of a round without these slots. The round that is being gathered loses them, too."""
        lost = {one for one in closing.touched | self._touched if slot_of(one.name) in moved}
        lost.update(self._in_memory(self._far.lost()))
        names = {one.name for one in lost}
        self._far.forget(names)
        self._withdraw(lost)
        later, self._ones_waiting = self._ones_waiting, []
        for told, slot in later:
            if slot is None or slot in moved:
                tell(told, MovedError("the world belongs to another node by now"))
            else:
                self._ones_waiting.append((told, slot))
        self._events, self._sends = _without(self._events, names), _unsent(self._sends, names)
        self._touched -= lost
        return Closing(_without(closing.events, names), _unsent(closing.sends, names), closing.touched - lost)

    def _take_all_back(self, waiting: Waiting, closing: Closing, failure: LogError) -> None:
        if self._failure is None:
            logger.error("the log can't be written, so requests that need it are answered 503: %s", failure)
        self._failure = failure
        lost = {*closing.touched, *self._touched, *self._in_memory(self._far.lost())}
        later, self._ones_waiting = self._ones_waiting, []
        self._begin()
        self._far.forget({one.name for one in lost})
        self._withdraw(lost)
        _tell([*waiting, *later], failure)


def _tell(waiting: Waiting, failure: LogError | None) -> None:
    for told, _ in waiting:
        tell(told, failure)


def _without(events: list[tuple[str, Fired]], names: set[str]) -> list[tuple[str, Fired]]:
    return [one for one in events if one[0] not in names]


def _unsent(sends: list[tuple[Resident, Send]], names: set[str]) -> list[tuple[Resident, Send]]:
    return [one for one in sends if one[0].name not in names]
