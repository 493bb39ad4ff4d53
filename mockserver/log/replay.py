"""The replay file: a log as JSON lines. A header, a snapshot where the log was folded, then the commands."""

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from mockserver.log import Log
from mockserver.simulation import command, snapshot
from mockserver.simulation.world import Settings, World

FORMAT = 1
_SNAPSHOT_MARK = b'{"snapshot":'


class Header(Struct, frozen=True, kw_only=True, tag_field="replay", tag=FORMAT):
    """The first line: what the world was born with and what its answers were shaped by."""

    version: str
    settings: Settings
    started_ms: int
    profile: str = "documented"
    public_url: str = ""


class ReplayError(Exception):
    """A replay file can't be read; says which line and why."""


def write(header: Header, log: Log) -> Iterator[bytes]:
    """The replay file of a log, line by line, each with its newline."""
    yield msgspec.json.encode(header) + b"\n"
    for line in log.lines():
        yield line + b"\n"


def read_header(lines: Iterator[bytes]) -> Header:
    try:
        return msgspec.json.decode(next(lines, b""), type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReplayError(f"line 1 is no header of a replay file: {error}") from error


def fold(
    world: World, lines: Iterable[bytes], on_command: Callable[[World, command.Command], None] | None = None
) -> World:
    """The world that these lines make out of an empty one. `on_command` sees each command before it acts.

    Raises ReplayError with the number of the line that is neither snapshot nor command.
    """
    restorer: snapshot.Restorer | None = None
    for number, line in enumerate(lines, start=1):
        try:
            if line.startswith(_SNAPSHOT_MARK):
                restorer = restorer or snapshot.Restorer()
                restorer.take(line)
                world = restorer.world
                continue
            one = command.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
            raise ReplayError(f"line {number} of the log is neither snapshot nor command: {error}") from error
        if number == 1:
            world.now_ms = min(world.now_ms, one.at_ms)  # born before its log, however late it is made again
        if on_command:
            on_command(world, one)
        world.apply(one)
    return world
