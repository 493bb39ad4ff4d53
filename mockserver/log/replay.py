"""The replay file: logs as JSON lines. For each world a header, a snapshot where its log was folded, its commands."""

import codecs
from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from mockserver.log.codec import Codec, Share
from mockserver.log.legacy import Legacy, OldSettings
from mockserver.simulation import snapshot
from mockserver.simulation.command import Command
from mockserver.simulation.task import Terms
from mockserver.simulation.world import Settings, World

HEADER_MARK, SNAPSHOT_MARK = b'{"replay":', b'{"snapshot":'
"""How the lines begin that are no commands."""
OnCommand = Callable[[World, Command], None]


class Header(Struct, frozen=True, kw_only=True, tag_field="replay", tag=2):
    """The first line of a world: what it was born with and what its answers were shaped by."""

    version: str
    settings: Settings
    started_ms: int
    profile: str = "documented"
    public_url: str = ""


class OldHeader(Struct, frozen=True, kw_only=True, tag_field="replay", tag=1):
    """The first line of a file from the time when all keys had one world."""

    version: str
    settings: OldSettings
    started_ms: int
    profile: str = "documented"
    public_url: str = ""


class ReplayError(Exception):
    """A replay file can't be read; says which line and why."""


class Shared:
    """Equal terms are one object, whoever reads or makes them; past the bound it begins anew."""

    def __init__(self, limit: int = 10_000) -> None:
        self._known: dict[Terms, Terms] = {}
        self._limit = limit

    def __call__(self, terms: Terms) -> Terms:
        if len(self._known) >= self._limit:
            self._known.clear()
        return self._known.setdefault(terms, terms)


class Fold:
    """Makes a world out of the lines of its log, one by one. Its codec goes on where the lines end."""

    def __init__(self, born: World, share: Share) -> None:
        self.world = born
        self.codec = Codec(share)
        self._share = share
        self._restorer: snapshot.Restorer | None = None

    def take(self, line: bytes, on_command: OnCommand | None = None) -> None:
        """Raises ReplayError for a line that is neither snapshot nor command, or that no world can have written."""
        try:
            if line.startswith(SNAPSHOT_MARK):
                self._restorer = self._restorer or snapshot.Restorer(self._share)
                self._restorer.take(line)
                self.world = self._restorer.world
                return
            command = self.codec.decode(line)
        except KeyError as error:
            raise ReplayError(f"neither snapshot nor command: no line before it has told of {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ReplayError(f"neither snapshot nor command: {error}") from error
        if command is not None:
            if on_command:
                on_command(self.world, command)
            self._apply(command)

    def _apply(self, command: Command) -> None:
        """What no world of ours has written may break every rule of one."""
        try:
            self.world.apply(command, tell=False)
        except Exception as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise ReplayError(f"a command that can't be carried out ({what})") from error


class Replayed(Struct, frozen=True):
    """A world out of a replay file, with the header that it stood under."""

    header: Header | OldHeader
    world: World


def write_header(header: Header) -> bytes:
    """The line that begins a world's part of a replay file; the lines of its log follow."""
    return msgspec.json.encode(header) + b"\n"


def read(lines: Iterable[bytes], on_command: OnCommand | None = None) -> Iterator[Replayed]:
    """Every world of a file as its last line leaves it. `on_command` sees each command before it acts.

    Raises ReplayError with the number of the line that can't be read.
    """
    share, header = Shared(), None
    fold: Fold | Legacy | None = None
    for number, line in enumerate(unmarked(lines), start=1):
        try:
            if line.startswith(HEADER_MARK):
                yield from _whole(header, fold)
                header = msgspec.json.decode(line, type=Header | OldHeader)
                fold = _begun(header, share)
            elif fold is None:
                raise ReplayError("no header of a replay file")
            elif line:
                fold.take(line, on_command)
        except (msgspec.DecodeError, UnicodeDecodeError, ReplayError) as error:
            raise ReplayError(f"line {number}: {error}") from error
    if fold is None:
        raise ReplayError("line 1: no header of a replay file")
    yield from _whole(header, fold)


def unmarked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Some editors put a mark before the first."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(codecs.BOM_UTF8)


def _begun(header: Header | OldHeader, share: Share) -> "Fold | Legacy":
    if isinstance(header, OldHeader):
        return Legacy(header.settings, header.started_ms)
    return Fold(World(header.settings, header.started_ms), share)


def _whole(header: Header | OldHeader | None, fold: "Fold | Legacy | None") -> Iterator[Replayed]:
    if header is not None and fold is not None:
        worlds = fold.worlds() if isinstance(fold, Legacy) else [fold.world]
        yield from (Replayed(header, world) for world in worlds)
