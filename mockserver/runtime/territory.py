"""The slots of this node: kept by a beat, taken over from nodes that are gone, handed over to those that come."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from hashlib import blake2b
from typing import Any

from mockserver.log import AwayError, LogError, MovedError
from mockserver.log.ownership import Beat, Ownership, SupersededError, owner_in
from mockserver.log.slot import SLOTS
from mockserver.runtime.node import Node
from mockserver.runtime.pause import pause

logger = logging.getLogger("mockserver")
BEAT_S = 0.5
_SOON_S = 0.1
_BEATS_A_LOOK = 20
_START_S = 60.0
_SLOTS_A_LOOK = 64
_FEW = 3
"""So many requests that another node passed on, and none of its own, and a slot goes where its requests arrive."""
_REST_S = 2.0
"""How long a slot that has changed hands stays where it is, and one that is asked for is not given to its home."""


class Territory:
    """`ready` are the slots whose worlds may be asked for here: owned, with their worlds known. `owners` says for
    every slot whose it was when last heard of.

    A slot without an owner goes to its home, which all nodes find in the same way; one that only another node's
    requests concern goes to that node, so a proxy that sends a key always to the same node makes nobody pass on.
    """

    def __init__(
        self,
        node: Node,
        lease: Ownership,
        told: Callable[[], dict[str, Any]],
        read_commons: Callable[[], Awaitable[None]],
    ) -> None:
        """`told` is what the node says of itself, `read_commons` reads what all nodes share when that has changed."""
        self._node, self._lease, self._told, self._read_commons = node, lease, told, read_commons
        self.ready: set[int] = set()
        self.owners: list[str | None] = [None] * SLOTS
        self.peers: dict[str, Any] = {}
        """The other nodes that live, with what each says of itself."""
        self._commons: int | None = None
        self.is_away = self.is_leaving = self.is_superseded = False
        self._homes: tuple[frozenset[str], list[str]] = (frozenset(), [])
        self._newcomers: set[str] = set()
        self._passed: dict[int, Counter[str]] = {}
        self._met: dict[int, float] = {}
        self._moved: dict[int, float] = {}
        self._beats = 0
        self._poked, self._beaten = asyncio.Event(), asyncio.Condition()
        self._works: set[asyncio.Task[None]] = set()
        lease.on_doubt = self.poke

    @property
    def name(self) -> str:
        return self._lease.name

    @property
    def is_sure(self) -> bool:
        """Whether nobody can have taken this node's slots."""
        return self._lease.is_valid

    @property
    def lag_ms(self) -> float:
        """How long the last beat took."""
        return self._lease.lag_ms

    @property
    def held(self) -> int:
        """How many slots this node owns."""
        return len(self._lease.held)

    # --- life

    async def start(self) -> None:
        """Return once this node is one of those that live, and has what is its own. Raises LogError."""
        await self._first_beat()
        self._work(self._go_on())
        await asyncio.gather(*(work for work in self._works if work.get_name() in ("settle", "commons")))

    async def _first_beat(self) -> None:
        """A log that is slow when many nodes start at once is asked again."""
        until = time.monotonic() + _START_S
        while True:
            try:
                await self._beat()
                return
            except AwayError:
                if time.monotonic() > until:
                    raise
                await pause(_SOON_S)

    async def leave(self) -> None:
        """Hand everything over to the others, at once."""
        self.is_leaving = True
        others = frozenset(self.peers)
        heirs = {slot: home(slot, others) for slot in self._lease.held} if others else {}
        if others:
            await self._hand_over(heirs, leaves=True)
        else:
            with contextlib.suppress(LogError):
                await self._part(set(self._lease.held))
                await self._lease.give({}, leaves=True)

    async def stop(self) -> None:
        works = tuple(self._works)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    # --- asked by others

    def poke(self) -> None:
        """Let the next beat come now."""
        self._poked.set()

    async def refresh(self, wait_s: float = 0.5) -> None:
        """Return once a beat that begins from now on has told the latest, or no answer came for so long. A node that
        leaves learns nothing more."""
        if self.is_leaving:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._beaten:
                self.poke()
                await self._beaten.wait()

    async def changed(self, wait_s: float) -> None:
        """Return once something was learned, or so much time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._beaten:
                await self._beaten.wait()

    def met(self, slot: int, by: str | None) -> None:
        """A request for this slot arrived here, or was passed on by another node."""
        if by is None:
            self._met[slot] = time.monotonic()
        else:
            self._passed.setdefault(slot, Counter())[by] += 1

    # --- beats

    async def _go_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), _SOON_S if self.is_away else BEAT_S)
            self._poked.clear()
            if self.is_leaving:
                return
            try:
                await self._beat()
            except SupersededError as error:
                logger.error("%s: this one serves nothing any more", error)
                self.is_superseded, self.peers = True, {}
                self._lose(set(self._lease.held))
                return
            except AwayError as error:
                self._set_away(error)
            except Exception:
                logger.exception("a beat broke")
            async with self._beaten:
                self._beaten.notify_all()

    async def _beat(self) -> None:
        self._beats += 1
        if self._beats % _BEATS_A_LOOK == 0:
            self._look_again()
        self._learn(await self._lease.beat(self._told()))
        if free := self._free():
            await self._lease.take(free)
            self._learn(await self._lease.beat(self._told()))
        self._set_away(None)
        if not any(work.get_name() == "give" for work in self._works) and (heirs := self._heirs()):
            self._work(self._hand_over(heirs), "give")

    def _look_again(self) -> None:
        """Now and then compare everything with what Redis says, whatever was missed."""
        self._lease.resync()
        busy = any(work.get_name() in ("settle", "give") for work in self._works)
        if not busy and (idle := self._lease.held.keys() - self.ready):
            self._work(self._settle({slot: self._lease.held[slot] for slot in idle}), "settle")

    def _set_away(self, error: AwayError | None) -> None:
        if error is not None and not self.is_away:
            logger.error("nothing is heard of Redis: %s", error)
        if error is None and self.is_away:
            logger.warning("Redis is heard of again")
        self.is_away = error is not None

    def _learn(self, beat: Beat) -> None:
        peers = {name: one for name, one in beat.live.items() if name != self.name}
        self._newcomers |= peers.keys() - self.peers.keys()
        self.peers = peers
        if self._commons != beat.commons:
            self._commons = beat.commons
            self._work(self._read(), "commons")
        self._follow({slot: beat.changed.get(slot) for slot in range(SLOTS)} if beat.is_all else beat.changed)

    def _follow(self, changed: dict[int, bytes | None]) -> None:
        """Slots have changed hands."""
        held, gained, lost = self._lease.held, {}, set()
        for slot, proof in changed.items():
            self.owners[slot] = owner_in(proof)
            if held.get(slot) == proof:
                continue
            if slot in held:
                lost.add(slot)
            if proof is not None and self.owners[slot] == self.name:
                gained[slot] = proof
        if lost:
            self._lose(lost)
        if gained:
            held.update(gained)
            self._work(self._settle(gained), "settle")

    async def _read(self) -> None:
        try:
            await self._read_commons()
        except LogError:
            self._commons = None  # the next beat sees that it is not read yet

    def _free(self) -> list[int]:
        """Slots of nobody who lives whose home this is."""
        live = frozenset({self.name, *self.peers})
        free = [slot for slot, owner in enumerate(self.owners) if owner not in live]
        homes = self._homes_among(live) if free else []
        return [slot for slot in free if homes[slot] == self.name]

    def _heirs(self) -> dict[int, str]:
        """What goes to others: their share to those that came, and slots to where their requests arrive."""
        now, found = time.monotonic(), {}
        self._newcomers &= self.peers.keys()
        if self._newcomers and len(self.ready) == self.held:
            homes = self._homes_among(frozenset({self.name, *self.peers}))
            asked = {slot for slot, at in self._met.items() if now - at < _REST_S}
            found = {slot: homes[slot] for slot in self.ready - asked if homes[slot] in self._newcomers}
            self._newcomers = set()
        passed, self._passed = self._passed, {}
        for slot, by in passed.items():
            ((name, count), *others) = by.most_common()
            quiet = now - self._met.get(slot, 0) > BEAT_S and now - self._moved.get(slot, 0) > _REST_S
            if quiet and not others and count >= _FEW and name in self.peers and slot in self.ready:
                found[slot] = name
        self._met = {slot: at for slot, at in self._met.items() if now - at < _REST_S}
        return found

    def _homes_among(self, live: frozenset[str]) -> list[str]:
        if self._homes[0] != live:
            self._homes = live, [home(slot, live) for slot in range(SLOTS)]
        return self._homes[1]

    # --- coming and going

    async def _settle(self, gained: dict[int, bytes]) -> None:
        """Find out which worlds there are in slots that are this node's now; then they may be asked for."""
        slots, held = sorted(gained), self._lease.held
        for start in range(0, len(slots), _SLOTS_A_LOOK):
            some = slots[start : start + _SLOTS_A_LOOK]
            while True:
                try:
                    found = await self._lease.index(some)
                    break
                except AwayError:
                    await pause(_SOON_S)
            ours = {slot for slot in some if held.get(slot) == gained[slot]}
            self._node.worlds.take_in((name, due_ms) for slot, name, due_ms in found if slot in ours)
            self.ready |= ours
            now = time.monotonic()
            self._moved.update(dict.fromkeys(ours, now))
            async with self._beaten:
                self._beaten.notify_all()

    def _lose(self, slots: set[int]) -> None:
        """Others own them: what is here of their worlds is void."""
        self.ready -= slots
        for slot in slots:
            self._lease.held.pop(slot, None)
        self._node.lose(slots)

    async def _hand_over(self, heirs: dict[int, str], *, leaves: bool = False) -> None:
        """Each slot to its heir, with everything kept. From the first moment on nobody is served here."""
        held = self._lease.held
        proofs = {slot: held.get(slot) for slot in heirs}
        try:
            with contextlib.suppress(MovedError):  # what is another's already need not be handed over
                await self._part(heirs)
            await self._lease.give(heirs, leaves=leaves)
        except Exception as error:
            logger.warning("slots could not be handed over: %s", error, exc_info=not isinstance(error, LogError))
            self._lease.resync()
        for slot, heir in heirs.items():
            if held.get(slot) == proofs[slot]:  # not, where a beat told meanwhile that it is ours again
                held.pop(slot, None)
                self.owners[slot] = heir
        self.poke()

    async def _part(self, slots: Iterable[int]) -> None:
        self.ready -= set(slots)
        await self._node.part(set(slots))

    def _work(self, work: Any, name: str = "") -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._works.add(task)
        task.add_done_callback(self._works.discard)


def home(slot: int, names: Iterable[str]) -> str:
    """Where a slot belongs among these nodes: each finds the same, and when one goes, only its own slots move."""
    return max(names, key=lambda name: blake2b(f"{slot} {name}".encode(), digest_size=8).digest())
