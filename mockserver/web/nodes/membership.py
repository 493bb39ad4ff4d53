"""This server as one of the nodes that share a log."""

import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from mockserver import __version__
from mockserver.log.slot import slot_of
from mockserver.runtime.node import Node
from mockserver.runtime.territory import Territory
from mockserver.web.http.request import Request
from mockserver.web.nodes.upstream import PASSED, Way
from mockserver.web.nodes.whose import slot_concerned
from mockserver.web.options import Options

if TYPE_CHECKING:
    from mockserver.log.redis.start import Opened

logger = logging.getLogger("mockserver")


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
        self._ways: dict[str, Way] = {}
        self.territory = Territory(host.node, shared.lease, self._told)
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
        by = request.fields.get(PASSED)
        territory.met(slot, None if by is None else by.decode("latin-1"))
        if by is not None:
            request.headers = [header for header in request.headers if header[0] != PASSED]
        return None

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

    # --- told

    def health(self) -> dict[str, Any]:
        """See the schema Node of control.yaml."""
        territory = self.territory
        return {
            "name": territory.name,
            **self._told(),
            "owned": len(territory.ready),
            "lag_ms": round(territory.lag_ms, 1),
            "is_sure": territory.is_sure,
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
