"""This server as one of the nodes that share a log."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from mockserver import __version__
from mockserver.log.slot import slot_of
from mockserver.runtime.node import Node
from mockserver.runtime.territory import Territory
from mockserver.simulation.scenario import Scenario
from mockserver.web.http.exchange import RawHeaders
from mockserver.web.http.request import Request
from mockserver.web.nodes import coverage
from mockserver.web.nodes.asking import Question, Stream, Told, ask
from mockserver.web.nodes.elsewhere import Elsewhere
from mockserver.web.nodes.upstream import PASSED, Way
from mockserver.web.nodes.whose import CONTROL, KEY, may_be_key, slot_concerned
from mockserver.web.options import Options

if TYPE_CHECKING:
    from mockserver.log.redis.start import Opened

logger = logging.getLogger("mockserver")
WAIT_S = 2.0
"""How long a request waits for a slot that changes hands."""
LOOK_S = 0.05


class Host(Protocol):
    """What of the server the others hear."""

    node: Node
    options: Options
    public_url: str


class Membership:
    """The territory of this node, and what it and the others are told of each other."""

    def __init__(self, host: Host, shared: "Opened") -> None:
        self._host, self._shared = host, shared
        self._started_ms = time.time_ns() // 1_000_000
        self._has_left = False
        self.passed_on = 0
        self._ways: dict[str, Way] = {}
        self._public_urls: set[str] = set()
        self.territory = Territory(host.node, shared.lease, self._told, self.read_commons)
        host.node.elsewhere = Elsewhere(self.territory, self._ask_owner)
        ready = self.territory.ready
        host.node.worlds.share_out(lambda name: slot_of(name) in ready)

    async def start(self) -> None:
        for warning in self._shared.warnings:
            logger.warning(warning)
        await self.territory.start()

    async def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            await self.territory.leave()

    async def stop(self) -> None:
        await self.territory.stop()
        for way in self._ways.values():
            way.close()
        await self._shared.lease.close()
        await self._shared.log.leave()

    # --- requests

    def slot_to_pass(self, request: Request) -> int | None:
        """The slot that a request concerns, where it can't be answered here now; None where it can."""
        slot = request.slot = slot_concerned(request)
        if slot is None:
            return None
        territory = self.territory
        if slot not in territory.ready or not territory.is_sure:
            return slot
        if self._is_of_key(request):
            return self.slot_to_pass(request)
        by = request.fields.get(PASSED)
        territory.met(slot, None if by is None else by.decode("latin-1"))
        if by is not None:
            request.headers = [header for header in request.headers if header[0] not in (PASSED, KEY)]
        return None

    def _is_of_key(self, request: Request) -> bool:
        """Whether what looks like the name of a world here is none, and so a key."""
        if request.is_of_key or not request.path.startswith(CONTROL):
            return False
        name = may_be_key(request)
        request.is_of_key = name is not None and not self._host.node.worlds.knows(name)
        return request.is_of_key

    @property
    def hindrance(self) -> str:
        """Why a request can't be answered here now, in words for its client."""
        territory = self.territory
        if territory.is_superseded:
            return f"This node serves nothing any more: another one began later under its name, {territory.name}"
        if territory.is_away and not territory.is_sure:
            return "Redis can't be reached"
        return "This key moves to another node; try again"

    def way_to(self, name: str) -> Way | None:
        """The connections to another node that lives."""
        told = self.territory.peers.get(name)
        if told is None:
            return None
        url = told["url"]
        way = self._ways.get(url)
        if way is None:
            way = self._ways[url] = Way(url)
        return way

    async def ask_all(self, question: Question) -> list[Told]:
        """The answers of all other nodes that live."""
        names = sorted(self.territory.peers)
        return list(await asyncio.gather(*(self._ask(name, question) for name in names)))

    def gap(self, told: Iterable[Told]) -> coverage.Gap:
        """Whose keys are missing in these answers, and whether some may be in two of them."""
        missing, has_twice = coverage.missing(one.slots for one in told)
        return coverage.Gap(frozenset(self.territory.owners[slot] or "nobody" for slot in missing), has_twice)

    @property
    def own(self) -> Told:
        """For which slots this node speaks now."""
        return Told(self.territory.name, 200, b"", coverage.bits(self.territory.ready))

    async def whole(self, headers: RawHeaders) -> coverage.Gap:
        """Wait a while until each slot has a node that answers for it. Returns what is still missing."""
        until, asked = time.monotonic() + WAIT_S, Question("GET", b"/_mock/health", headers)
        while True:
            gap = self.gap((self.own, *await self.ask_all(asked)))
            if gap == coverage.NO_GAP or time.monotonic() > until:
                return gap
            await self.territory.changed(LOOK_S)

    def streams(self, question: Question) -> list[Stream]:
        """The same, piece by piece."""
        ways = [(name, way) for name in sorted(self.territory.peers) if (way := self.way_to(name)) is not None]
        return [Stream(name, way, question, self.territory.name) for name, way in ways]

    async def _ask(self, name: str, question: Question) -> Told:
        way = self.way_to(name)
        return Told(name, 0, b"") if way is None else await ask(name, way, question, self.territory.name)

    async def _ask_owner(self, name: str, one_id: str) -> Any:
        """What another node says of an id; None where it says nothing."""
        token, way = self._host.options.control_token, self.way_to(name)
        headers = [(b"host", urlsplit(way.url).netloc.encode())] if way is not None else []
        headers += [(b"authorization", b"Bearer " + token.encode())] if token else []
        told = await self._ask(name, Question("GET", b"/_mock/owners/" + quote(one_id, safe="").encode(), headers))
        return msgspec.json.decode(told.body) if told.status == 200 else None

    # --- scenarios of the server

    async def read_commons(self) -> None:
        """Put in force here what is in force everywhere. Raises AwayError."""
        lines = await self._shared.commons.all()
        self._host.node.commons.become(sorted(map(_scenario, lines), key=lambda one: one.edition))

    async def put_in_force(self, names: Iterable[str]) -> None:
        """Let every node have these scenarios, as they are in force here. Raises AwayError."""
        for scenario in self._host.node.commons.scenarios:
            if scenario.name in names:
                await self._shared.commons.put(scenario.name, msgspec.json.encode(scenario))

    async def put_out_of_force(self, name: str | None) -> None:
        """Let no node have this scenario; None: any. Raises AwayError."""
        await self._shared.commons.remove(name)

    # --- told

    @property
    def public_urls(self) -> Iterable[str]:
        """Where the links of other nodes lead, as far as they were ever heard of."""
        self._public_urls |= {told["public_url"] for told in self.territory.peers.values()}
        return self._public_urls

    def health(self) -> dict[str, Any]:
        """See the schema Node of control.yaml."""
        territory = self.territory
        return {
            "name": territory.name,
            **self._told(),
            "owned": len(territory.ready),
            "lag_ms": round(territory.lag_ms, 1),
            "is_sure": territory.is_sure,
            "passed_on": self.passed_on,
            "warnings": self._shared.warnings,
            "peers": [{"name": name, **told} for name, told in sorted(territory.peers.items())],
        }

    def _told(self) -> dict[str, Any]:
        """What this node says of itself to the others, with each beat."""
        options = self._host.options
        return {
            "url": options.node_url or self._host.public_url,
            "public_url": self._host.public_url,
            "version": __version__,
            "started_ms": self._started_ms,
            "slots": self.territory.held,
            "worlds": len(self._host.node.worlds),
        }


def _scenario(line: bytes) -> Scenario:
    return msgspec.json.decode(line, type=Scenario)
