"""Logs: what they give back makes the same worlds again, and what they keep is bounded."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.log import Log, codec
from mockserver.log.codec import Codec
from mockserver.log.memory import MemoryLog
from mockserver.log.replay import Fold, Header, ReplayError, Shared, read, write_header
from mockserver.log.sqlite import SqliteLog
from mockserver.simulation import command as commands
from mockserver.simulation import ledger, limits
from mockserver.simulation.command import Command, Pass, Submit
from mockserver.simulation.scenario import Effect, Match
from tests.logs import BIRTH, Kept, born, dumped_again, folded, is_snapshot
from tests.orders import ALICE, BOB, CAROL, START_MS, accepted, busy_commands, dumped, new_world, submit, terms

LIMIT_BYTES = 4_000


def kept_bytes(log: MemoryLog) -> int:
    """All that a log in memory holds, compressed or not yet."""
    packed = [one for story in log._stories.values() for segment in story.segments for one in segment]
    return sum(len(one._open) + sum(map(len, one._chunks)) for one in packed)


# --- in memory


def test_a_log_gives_back_its_lines_in_order() -> None:
    log = MemoryLog()
    log.begin(ALICE, BIRTH)
    lines = [commands.encode(command) for command in busy_commands(1_500)]
    for line in lines:
        log.append(ALICE, [line])
    assert list(log.lines(ALICE)) == list(log.history(ALICE)) == lines


@pytest.mark.parametrize("count", [0, 1, 500, 1_000, 3_000])
def test_what_a_log_gives_back_makes_the_same_world(count: int) -> None:
    log = MemoryLog(LIMIT_BYTES)
    kept = Kept(log)
    assert dumped_again(log) == kept.dumped == dumped(born())
    kept.run(busy_commands(count))
    assert dumped_again(log) == kept.dumped
    assert dumped(folded(log.history(ALICE)).world) == kept.dumped


def test_a_log_stays_bounded_and_true_over_20_000_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "HISTORY_LIMIT", 100)
    monkeypatch.setattr(limits, "IDEMPOTENCY_KEYS_LIMIT", 100)
    log = MemoryLog(LIMIT_BYTES)
    kept, traffic = Kept(log), busy_commands()
    sizes, folds = [], 0
    for _ in range(20):
        kept.run(islice(traffic, 1_000))
        sizes.append(kept_bytes(log))
        folds += is_snapshot(next(log.lines(ALICE)))
        assert dumped_again(log) == kept.dumped
    assert folds > 10
    assert max(sizes[5:]) < 1.2 * max(sizes[:5]) < 1_000_000


def test_a_folded_log_begins_with_a_snapshot_and_keeps_a_segment_of_history() -> None:
    log = MemoryLog(LIMIT_BYTES)
    Kept(log).run(busy_commands(10_000))
    marks = [is_snapshot(line) for line in log.history(ALICE)]
    assert marks == sorted(marks, reverse=True)
    assert marks.count(True) > 1
    assert marks.count(False) >= 1_000
    assert [is_snapshot(line) for line in log.lines(ALICE)].count(False) < marks.count(False)


def test_a_log_that_is_read_while_it_grows_and_folds_is_the_log_as_it_stood() -> None:
    log = MemoryLog(LIMIT_BYTES)
    kept = Kept(log).run(busy_commands(3_000))
    expected, lines = kept.dumped, log.history(ALICE)
    begun = list(islice(lines, 3))
    kept.run(Pass(at_ms=kept.world.now_ms + after_ms) for after_ms in range(3_000))
    kept.fold()
    assert dumped(folded([*begun, *lines]).world) == expected


def test_a_snapshot_is_kept_compressed() -> None:
    log = MemoryLog()
    kept = Kept(log)
    for command in busy_commands(2_000):
        kept.world.apply(command)
    kept.fold()
    kept.fold()
    assert kept_bytes(log) < 2 * sum(map(len, kept.dumped)) / 5


def test_a_short_log_is_never_folded() -> None:
    log = MemoryLog(0)
    Kept(log).run(submit(START_MS + number, terms=terms(model="m" * number)) for number in range(999))
    assert not any(map(is_snapshot, log.history(ALICE)))


def test_each_world_has_an_equal_share_of_the_memory() -> None:
    """The same traffic is too much for one of eighty worlds, and not for one alone."""
    log = MemoryLog(1_000_000)
    kept = Kept(log)
    kept.do(*busy_commands(2_500))
    assert not log.is_long(ALICE, 0)
    for number in range(79):
        log.begin(f"{number}", BIRTH)
    assert log.is_long(ALICE, 0)


def test_a_log_in_memory_outlives_nothing() -> None:
    log = MemoryLog()
    Kept(log).do(submit())
    assert not log.durable
    assert list(log.names()) == []
    with pytest.raises(NotImplementedError):
        log.rest(ALICE, None)


# --- in memory or in a file


@pytest.fixture(params=["memory", "file"])
def any_log(request: Any, tmp_path: Path) -> Iterator[Log]:
    kind = request.param
    log: Log = MemoryLog(LIMIT_BYTES) if kind == "memory" else SqliteLog(tmp_path / "log.sqlite", BIRTH)
    yield log
    log.close()


def test_a_log_knows_what_its_worlds_were_born_with(any_log: Log) -> None:
    any_log.begin(ALICE, b"one")
    any_log.begin(BOB, b"other")
    any_log.commit(0)
    assert [any_log.birth(name) for name in (ALICE, BOB, CAROL)] == [b"one", b"other", None]


def test_worlds_are_apart(any_log: Log) -> None:
    kept = {name: Kept(any_log, name) for name in (ALICE, BOB, CAROL)}
    for number, command in enumerate(busy_commands(2_000)):
        kept[(ALICE, BOB, BOB, CAROL, CAROL, CAROL)[number % 6]].do(command)
    kept[BOB].fold()
    assert {name: dumped_again(any_log, name) for name in kept} == {name: one.dumped for name, one in kept.items()}
    alone = born(CAROL)
    for number, command in enumerate(busy_commands(2_000)):
        if number % 6 > 2:
            alone.apply(command)
    assert dumped_again(any_log, CAROL) == dumped(alone)


def test_a_dropped_world_is_gone_and_may_begin_anew(any_log: Log) -> None:
    first, other = Kept(any_log).run(busy_commands(2_500)), Kept(any_log, BOB)
    other.do(submit())
    first.fold()
    any_log.drop(ALICE)
    assert any_log.birth(ALICE) is None
    second = Kept(any_log)
    second.do(submit(START_MS + 5))
    for _ in any_log.sweep():
        """What the first one took."""
    assert dumped_again(any_log) == second.dumped != dumped(born())
    assert dumped_again(any_log, BOB) == other.dumped


def test_dropping_what_is_not_there_changes_nothing(any_log: Log) -> None:
    kept = Kept(any_log)
    kept.do(submit())
    any_log.drop(BOB)
    assert dumped_again(any_log) == kept.dumped


def test_while_a_world_is_folded_others_go_on(any_log: Log) -> None:
    kept, other = Kept(any_log), Kept(any_log, BOB)
    kept.run(submit(START_MS + number, terms=terms(model=f"m{number}")) for number in range(60))
    traffic = busy_commands()
    steps = 0
    for _ in kept.folding():
        steps += 1
        other.do(*islice(traffic, 7))
    assert steps > 1
    assert is_snapshot(next(any_log.lines(ALICE)))
    assert dumped_again(any_log) == kept.dumped
    assert dumped_again(any_log, BOB) == other.dumped


def test_a_world_goes_on_after_its_log_was_folded(any_log: Log) -> None:
    """Terms that stood before the snapshot are written once more behind it."""
    kept, agreed = Kept(any_log), terms()
    kept.do(submit(terms=agreed))
    kept.fold()
    kept.do(submit(terms=agreed))
    assert dumped_again(any_log) == kept.dumped


def test_a_log_that_is_read_while_it_grows_takes_no_harm(any_log: Log) -> None:
    kept = Kept(any_log)
    kept.do(*busy_commands(2_500))
    lines = any_log.history(ALICE)
    begun = list(islice(lines, 10))
    kept.do(Pass(at_ms=kept.world.now_ms + 1))
    left = any_log.history(ALICE)
    next(left)
    del left
    kept.do(Pass(at_ms=kept.world.now_ms + 1))
    assert dumped(folded([*begun, *lines]).world)[1:] == kept.dumped[1:]
    assert dumped_again(any_log) == kept.dumped


# --- terms are written once


def test_terms_are_told_once_and_then_numbered() -> None:
    writer, agreed, other = Codec(), terms(), terms(model="other")
    told = [writer.encode(submit(terms=one)) for one in (agreed, agreed, other, agreed)]
    assert [len(lines) for lines in told] == [2, 1, 2, 1]
    assert b'"terms":0' in told[1][0]
    assert told[3] == told[1]


def decoded(reader: Codec, lines: Iterable[bytes]) -> list[Command]:
    return [command for command in map(reader.decode, lines) if command is not None]


def test_the_numbers_begin_anew_past_a_thousand_terms() -> None:
    """One side remembers no more than the other, however long the log is."""
    pool = [terms(model=f"m{number}") for number in range(2_500)]
    given = [submit(terms=one) for one in (*pool, *pool[:100], *pool[-100:], *pool[::100])]
    writer, reader = Codec(Shared()), Codec(Shared())
    lines = [line for command in given for line in writer.encode(command)]
    assert decoded(reader, lines) == given
    assert len(reader._terms) == len(writer._terms) <= 1_000
    again = submit(terms=pool[-1])
    assert decoded(reader, writer.encode(again)) == [again]


@given(picks=st.lists(st.integers(0, 9), max_size=60), cut=st.integers(0, 60), are_shared=st.booleans())
def test_a_codec_that_has_read_a_log_writes_on(picks: list[int], cut: int, are_shared: bool) -> None:
    """A world that is loaded again: what was read and what is written from there on are one log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_TERMS_LIMIT", 4)
        pool = [terms(model=f"m{number}") for number in range(8)]
        given_: list[Command] = [submit(terms=pool[pick]) if pick < 8 else Pass(at_ms=pick) for pick in picks]
        writer = Codec()
        lines = [line for command in given_[:cut] for line in writer.encode(command)]
        going_on = Codec(Shared()) if are_shared else Codec()
        assert decoded(going_on, lines) == given_[:cut]
        lines += [line for command in given_[cut:] for line in going_on.encode(command)]
        assert decoded(Codec(), lines) == given_


