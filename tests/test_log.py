"""Logs: what they give back makes the same world again, and what they keep is bounded."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mockserver.log import Log
from mockserver.log.memory import MemoryLog
from mockserver.log.replay import Header, ReplayError, fold, read_header, write
from mockserver.log.sqlite import OtherBirthError, SqliteLog
from mockserver.simulation import command as commands
from mockserver.simulation import ledger, snapshot, tenant
from mockserver.simulation.command import Command, Pass
from mockserver.simulation.world import Settings, World
from tests.orders import ALICE, START_MS, URL, WORK_MS, accepted, busy_commands, dumped, new_world, submit

SMALL = Settings(seed=5, tasks_limit=20)
BIRTH = b'{"seed":5}'
LIMIT_BYTES = 4_000


def small_world(now_ms: int = START_MS) -> World:
    return World(SMALL, now_ms)


def carry_out(world: World, log: Log, command: Command) -> None:
    """As a node does: into the log, into the world, and fold where the log wants it."""
    log.append(commands.encode(command))
    world.apply(command)
    if log.wants_snapshot:
        log.fold(snapshot.dump(world))


def run(log: Log, count: int) -> World:
    world = small_world()
    for command in busy_commands(count):
        carry_out(world, log, command)
    return world


def kept_bytes(log: MemoryLog) -> int:
    """All that a log in memory holds, compressed or not yet."""
    packed = [*log._snapshots, *log._commands]
    return sum(len(line) for one in packed for line in (*one._chunks, *one._open))


# --- in memory


def test_a_log_gives_back_its_commands_in_order() -> None:
    log = MemoryLog()
    lines = [commands.encode(command) for command in busy_commands(1_500)]
    for line in lines:
        log.append(line)
    assert list(log.lines()) == lines


@pytest.mark.parametrize("count", [0, 1, 500, 1_000, 3_000])
def test_what_a_log_gives_back_makes_the_same_world(count: int) -> None:
    log = MemoryLog(LIMIT_BYTES)
    assert dumped(fold(small_world(), log.lines())) == dumped(small_world())
    world = run(log, count)
    assert dumped(fold(small_world(), log.lines())) == dumped(world)


def test_a_log_stays_bounded_and_true_over_20_000_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "HISTORY_LIMIT", 100)
    monkeypatch.setattr(tenant, "IDEMPOTENCY_KEYS_LIMIT", 100)
    log, world = MemoryLog(LIMIT_BYTES), small_world()
    sizes, folds = [], 0
    for number, command in enumerate(busy_commands(20_000)):
        carry_out(world, log, command)
        if number % 1_000 == 999:
            sizes.append(kept_bytes(log))
            folds += next(log.lines()).startswith(b'{"snapshot":')
            assert dumped(fold(small_world(), log.lines())) == dumped(world)
    assert folds > 10
    assert max(sizes[5:]) < 1.2 * max(sizes[:5]) < 1_000_000


def test_a_folded_log_begins_with_a_snapshot_and_keeps_a_segment_of_history() -> None:
    log = MemoryLog(LIMIT_BYTES)
    run(log, 10_000)
    marks = [line.startswith(b'{"snapshot":') for line in log.lines()]
    assert marks == sorted(marks, reverse=True)
    assert marks.count(True) > 1
    assert marks.count(False) > 500


def test_a_log_that_is_read_while_it_grows_and_folds_is_the_log_as_it_stood() -> None:
    log = MemoryLog(LIMIT_BYTES)
    world = run(log, 3_000)
    expected = dumped(world)
    lines = log.lines()
    read = list(islice(lines, 3))
    for after_ms in range(3_000):
        carry_out(world, log, Pass(at_ms=world.now_ms + after_ms % 2))
    assert dumped(fold(small_world(), [*read, *lines])) == expected


def test_a_snapshot_is_kept_compressed() -> None:
    world, log = small_world(), MemoryLog()
    for command in busy_commands(2_000):
        world.apply(command)
    log.fold(snapshot.dump(world))
    log.fold(snapshot.dump(world))
    assert kept_bytes(log) < 2 * sum(map(len, dumped(world))) / 5


def test_a_cleared_log_is_empty() -> None:
    log = MemoryLog(LIMIT_BYTES)
    run(log, 3_000)
    log.clear()
    assert (list(log.lines()), log.wants_snapshot, kept_bytes(log)) == ([], False, 0)


# --- in SQLite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def open_log(path: Path) -> Iterator[Any]:
    """Opens the log, and closes it after the test."""
    opened: list[SqliteLog] = []

    def open_it(birth: bytes = BIRTH) -> SqliteLog:
        opened.append(SqliteLog(path, birth))
        return opened[-1]

    yield open_it
    for log in opened:
        log.close()


def test_a_log_in_a_file_makes_the_same_world_after_it_is_opened_again(open_log: Any) -> None:
    log = open_log()
    world = run(log, 2_500)
    log.close()
    assert dumped(fold(small_world(), open_log().lines())) == dumped(world)


def test_a_log_in_a_file_goes_on_where_it_was(open_log: Any) -> None:
    history = list(busy_commands(200))
    expected = small_world()
    for start in range(0, 200, 50):
        log = open_log()
        world = fold(small_world(), log.lines())
        for command in history[start : start + 50]:
            expected.apply(command)
            carry_out(world, log, command)
        log.close()
        assert dumped(world) == dumped(expected)


def test_callbacks_under_way_survive(open_log: Any) -> None:
    log, world = open_log(), small_world()
    for command in (submit(callback_url=URL), Pass(at_ms=START_MS + WORK_MS)):
        carry_out(world, log, command)
    log.close()
    again = fold(small_world(), open_log().lines())
    assert again.unreported() == world.unreported() != []


def test_a_file_is_held_by_one_server_at_a_time(open_log: Any) -> None:
    log = open_log()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_log()
    log.append(b"{}")
    assert list(log.lines()) == [b"{}"]


def test_a_file_that_began_otherwise_is_refused(open_log: Any) -> None:
    open_log().close()
    with pytest.raises(OtherBirthError, match="seed"):
        open_log(b'{"seed":6}')
    assert list(open_log().lines()) == []


def test_a_file_that_is_no_database_is_refused(path: Path, open_log: Any) -> None:
    path.write_bytes(b"something else entirely, and long enough to be looked at " * 50)
    with pytest.raises(sqlite3.DatabaseError):
        open_log()


def test_a_cleared_file_is_empty_and_stays_so(open_log: Any) -> None:
    log = open_log()
    run(log, 10)
    log.clear()
    assert list(log.lines()) == []
    log.close()
    assert list(open_log().lines()) == []


def test_a_file_is_never_folded(open_log: Any) -> None:
    log = open_log()
    assert not log.wants_snapshot
    with pytest.raises(NotImplementedError):
        log.fold(iter(()))


# --- making a world again


def test_a_log_read_back_late_makes_the_same_world_as_when_it_was_written() -> None:
    log = MemoryLog()
    world = run(log, 100)
    assert dumped(fold(small_world(START_MS + 10**9), log.lines())) == dumped(world)


def test_whoever_watches_sees_each_command_before_it_acts() -> None:
    log = MemoryLog()
    run(log, 5)
    seen: list[tuple[int, Command]] = []
    fold(small_world(), log.lines(), lambda world, one: seen.append((world.now_ms, one)))
    assert [one for _, one in seen] == list(busy_commands(5))
    assert all(now_ms < one.at_ms for now_ms, one in seen)


# --- the replay file

HEADER = Header(version="1.2.3", settings=SMALL, started_ms=START_MS, profile="observed", public_url="http://x")


@pytest.mark.parametrize("limit_bytes", [10**9, LIMIT_BYTES], ids=["whole", "folded"])
def test_a_replay_file_makes_the_same_world(limit_bytes: int) -> None:
    log = MemoryLog(limit_bytes)
    world = run(log, 3_000)
    lines = b"".join(write(HEADER, log)).splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    rest = iter(lines)
    header = read_header(rest)
    assert header == HEADER
    assert dumped(fold(World(header.settings, header.started_ms), rest)) == dumped(world)


OTHER_FORMAT = b'{"replay":2,"version":"1","settings":{},"started_ms":0}'
NO_HEADERS = [b"", b"\n", b"{}", b"?", OTHER_FORMAT, b'{"replay":1}', b'{"replay":1,"version":"\xff"}']


@pytest.mark.parametrize("line", NO_HEADERS)
def test_a_file_without_a_header_is_no_replay_file(line: bytes) -> None:
    with pytest.raises(ReplayError, match="line 1"):
        read_header(iter([line]))


def test_an_empty_file_is_no_replay_file() -> None:
    with pytest.raises(ReplayError, match="line 1"):
        read_header(iter(()))


def orphan() -> bytes:
    """A task of a tenant that the snapshot does not hold."""
    world = new_world()
    accepted(world, submit())
    task = next(line for line in dumped(world) if line.startswith(b'{"snapshot":"task"'))
    return task.replace(ALICE.encode(), b"nobody")


DAMAGED = {
    "cut off": commands.encode(submit())[:-10],
    "not JSON": b"?",
    "not UTF-8": commands.encode(submit(tenant="????")).replace(b"????", b"\xff\xff"),
    "no command": b'{"at_ms":1}',
    "unknown command": b'{"command":"dance","at_ms":1}',
    "missing field": b'{"command":"submit","at_ms":1}',
    "wrong type": b'{"command":"pass","at_ms":"noon"}',
    "starts a task": b'{"command":"steer","at_ms":1,"task_id":"t","event":"start"}',
    "damaged snapshot": b'{"snapshot":"moment"}',
    "snapshot of an unknown thing": b'{"snapshot":"riddle"}',
    "task of an unknown tenant": orphan(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("number", [1, 3])
def test_a_damaged_line_is_told_by_its_number(damage: bytes, number: int) -> None:
    lines = [commands.encode(command) for command in busy_commands(5)]
    lines[number - 1] = damage
    with pytest.raises(ReplayError, match=rf"^line {number} "):
        fold(small_world(), lines)


def test_every_command_survives_its_line() -> None:
    for command in busy_commands(50):
        assert commands.decode(commands.encode(command)) == command
