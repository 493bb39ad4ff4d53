"""What all nodes share beside the worlds: the scenarios of the server, with a version that each beat tells."""

from typing import Any

from mockserver.log.redis.address import Address
from mockserver.log.redis.lease import Lease

_VERSION = "commons-version"


class Commons:
    """Things by name, as lines of JSON. Each call may raise AwayError."""

    def __init__(self, address: Address, lease: Lease) -> None:
        self._key, self._version, self._lease = address.key("commons"), address.key(_VERSION), lease

    async def all(self) -> list[bytes]:
        told: list[Any] = await self._lease.ask("HVALS", self._key)
        return told

    async def put(self, name: str, line: bytes) -> None:
        await self._lease.ask("HSET", self._key, name, line)
        await self._lease.ask("INCR", self._version)

    async def remove(self, name: str | None) -> None:
        """One, or all of them."""
        if name is None:
            await self._lease.ask("DEL", self._key)
        else:
            await self._lease.ask("HDEL", self._key, name)
        await self._lease.ask("INCR", self._version)