def test_every_command_survives_its_lines() -> None:
    writer, reader = Codec(), Codec()
    for command in busy_commands(50):
        assert decoded(reader, writer.encode(command)) == [command]


def test_a_submission_that_has_its_terms_in_place_is_read_too() -> None:
    assert Codec().decode(commands.encode(submit())) == submit()


def test_a_short_submission_has_every_field_of_one() -> None:
    names = set(Submit.__struct_fields__)
    assert set(codec._Submit.__struct_fields__) == names
    full = Submit(
        at_ms=1,
        terms=terms(),
        callback_url="u",
        idempotency_key="k",
        fingerprint="f",
        idempotency_window_ms=2,
        requests_per_window=3,
        window_ms=4,
        matches=(Match("s", 1),),
        effect=Effect(fail="service_error"),
    )
    assert all(getattr(full, name) != getattr(submit(), name) for name in names - {"terms"})
    assert decoded(Codec(), Codec().encode(full)) == [full]


def test_equal_terms_are_one_object_until_there_are_too_many() -> None:
    share = Shared(limit=3)
    first = share(terms(model="a"))
    assert share(terms(model="a")) is first
    assert share(terms(model="b")) is share(terms(model="b"))
    for number in range(10):
        assert share(terms(model=f"{number}")) == terms(model=f"{number}")
    assert len(share._known) <= 3


