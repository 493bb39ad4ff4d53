"""What a server does with its Redis before it starts: whether it is there, is ours, and keeps what it is given."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from mockserver.log import LogError
from mockserver.log.redis.address import Address
from mockserver.log.redis.commons import Commons
from mockserver.log.redis.lease import Lease
from mockserver.log.redis.log import RedisLog

_OLDEST = (6, 2)
_PATIENCE_S = 5.0
_HARDEST = {
    "appendonly": ("yes", "what was answered is gone when Redis ends"),
    "appendfsync": ("always", "a power cut of its machine may cost the last second"),
    "maxmemory-policy": ("noeviction", "Redis may throw logs away where memory is short"),
}
"""What each setting of Redis has to be, and what it means where it is not."""


class Opened(NamedTuple):
    """The log, the lease of this node, and what the operator should know of that Redis."""

    log: RedisLog
    lease: Lease
    commons: Commons
    warnings: list[str]


def opened(written: str, node: str, birth: bytes) -> Opened:
    """Raises LogError where Redis can't be reached, is too old, or holds logs that began otherwise."""
    address = Address.of(written)
    warnings = _apart(address, birth)
    client = address.client()
    lease = Lease(address, client, node)
    return Opened(RedisLog(address, client, lease), lease, Commons(address, lease), warnings)


def _apart(address: Address, birth: bytes) -> list[str]:
    """In a thread and a loop of its own: there may be one already, and it goes by other connections later."""
    outcome: list[list[str] | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(_examined(address, birth)))
        except BaseException as error:  # handed on to whoever waits
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (told,) = outcome
    if isinstance(told, BaseException):
        raise told
    return told


async def _examined(address: Address, birth: bytes) -> list[str]:
    client = address.client(_PATIENCE_S)
    try:
        version = (await _info(client)).get("redis_version", "0")
        if tuple(map(int, version.split(".")[:2])) < _OLDEST:
            raise LogError(f"{address.shown} is Redis {version}; needed: 6.2 or newer")
        key = address.key("birth")
        await client.set(key, birth, nx=True)
        known = await client.get(key)
        if known != birth:
            raise LogError(f"{address.shown} began with {known.decode()}, not with {birth.decode()}")
        return list(_warnings(await _settings(client)))
    except (RedisError, OSError) as error:
        raise LogError(f"{address.shown}: {error}") from error
    finally:
        await client.aclose()


async def _info(client: Any) -> dict[str, Any]:
    told: dict[str, Any] = await client.info("server")
    return told if "redis_version" in told else next(iter(told.values()))  # a Cluster tells of each of its nodes


async def _settings(client: Any) -> dict[str, str | None]:
    """Those that matter; None where Redis does not tell."""
    found: dict[str, str | None] = {}
    for name in _HARDEST:
        try:
            found[name] = (await client.config_get(name)).get(name)
        except RedisError:
            found[name] = None
    return found


def _warnings(settings: dict[str, str | None]) -> Iterator[str]:
    for name, (right, else_) in _HARDEST.items():
        value = settings[name]
        if isinstance(value, bytes):
            value = value.decode()
        if value is None:
            yield f"Redis does not tell its {name}; it has to be {right}, or {else_}"
        elif value != right:
            yield f"Redis has {name} {value}, not {right}: {else_}"
