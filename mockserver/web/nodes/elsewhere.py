"""What a world has to know of the worlds of other nodes: whether an id is somebody's, and what file it is."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from mockserver.log import AwayError
from mockserver.log.slot import slot_of_id
from mockserver.runtime.resident import UnaskedError
from mockserver.runtime.territory import Territory
from mockserver.simulation.file import File

_KNOWN_S = 2.0
"""How long an answer is remembered: as long as the request that needs it takes."""
_KNOWN_LIMIT = 1_000
_TRIES, _AGAIN_S = 20, 0.1
Ask = Callable[[str, str], Awaitable[Any]]
"""(node, id) -> its answer to GET /_mock/owners/{id}; None where none came."""


class Elsewhere:
    """Asked at once, it tells or raises UnaskedError; then `ask` finds out, and it is asked again."""

    def __init__(self, territory: Territory, ask: Ask) -> None:
        self._territory, self._ask = territory, ask
        self._known: dict[str, tuple[float, Any]] = {}

    def is_away(self, one_id: str) -> bool:
        """Whether another node knows whose this is."""
        return slot_of_id(one_id) not in self._territory.ready

    def is_task(self, one_id: str) -> bool:
        """Whether somebody has a task of this id. Raises UnaskedError."""
        return bool(self._told(one_id).get("kind") == "task")

    def file(self, one_id: str) -> File | None:
        """A file that is still there. Raises UnaskedError."""
        told = self._told(one_id).get("file")
        return None if told is None else msgspec.convert(told, File)

    async def ask(self, one_id: str) -> None:
        """Find out. Raises AwayError where the owner gives no answer for too long."""
        for _ in range(_TRIES):
            owner = self._territory.owners[slot_of_id(one_id)]
            if not self.is_away(one_id):
                return
            told = None if owner is None else await self._ask(owner, one_id)
            if told is not None:
                if len(self._known) >= _KNOWN_LIMIT:
                    self._known.clear()
                self._known[one_id] = time.monotonic(), told
                return
            await self._territory.changed(_AGAIN_S)
        raise AwayError("the node that knows this id gives no answer")

    def _told(self, one_id: str) -> dict[str, Any]:
        at, told = self._known.get(one_id, (0.0, None))
        if told is None or time.monotonic() - at > _KNOWN_S:
            raise UnaskedError(one_id)
        known: dict[str, Any] = told
        return known
