"""A replay file made into worlds again, and what there is to see in them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mockserver.contract.behaviour import Profile
from mockserver.contract.document.document import load
from mockserver.contract.registry import Registry
from mockserver.data import data
from mockserver.log.replay import Replayed, read
from mockserver.simulation import command, snapshot
from mockserver.simulation.command import Command
from mockserver.web.api.body import TaskBodies
from mockserver.web.control.records import book_record, delivery_record

_encode = msgspec.json.Encoder(enc_hook=list).encode


class Replay:
    """The worlds of a replay file after their last command (or after the first `until` of the file)."""

    def __init__(self, replayed: list[Replayed], commands: list[tuple[str, Command]], profile: str | None) -> None:
        self._commands = commands
        first = replayed[0].header
        self._profile, self._public_url = Profile(profile or first.profile), first.public_url
        self.worlds = [one.world for one in replayed if one.world.name]
        """Those of keys: the server's own has nothing to show."""

    @classmethod
    def of(cls, file: Path, *, until: int | None = None, profile: str | None = None) -> "Replay":
        """Read and replay. Raises ReplayError with the line that can't be read."""
        commands: list[tuple[str, Command]] = []
        with file.open("rb") as lines:
            replayed = list(read(_until(lines, until), lambda world, one: commands.append((world.name, one))))
        return cls(replayed, commands, profile)

    def summary(self) -> Iterator[bytes]:
        """In words."""
        worlds = self.worlds
        tasks, deliveries = sum(len(one.tasks) for one in worlds), sum(len(one.deliveries) for one in worlds)
        yield f"{len(self._commands)} commands, {len(worlds)} keys, {tasks} tasks, {deliveries} callbacks".encode()
        for world in worlds:
            user = world.book.user
            money = f"available {user.available}, reserved {user.reserved}, charged {user.charged} uc"
            seed = f"seed {world.settings.seed}, now {world.now_ms} ms"
            yield f"{world.name}: {len(world.tasks)} tasks, {money}; {seed}".encode()

    def commands(self) -> Iterator[bytes]:
        """Each command with its number and its key."""
        for number, (name, one) in enumerate(self._commands, start=1):
            yield b'{"number":%d,"tenant":%b,"command":%b}' % (number, _encode(name), command.encode(one))

    def tasks(self) -> Iterator[bytes]:
        """The body of each task, byte for byte as a query answered it."""
        registry = Registry(load(data("openapi", "evolink.yaml")), self._profile)
        bodies = TaskBodies(registry, lambda: self._public_url)
        for world in self.worlds:
            group = world.account.user_group
            yield from (bodies.detail(task, world.now_ms, group) for task in world.tasks.values())

    def ledger(self) -> Iterator[bytes]:
        """Each key's balances and transfers."""
        return (_encode(book_record(world)) for world in self.worlds)

    def callbacks(self) -> Iterator[bytes]:
        """Each delivery with every attempt."""
        for world in self.worlds:
            yield from (_encode(delivery_record(world.name, one)) for one in world.deliveries.values())

    def state(self) -> Iterator[bytes]:
        """All of the worlds."""
        for world in self.worlds:
            yield from snapshot.dump(world)


def _until(lines: Iterator[bytes], commands: int | None) -> Iterator[bytes]:
    """The lines without their newlines: headers and snapshots, and so many commands."""
    filled = (line for line in (line.rstrip(b"\n") for line in lines) if line)
    if commands is None:
        yield from filled
        return
    for line in filled:
        if line.startswith((b'{"replay":', b'{"snapshot":', b'{"command":"terms"')):
            yield line
        elif commands > 0:
            commands -= 1
            yield line
