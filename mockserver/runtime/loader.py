"""A world out of its log, whether that is at hand or far away."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import msgspec
from msgspec import Struct

from mockserver.log import AbsentError, DamagedError, FarLog, Log
from mockserver.log.codec import Share
from mockserver.log.replay import Fold, ReplayError
from mockserver.runtime.turn import Turn
from mockserver.simulation.world import Settings, World

_LINES_A_LOOK = 20


class Birth(Struct, frozen=True):
    """What the log keeps of a world's beginning."""

    settings: Settings
    started_ms: int

    def fold(self, share: Share) -> Fold:
        return Fold(World(self.settings, self.started_ms), share)


class Loader(Protocol):
    """Reads what the log has of a world, in turns with others. Each call may raise LogError; AbsentError where there
    is no world of this name."""

    async def birth(self, name: str) -> Birth: ...

    async def load(self, name: str) -> Fold:
        """Make a world again."""
        ...

    def history(self, name: str) -> AsyncIterator[bytes]:
        """The lines of its log, with as much of the past as there still is."""
        ...

    def fold(self, name: str, snapshot: Iterator[bytes]) -> AsyncIterator[None]:
        """Let a snapshot stand for the oldest part of its log, step by step."""
        ...


class NearLoader:
    """Of a log at hand."""

    def __init__(self, log: Log, share: Share) -> None:
        self._log, self._share = log, share

    def has(self, name: str) -> bool:
        """Whether there is a world of this name."""
        return self._log.birth(name) is not None

    async def birth(self, name: str) -> Birth:
        return _read(name, self._log.birth(name))

    async def load(self, name: str) -> Fold:
        turn, fold = Turn(), _read(name, self._log.birth(name)).fold(self._share)
        for number, line in enumerate(self._log.lines(name)):
            _take(fold, name, line)
            if number % _LINES_A_LOOK == 0:
                await turn.give()
        return fold

    def load_now(self, name: str) -> Fold:
        """The same without a pause: for a world that has hardly any past."""
        fold = _read(name, self._log.birth(name)).fold(self._share)
        for line in self._log.lines(name):
            _take(fold, name, line)
        return fold

    async def history(self, name: str) -> AsyncIterator[bytes]:
        turn = Turn()
        for line in self._log.history(name):
            yield line
            await turn.give()

    async def fold(self, name: str, snapshot: Iterator[bytes]) -> AsyncIterator[None]:
        turn = Turn()
        for _ in self._log.fold(name, snapshot):
            await turn.give()
            yield


class FarLoader:
    """Of a log behind a network."""

    def __init__(self, log: FarLog, share: Share) -> None:
        self._log, self._share = log, share
        self.history, self.fold = log.history, log.fold

    async def birth(self, name: str) -> Birth:
        return _read(name, await self._log.birth(name))

    async def load(self, name: str) -> Fold:
        """Raises AwayError while something that was sent may still come to be kept."""
        self._log.check()
        turn, fold, number = Turn(), (await self.birth(name)).fold(self._share), 0
        async for line in self._log.lines(name):
            _take(fold, name, line)
            number += 1
            if number % _LINES_A_LOOK == 0:
                await turn.give()
        return fold


def _read(name: str, raw: bytes | None) -> Birth:
    if raw is None:
        raise AbsentError(f"there is no log of {name}")
    try:
        return msgspec.json.decode(raw, type=Birth)
    except (msgspec.DecodeError, TypeError) as error:
        raise DamagedError(f"the log of {name} does not say how it began: {error}") from error


def _take(fold: Fold, name: str, line: bytes) -> None:
    try:
        fold.take(line)
    except ReplayError as error:
        raise DamagedError(f"the log of {name}: {error}") from error
