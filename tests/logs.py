"""Worlds in a log, as a server keeps them."""

from collections.abc import Iterable, Iterator

from mockserver.log import Log
from mockserver.log.codec import Codec
from mockserver.log.replay import Fold, Shared
from mockserver.simulation import snapshot
from mockserver.simulation.command import Command
from mockserver.simulation.world import Settings, World
from tests.orders import ALICE, START_MS, dumped

BIRTH = b'{"seed":5}'


def born(name: str = ALICE) -> World:
    return World(Settings(name=name, seed=5, mark="abc", tasks_limit=50), START_MS)


class Kept:
    """A world in a log, as a server keeps it."""

    def __init__(self, log: Log, name: str = ALICE) -> None:
        self.log, self.name, self.world, self.codec = log, name, born(name), Codec()
        log.begin(name, BIRTH)

    @classmethod
    def again(cls, log: Log, name: str = ALICE) -> "Kept":
        """Out of what the log gives back."""
        kept = cls.__new__(cls)
        fold = folded(log.lines(name), name)
        kept.log, kept.name, kept.world, kept.codec = log, name, fold.world, fold.codec
        return kept

    def do(self, *given: Command) -> None:
        """Into the log, into the world."""
        for command in given:
            self.log.append(self.name, self.codec.encode(command))
            self.world.apply(command, tell=False)
        self.log.commit(0)

    def run(self, given: Iterable[Command]) -> "Kept":
        """The same, and fold wherever the log has grown long."""
        for command in given:
            self.do(command)
            size = len(self.world.tasks) + len(self.world.deliveries) + len(self.world.files)
            if self.log.is_long(self.name, size):
                self.fold()
        return self

    def fold(self) -> None:
        for _ in self.folding():
            """Nobody comes in between."""

    def folding(self) -> Iterator[None]:
        yield from self.log.fold(self.name, snapshot.dump(self.world))
        self.codec = Codec()

    @property
    def dumped(self) -> list[bytes]:
        return dumped(self.world)


def folded(lines: Iterable[bytes], name: str = ALICE) -> Fold:
    fold = Fold(born(name), Shared())
    for line in lines:
        fold.take(line)
    return fold


def dumped_again(log: Log, name: str = ALICE) -> list[bytes]:
    return dumped(folded(log.lines(name), name).world)


def is_snapshot(line: bytes) -> bool:
    return line.startswith(b'{"snapshot":')
