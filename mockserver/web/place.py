"""Where the commands are kept, as `--log` says it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mockserver.log import FarLog, Log, LogError
from mockserver.log.memory import MemoryLog
from mockserver.simulation.clock import Mode
from mockserver.simulation.world import Settings
from mockserver.web.options import Options

if TYPE_CHECKING:
    from mockserver.log.redis.start import Opened

_FAR = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


class Place(NamedTuple):
    """A log, and where several nodes may share it, what else there is to it."""

    log: "Log | FarLog"
    shared: "Opened | None" = None


def place_of(options: Options, settings: Settings) -> Place:
    """Raises LogError with what is wrong with the place."""
    kind, _, where = options.log.partition(":")
    if options.log == "memory":
        return Place(MemoryLog(options.bounds.log_bytes))
    birth = msgspec.json.encode({"seed": settings.seed, "credits_uc": settings.credits_uc})
    if kind == "sqlite" and where and where != ":memory:":
        from mockserver.log.sqlite import SqliteLog

        return Place(SqliteLog(Path(where), birth))
    if kind in _FAR and where:
        return _far(options, birth)
    raise LogError(f"received {options.log_shown!r}; allowed: memory, sqlite:PATH, redis://HOST:PORT/DB")


def _far(options: Options, birth: bytes) -> Place:
    if options.clock is not Mode.REAL or options.speed != 1:
        raise LogError("the server's clock is real time there, since several nodes share it; a key may have another")
    try:
        from mockserver.log.redis.start import opened
    except ImportError as error:
        raise LogError("it needs the extra `redis`: pip install 'evolink-mock[redis]'") from error
    shared = opened(options.log, options.node_name or "node", birth)
    return Place(shared.log, shared)
