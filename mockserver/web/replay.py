"""A replay file made into a world again, and what there is to see in it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from mockserver.contract.behaviour import Profile
from mockserver.contract.document import load
from mockserver.contract.registry import Registry
from mockserver.data import data
from mockserver.log.replay import Header, fold, read_header
from mockserver.simulation import command, snapshot
from mockserver.simulation.world import World
from mockserver.web.body import TaskBodies
from mockserver.web.records import book_record, delivery_record

_encode = msgspec.json.Encoder(enc_hook=list).encode


class Replay:
    """The world of a replay file after its last command (or after the first `until`)."""

    def __init__(self, header: Header, world: World, commands: list[tuple[int, command.Command]]) -> None:
        self.header, self.world = header, world
        self._commands = commands

    @classmethod
    def of(cls, file: Path, *, until: int | None = None, profile: str | None = None) -> "Replay":
        """Read and replay. Raises ReplayError with the line that can't be read."""
        commands: list[tuple[int, command.Command]] = []
        with file.open("rb") as lines:
            header = read_header(lines)
            if profile is not None:
                header = msgspec.structs.replace(header, profile=profile)
            world = World(header.settings, header.started_ms)
            world = fold(world, _until(lines, until), lambda _, one: commands.append((len(commands) + 1, one)))
        return cls(header, world, commands)

    def summary(self) -> Iterator[bytes]:
        """In words."""
        world = self.world
        yield f"{len(self._commands)} commands, seed {world.settings.seed}, now {world.now_ms} ms".encode()
        yield f"{len(world.tenants)} tenants, {len(world.tasks)} tasks, {len(world.deliveries)} callbacks".encode()
        for tenant in world.tenants.values():
            user = tenant.book.user
            money = f"available {user.available}, reserved {user.reserved}, charged {user.charged} uc"
            yield f"{tenant.id}: {len(tenant.tasks)} tasks, {money}".encode()

    def commands(self) -> Iterator[bytes]:
        """Each command with its number."""
        return (b'{"number":%d,"command":%b}' % (number, command.encode(one)) for number, one in self._commands)

    def tasks(self) -> Iterator[bytes]:
        """The body of each task, byte for byte as a query answered it."""
        profile = Profile(self.header.profile)
        registry = Registry(load(data("openapi", "evolink.yaml")), profile)
        world, url = self.world, self.header.public_url
        bodies = TaskBodies(registry, lambda: url, lambda one: world.tenant(one).account.user_group)
        return (bodies.detail(task, world.now_ms) for task in world.tasks.values())

    def ledger(self) -> Iterator[bytes]:
        """Each tenant's balances and transfers."""
        return (_encode(book_record(tenant)) for tenant in self.world.tenants.values())

    def callbacks(self) -> Iterator[bytes]:
        """Each delivery with every attempt."""
        return (_encode(delivery_record(delivery)) for delivery in self.world.deliveries.values())

    def state(self) -> Iterator[bytes]:
        """All of the world."""
        return snapshot.dump(self.world)


def _until(lines: Iterator[bytes], commands: int | None) -> Iterator[bytes]:
    """The lines without their newlines: all of a snapshot, then so many commands."""
    stripped = (line.rstrip(b"\n") for line in lines)
    filled = (line for line in stripped if line)
    if commands is None:
        return filled
    return _limited(filled, commands)


def _limited(lines: Iterator[bytes], commands: int) -> Iterator[bytes]:
    for line in lines:
        if line.startswith(b'{"snapshot":'):
            yield line
        elif commands > 0:
            yield line
            yield from islice(lines, commands - 1)
            return
