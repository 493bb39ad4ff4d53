"""The log in Redis: kept in one step, refused where the writer is not the owner any more, whole after anything."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mockserver.log import FEW_COMMANDS, AbsentError, AwayError, LogError, MovedError
from mockserver.log.codec import Codec
from mockserver.log.ownership import SupersededError
from mockserver.log.redis.address import ANSWER_S, Address
from mockserver.log.redis.lease import Lease
from mockserver.log.redis.log import RedisLog
from mockserver.log.slot import SLOTS, slot_of
from mockserver.simulation import snapshot
from mockserver.simulation.command import Command
from tests.logs import BIRTH, born, folded, is_snapshot
from tests.nodes import RedisServer, needs_redis, redis_server
from tests.orders import ALICE, BOB, START_MS, busy_commands, dumped, submit

pytestmark = needs_redis
_PREFIXES = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def place(server: RedisServer) -> Address:
    return Address.of(f"{server.url}?prefix=test-{next(_PREFIXES)}")


class Owner:
    """One process that writes: with a lease, a log, and worlds in it."""

    def __init__(self, place: Address, name: str = "n", lease_s: float = 30, answer_s: float = 20) -> None:
        self.client = place.client(answer_s)
        self.lease = Lease(place, self.client, name, lease_s, answer_s)
        self.log = RedisLog(place, self.client, self.lease, answer_s)
        self.worlds: dict[str, Any] = {}

    async def beat(self) -> None:
        """What a node does with each: learn which slots are its own, and take those of nobody."""
        for _ in range(2):
            told = await self.lease.beat({})
            ours = {slot: proof for slot, proof in told.changed.items() if proof and self.owns(proof)}
            for slot in told.changed:
                self.lease.held.pop(slot, None)
            self.lease.held.update(ours)
            await self.lease.take(range(SLOTS))

    def owns(self, proof: bytes) -> bool:
        return proof.startswith(self.lease.name.encode() + b" ")

    def open(self, name: str = ALICE) -> None:
        self.worlds[name] = born(name), Codec()
        self.log.begin(name, BIRTH)

    def do(self, *commands: Command, name: str = ALICE) -> None:
        world, codec = self.worlds[name]
        for command in commands:
            self.log.append(name, codec.encode(command))
            world.apply(command, tell=False)

    async def load(self, name: str = ALICE) -> list[bytes]:
        """The world as the log has it; from now on it is written here."""
        fold = folded([line async for line in self.log.lines(name)], name)
        self.worlds[name] = fold.world, fold.codec
        return dumped(fold.world)

    async def fold(self, name: str = ALICE) -> None:
        world, _ = self.worlds[name]
        async for _ in self.log.fold(name, snapshot.dump(world)):
            """Nobody comes in between."""
        self.worlds[name] = world, Codec()

    def dumped(self, name: str = ALICE) -> list[bytes]:
        return dumped(self.worlds[name][0])


@asynccontextmanager
async def owner(place: Address, name: str = "n", lease_s: float = 30, answer_s: float = 20) -> AsyncIterator[Owner]:
    made = Owner(place, name, lease_s, answer_s)
    try:
        await made.beat()
        yield made
    finally:
        await made.lease.close()
        await made.log.leave()


def run(place: Address, story: Callable[[Owner], Awaitable[None]], answer_s: float = 20) -> None:
    """The bound on answers is no matter of most tests, and a busy machine may take longer."""

    async def told() -> None:
        async with owner(place, answer_s=answer_s) as one:
            await story(one)

    asyncio.run(told())


def test_worlds_are_the_same_for_whoever_reads_them(place: Address) -> None:
    async def story(one: Owner) -> None:
        for name in (ALICE, BOB):
            one.open(name)
        for number, command in enumerate(busy_commands(300)):
            one.do(command)
            if number % 3 == 0:
                one.do(submit(command.at_ms), name=BOB)
            if number % 7 == 0:
                assert await one.log.send() == frozenset()
        await one.log.send()
        async with owner(place) as again:
            assert [await again.load(name) for name in (ALICE, BOB)] == [one.dumped(name) for name in (ALICE, BOB)]
            assert await again.log.birth(ALICE) == BIRTH

    run(place, story)


def test_a_long_log_is_folded_and_goes_on(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        for command in busy_commands(FEW_COMMANDS * 3):
            one.do(command)
            if one.log.is_long(ALICE, len(one.worlds[ALICE][0].tasks)):
                await one.log.send()
                await one.fold()
        await one.log.send()
        lines = [line async for line in one.log.history(ALICE)]
        assert is_snapshot(lines[0])
        assert sum(not is_snapshot(line) for line in lines) < FEW_COMMANDS * 2
        expected = one.dumped()
        assert await one.load() == expected

    run(place, story)


def test_what_was_not_sent_never_was(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(submit())
        await one.log.send()
        expected = one.dumped()
        one.do(submit())
        one.open(BOB)
        async with owner(place) as again:
            assert await again.load() == expected
            with pytest.raises(AbsentError):
                await again.load(BOB)

    run(place, story)


def test_whoever_lost_a_slot_writes_nothing_of_it_and_all_of_the_others(place: Address) -> None:
    async def story(one: Owner) -> None:
        for name in (ALICE, BOB):
            one.open(name)
        await one.log.send()
        before = one.dumped()
        one.lease.held[slot_of(ALICE)] = b"n 0"
        for name in (ALICE, BOB):
            one.do(submit(), name=name)
        assert await one.log.send() == {slot_of(ALICE)}
        expected = one.dumped(BOB)
        assert await one.load(ALICE) == before
        assert await one.load(BOB) == expected

    run(place, story)


def test_whoever_slept_through_its_lease_writes_nothing(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(submit())
        await one.log.send()
        async with owner(place, "other", 0.6) as sleeper:
            assert not sleeper.lease.held
            await one.lease.give(dict.fromkeys(list(one.lease.held), "other"))
            await sleeper.beat()
            await sleeper.load()
            assert sleeper.lease.is_valid
            while sleeper.lease.is_valid:
                await asyncio.sleep(0.01)
            await one.beat()
            before = await one.load()
            sleeper.do(submit())
            assert await sleeper.log.send() == {slot_of(ALICE)}
            assert not sleeper.lease.is_valid
            assert await one.load() == before

    run(place, story)


def test_a_fold_of_a_slot_that_was_lost_changes_nothing(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(*busy_commands(30))
        await one.log.send()
        expected = one.dumped()
        one.lease.held[slot_of(ALICE)] = b"n 0"
        with pytest.raises(MovedError):
            await one.fold()
        assert await one.load() == expected

    run(place, story)


def test_a_writer_that_missed_a_line_is_refused(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(submit())
        await one.log.send()
        await one.lease.ask(
            "RPUSH", place.key("line", ALICE), b'{"command":"submit","at_ms":%d,"terms":0}' % START_MS
        )
        one.do(submit())
        assert await one.log.send() == {slot_of(ALICE)}
        await one.load()
        assert len(one.worlds[ALICE][0].tasks) == 2
        one.do(submit())
        assert await one.log.send() == frozenset()

    run(place, story)


def test_the_same_name_started_again_takes_over_at_once_and_the_one_before_is_done(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        await one.log.send()
        async with owner(place) as again:
            assert len(again.lease.held) == SLOTS
            one.do(submit())
            assert await one.log.send() == {slot_of(ALICE)}
            with pytest.raises(SupersededError):
                await one.lease.beat({})

    run(place, story)


def test_what_is_dropped_is_gone_and_may_begin_anew_in_the_same_breath(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(*busy_commands(40))
        await one.log.send()
        await one.fold()
        one.log.drop(ALICE)
        one.open()
        one.do(submit())
        await one.log.send()
        expected = one.dumped()
        one.do(submit())
        one.log.rest(ALICE, 7)
        await one.log.send()
        assert await one.lease.index([slot_of(ALICE)]) == [(slot_of(ALICE), ALICE, 7)]
        assert await one.load() == one.dumped() != expected
        one.log.drop(ALICE)
        await one.log.send()
        assert await one.lease.index([slot_of(ALICE)]) == []
        with pytest.raises(AbsentError):
            await one.load()

    run(place, story)


def test_a_world_that_rested_and_is_written_again_is_not_due_any_more(place: Address) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.log.rest(ALICE, None)
        await one.log.send()
        assert await one.lease.index([slot_of(ALICE)]) == [(slot_of(ALICE), ALICE, None)]
        await one.load()
        one.do(submit())
        await one.log.send()
        assert await one.lease.index([slot_of(ALICE)]) == [(slot_of(ALICE), ALICE, 0)]

    run(place, story)


def test_a_redis_that_does_not_answer_is_told_within_a_second_and_what_comes_late_is_refused(
    server: RedisServer, place: Address
) -> None:
    async def story(one: Owner) -> None:
        one.open()
        one.do(submit())
        await one.log.send()
        expected, loop = one.dumped(), asyncio.get_running_loop()
        server.send(signal.SIGSTOP)
        try:
            one.do(submit())
            began = loop.time()
            with pytest.raises(AwayError):
                await one.log.send()
            assert loop.time() - began < 1
            with pytest.raises(AwayError):
                one.log.check()
            assert not one.log.has_changes
        finally:
            server.send(signal.SIGCONT)
        with pytest.raises(AwayError):
            one.log.check()
        session = one.lease.session
        await one.beat()
        one.log.check()
        assert one.lease.session != session
        again = await one.load()
        assert again in (expected, one.dumped())
        one.do(submit())
        assert await one.log.send() == frozenset()

    run(place, story, ANSWER_S)


def test_a_url_says_where_and_never_shows_its_password() -> None:
    told = Address.of("rediss://me:secret@redis.example:6380/3?prefix=team-a&ssl_cert_reqs=none")
    assert (told.prefix, told.shown) == ("team-a", "rediss://me:***@redis.example:6380/3")
    assert "prefix" not in told.url
    assert told.key("slots") == "{team-a}:slots"
    assert told.client().connection_pool.connection_kwargs["password"] == "secret"


@pytest.mark.parametrize(
    "written",
    [
        "redis+sentinel://me:secret@one:26379,two/service/2",
        "redis+cluster://me:secret@one:7000,two:7001",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_other_ways_to_a_redis_are_understood(written: str) -> None:
    address = Address.of(written)
    assert address.client() is not None
    assert "secret" not in address.shown


def test_the_prefix_is_one_that_keys_can_have() -> None:
    with pytest.raises(LogError, match="prefix: received"):
        Address.of("redis://127.0.0.1/0?prefix={x}")
