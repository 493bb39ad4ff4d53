"""The lease of a node: how it says that it lives, what slots it owns, and when it may no longer be sure of that."""

import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from mockserver.log import AwayError, LogError
from mockserver.log.ownership import Beat, SupersededError
from mockserver.log.redis.address import ANSWER_S, Address
from mockserver.log.redis.line import Line
from mockserver.log.redis.scripts import BEAT, GIVE, INDEX, TAKE

LEASE_S = 3.0
"""A node that has not been heard of for so long is taken for dead."""


_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Lease:
    """`held` are the slots of this node with their owner as Redis has it: it proves that they are still ours.

    After an answer that did not come, a new session begins: whatever of the old one still reaches Redis is refused.
    """

    def __init__(
        self, address: Address, client: Any, name: str, lease_s: float = LEASE_S, answer_s: float = ANSWER_S
    ) -> None:
        if _NAME.fullmatch(name) is None:
            raise LogError(f"--node-name: received {name!r}; allowed: 1 to 64 of A-Z a-z 0-9 . _ : -")
        self.name, self._address, self._lease_ms = name, address, round(lease_s * 1000)
        self.held: dict[int, bytes] = {}
        self.key = address.key("alive", name)
        self.lag_ms = 0.0
        self._line, *self._readers = (Line(client, answer_s) for _ in range(3))
        self._process, self._number = secrets.token_hex(6), 0
        self._epoch = self._resyncs = 0
        self._begins = True
        self._valid_until = 0.0
        self._doubted = 0
        self.on_doubt: Callable[[], None] = lambda: None
        """Called when a beat should come soon."""

    @property
    def session(self) -> str:
        return f"{self._process} {self._number}"

    @property
    def is_valid(self) -> bool:
        """Whether nobody can have taken this node's slots yet."""
        return time.monotonic() < self._valid_until

    @property
    def is_doubted(self) -> bool:
        """Whether a new session has to begin first."""
        return self._doubted > 0

    def doubt(self, *, refused: bool) -> None:
        """Begin a new session with the next beat: an answer did not come, or (`refused`) the lease is not ours."""
        self._doubted += 1
        if refused:
            self._valid_until = 0.0
        self.on_doubt()

    def resync(self) -> None:
        """Let the next beat that begins from now on tell of every slot."""
        self._epoch = 0
        self._resyncs += 1

    async def beat(self, told: Any) -> Beat:
        """Renew the lease; `told` is what the node says of itself. Raises AwayError or SupersededError."""
        if self._doubted:
            self._number += 1
        doubted, resyncs, began, key = self._doubted, self._resyncs, time.monotonic(), self._address.key
        keys = [self.key, *map(key, ("nodes", "slots", "changed", "epoch", "commons-version"))]
        arguments: list[Any] = [self.session, key(""), self.name, self._process, self._number]
        arguments += ["1" if self._begins else "", self._lease_ms, msgspec.json.encode(told), self._epoch]
        try:
            answer = await self._line.run(BEAT, keys, *arguments)
        except AwayError:
            self._doubted = max(1, self._doubted)
            raise
        if answer[0] == b"superseded":
            self._valid_until = 0.0
            raise SupersededError(f"another node goes by the name {self.name}, and began later than this one")
        if answer[0] == b"late":
            raise AwayError("a beat came late")
        _, epoch, live, changed, commons, is_all = answer
        self._epoch = epoch if resyncs == self._resyncs else 0
        self._begins = False
        self.lag_ms = (time.monotonic() - began) * 1000
        if doubted == self._doubted:
            self._doubted = 0
            self._valid_until = began + self._lease_ms / 1000
        slots = {int(slot): owner or None for slot, owner in _pairs(changed)}
        nodes = {name.decode(): msgspec.json.decode(one) for name, one in _pairs(live)}
        return Beat(nodes, slots, int(commons), bool(is_all))

    async def take(self, slots: Iterable[int]) -> None:
        """Take slots whose owner has no lease; the next beat tells which they are."""
        await self._line.run(TAKE, self._keys(), self.session, self._address.key(""), self.name, *slots)

    async def give(self, heirs: dict[int, str], *, leaves: bool = False) -> None:
        """Hand slots over to nodes that live; the node may leave with that."""
        told: list[Any] = []
        for slot, heir in heirs.items():
            told += [slot, self.held.get(slot, b""), heir]
        keys = [*self._keys(), self._address.key("nodes")]
        await self._line.run(GIVE, keys, self.session, self._address.key(""), self.name, "1" if leaves else "", *told)

    async def index(self, slots: list[int]) -> list[tuple[int, str, int | None]]:
        """(slot, world, when something happens in it next) of all worlds of these slots; 0 where nobody knows."""
        line = self._readers[0]
        told = await line.run(INDEX, [self.key], self._address.key(""), *slots)
        return [
            (slot, name.decode(), None if due == b"never" else int(due))
            for slot, flat in zip(slots, told, strict=True)
            for name, due in _pairs(flat)
        ]

    async def ask(self, *command: Any) -> Any:
        """Any other command. Raises AwayError."""
        return await self._readers[1].ask(*command)

    async def close(self) -> None:
        for line in (self._line, *self._readers):
            await line.close()

    def _keys(self) -> list[str]:
        return [self.key, *map(self._address.key, ("slots", "changed", "epoch"))]


def _pairs(flat: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
