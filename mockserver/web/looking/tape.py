"""A replay file to go to and fro in: each of its worlds as it was after any of its commands."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import structs

from mockserver.log.codec import Codec
from mockserver.log.replay import HEADER_MARK, SNAPSHOT_MARK, Header, ReplayError, unmarked
from mockserver.simulation import snapshot
from mockserver.simulation.command import Command, Submit
from mockserver.simulation.world import World

_OLD_MARK = HEADER_MARK + b"1"
_header = msgspec.json.Decoder(Header).decode


class Track:
    """One world of the file. Forward it goes command by command; back means once more from where it begins."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._codec = Codec()
        self._snapshot: list[bytes] = []
        self.commands: list[Command] = []
        self._world, self._position = World(header.settings, header.started_ms), 0

    @property
    def name(self) -> str:
        return self._header.settings.name

    def take(self, line: bytes) -> None:
        """Raises ReplayError, or what decoding raises, for a line that is neither snapshot nor command."""
        if line.startswith(SNAPSHOT_MARK):
            if self.commands:
                raise ReplayError("a snapshot after commands")
            self._snapshot.append(line)
            return
        command = self._codec.decode(line)
        if command is not None:
            self.commands.append(command)

    def begin(self) -> None:
        """Make the world as it was before the first command that the file has."""
        self._position = 0
        if not self._snapshot:
            self._world = World(self._header.settings, self._header.started_ms)
            return
        restorer = snapshot.Restorer()
        for line in self._snapshot:
            restorer.take(line)
        self._world = restorer.world

    def at(self, position: int) -> World:
        """The world after so many commands."""
        if position < self._position:
            self.begin()
        for command in self.commands[self._position : position]:
            self._world.apply(command, tell=False)
        self._position = min(position, len(self.commands))
        return self._world


def read(lines: Iterable[bytes]) -> list[Track]:
    """The worlds of a file, but for the server's own. Raises ReplayError with the line that can't be read."""
    tracks: list[Track] = []
    for number, line in enumerate(unmarked(lines), start=1):
        try:
            _take(tracks, line)
        except KeyError as error:
            raise ReplayError(f"line {number}: no line before it has told of {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, ReplayError) as error:
            raise ReplayError(f"line {number}: {error}") from error
    if not tracks:
        raise ReplayError("line 1: no header of a replay file")
    for track in tracks:
        _checked(track.begin, track)
    return [one for one in tracks if one.name]


def _take(tracks: list[Track], line: bytes) -> None:
    if line.startswith(_OLD_MARK):
        raise ReplayError("this file is of an older version; `mockserver replay FILE` reads it")
    if line.startswith(HEADER_MARK):
        tracks.append(Track(_header(line)))
    elif not tracks:
        raise ReplayError("no header of a replay file")
    elif line:
        tracks[-1].take(line)


def _checked(begin: Callable[[], None], track: Track) -> None:
    try:
        begin()
    except KeyError as error:
        raise ReplayError(f"the snapshot of {track.name}: no line of it has told of {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReplayError(f"the snapshot of {track.name}: {error}") from error


def told(commands: list[Command], first: int) -> Iterator[dict[str, Any]]:
    """Commands with their numbers, counted from 1, as the log has them; of a submission's terms only the model."""
    for number, command in enumerate(commands, start=first + 1):
        record = {"number": number, "command": command.__struct_config__.tag, **structs.asdict(command)}
        if isinstance(command, Submit):
            record["terms"] = {"model": command.terms.model}
        yield {name: value for name, value in record.items() if value is not None and value is not msgspec.UNSET}
