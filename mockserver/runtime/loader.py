"""A world out of its log."""

import msgspec
from msgspec import Struct

from mockserver.log import Log, LogError
from mockserver.log.codec import Share
from mockserver.log.replay import Fold, ReplayError
from mockserver.runtime.turn import Turn
from mockserver.simulation.world import Settings, World

_LINES_A_LOOK = 20


class Birth(Struct, frozen=True):
    """What the log keeps of a world's beginning."""

    settings: Settings
    started_ms: int


class Loader:
    """Reads what the log has of a world. Each call may raise LogError."""

    def __init__(self, log: Log, share: Share) -> None:
        self._log, self._share = log, share

    def birth(self, name: str) -> Birth:
        raw = self._log.birth(name)
        if raw is None:
            raise LogError(f"there is no log of {name}")
        return msgspec.json.decode(raw, type=Birth)

    async def load(self, name: str) -> Fold:
        """Make a world again, in turns with others."""
        turn, fold = Turn(), self._begun(name)
        for number, line in enumerate(self._log.lines(name)):
            _take(fold, name, line)
            if number % _LINES_A_LOOK == 0:
                await turn.give()
        return fold

    def load_now(self, name: str) -> Fold:
        """The same without a pause: for a world that has hardly any past."""
        fold = self._begun(name)
        for line in self._log.lines(name):
            _take(fold, name, line)
        return fold

    def _begun(self, name: str) -> Fold:
        birth = self.birth(name)
        return Fold(World(birth.settings, birth.started_ms), self._share)


def _take(fold: Fold, name: str, line: bytes) -> None:
    try:
        fold.take(line)
    except ReplayError as error:
        raise LogError(f"the log of {name}: {error}") from error