def test_the_tasks_of_a_world_that_is_made_again_share_their_terms() -> None:
    log = MemoryLog()
    kept = Kept(log)
    kept.do(submit(terms=terms()), submit(terms=terms()))
    kept.fold()
    kept.do(submit(terms=terms()))
    world = folded(log.lines(ALICE)).world
    assert len({id(task.terms) for task in world.tasks.values()}) == 1


# --- making a world again


def test_whoever_watches_sees_each_command_before_it_acts() -> None:
    log = MemoryLog()
    Kept(log).do(*busy_commands(5))
    seen: list[tuple[int, Command]] = []
    fold = Fold(born(), Shared())
    for line in log.lines(ALICE):
        fold.take(line, lambda world, one: seen.append((world.now_ms, one)))
    assert [one for _, one in seen] == list(busy_commands(5))
    assert all(now_ms < one.at_ms for now_ms, one in seen)


def orphan() -> bytes:
    """Something due of a task that the snapshot does not hold."""
    world = new_world()
    accepted(world, submit())
    due = next(line for line in dumped(world) if line.startswith(b'{"snapshot":"due"'))
    return due.replace(b"task-unified", b"nobody")


DAMAGED = {
    "cut off": commands.encode(submit())[:-10],
    "not JSON": b"?",
    "not UTF-8": commands.encode(submit(callback_url="????")).replace(b"????", b"\xff\xff"),
    "no command": b'{"at_ms":1}',
    "unknown command": b'{"command":"dance","at_ms":1}',
    "missing field": b'{"command":"submit","at_ms":1}',
    "wrong type": b'{"command":"pass","at_ms":"noon"}',
    "starts a task": b'{"command":"steer","at_ms":1,"task_id":"t","event":"start"}',
    "terms of no number": b'{"command":"submit","at_ms":1,"terms":7}',
    "damaged terms": b'{"command":"terms","number":1,"terms":{}}',
    "damaged snapshot": b'{"snapshot":"moment"}',
    "snapshot of an unknown thing": b'{"snapshot":"riddle"}',
    "due, and nobody's": orphan(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("number", [1, 3])
def test_a_damaged_line_is_told(damage: bytes, number: int) -> None:
    lines = [commands.encode(command) for command in busy_commands(5)]
    lines[number - 1] = damage
    fold = Fold(born(), Shared())
    for line in lines[: number - 1]:
        fold.take(line)
    with pytest.raises(ReplayError, match="neither snapshot nor command"):
        fold.take(damage)
    header = write_header(header_of(ALICE))
    with pytest.raises(ReplayError, match=rf"^line {number + 1}: "):
        list(read([header, *lines]))


# --- the replay file


def header_of(name: str) -> Header:
    settings = born(name).settings
    return Header(version="1.2.3", settings=settings, started_ms=START_MS, profile="observed", public_url="http://x")


def file_of(log: Log, *names: str) -> list[bytes]:
    """The lines of a replay file, each with its newline."""
    lines: list[bytes] = []
    for name in names:
        lines += [write_header(header_of(name)), *(line + b"\n" for line in log.history(name))]
    return lines


@pytest.mark.parametrize("limit_bytes", [10**9, LIMIT_BYTES], ids=["whole", "folded"])
def test_a_replay_file_makes_the_same_worlds(limit_bytes: int) -> None:
    log = MemoryLog(limit_bytes)
    kept = {name: Kept(log, name).run(busy_commands(count)) for name, count in ((ALICE, 3_000), (BOB, 0), (CAROL, 7))}
    lines = file_of(log, *kept)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert any(map(is_snapshot, lines)) == (limit_bytes == LIMIT_BYTES)
    again = list(read(line.rstrip(b"\n") for line in lines))
    assert [one.header for one in again] == [header_of(name) for name in kept]
    assert [dumped(one.world) for one in again] == [one.dumped for one in kept.values()]


def test_empty_lines_mean_nothing() -> None:
    log = MemoryLog()
    kept = Kept(log)
    kept.do(*busy_commands(3))
    spaced = [piece for line in file_of(log, ALICE) for piece in (line.rstrip(b"\n"), b"")]
    assert [dumped(one.world) for one in read(spaced)] == [kept.dumped]


def test_whoever_watches_a_file_sees_the_commands_of_each_world() -> None:
    log = MemoryLog()
    for name, count in ((ALICE, 4), (BOB, 2)):
        Kept(log, name).do(*busy_commands(count))
    seen: list[tuple[str, Command]] = []
    lines = (line.rstrip(b"\n") for line in file_of(log, ALICE, BOB))
    list(read(lines, lambda world, one: seen.append((world.name, one))))
    assert seen == [*((ALICE, one) for one in busy_commands(4)), *((BOB, one) for one in busy_commands(2))]


OTHER_FORMAT = b'{"replay":3,"version":"1","settings":{"name":"a"},"started_ms":0}'
NO_HEADERS = [b"\n", b"{}", b"?", OTHER_FORMAT, b'{"replay":2}', b'{"replay":1}', b'{"replay":2,"version":"\xff"}']


@pytest.mark.parametrize("line", NO_HEADERS)
def test_a_file_without_a_header_is_no_replay_file(line: bytes) -> None:
    with pytest.raises(ReplayError, match="line 1"):
        list(read([line]))


@pytest.mark.parametrize("lines", [[], [b"", b""], [b'{"command":"pass","at_ms":1}']], ids=["empty", "blank", "bare"])
def test_what_begins_without_a_header_is_no_replay_file(lines: list[bytes]) -> None:
    with pytest.raises(ReplayError, match="line 1"):
        list(read(lines))


def test_a_damaged_header_in_the_middle_is_told_by_its_number() -> None:
    with pytest.raises(ReplayError, match=r"^line 2: "):
        list(read([write_header(header_of(ALICE)), b'{"replay":2,"version":7}']))
