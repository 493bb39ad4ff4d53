"""The log in a SQLite file: held by one server, whole after a crash at any moment, refused where it is not ours."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mockserver.log import FEW_COMMANDS, LogError
from mockserver.log.sqlite import SqliteLog
from mockserver.simulation.command import Pass
from tests.logs import BIRTH, Kept, born, dumped_again, is_snapshot
from tests.orders import ALICE, BOB, CAROL, START_MS, URL, WORK_MS, busy_commands, dumped, submit, terms

OpenLog = Callable[..., SqliteLog]
FILL = b'{"command":"pass","at_ms":1}' + b" " * 2_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder / "log.sqlite"


@pytest.fixture
def open_log(path: Path) -> Iterator[OpenLog]:
    """Opens the log, and closes it after the test."""
    opened: list[SqliteLog] = []

    def open_it(birth: bytes = BIRTH) -> SqliteLog:
        opened.append(SqliteLog(path, birth))
        return opened[-1]

    yield open_it
    for log in opened:
        log.close()


def rows(log: SqliteLog, table: str) -> int:
    return int(log._one(f"SELECT count(*) FROM {table}"))


# --- opened again


def test_worlds_are_the_same_after_the_file_is_opened_again(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log).run(busy_commands(2_500))
    other = Kept(log, BOB).run(busy_commands(3))
    log.close()
    again = open_log()
    assert [dumped_again(again, name) for name in (ALICE, BOB)] == [kept.dumped, other.dumped]


def test_a_log_in_a_file_goes_on_where_it_was(open_log: OpenLog) -> None:
    history = list(busy_commands(200))
    expected = born()
    log = open_log()
    Kept(log).do()
    log.close()
    for start in range(0, 200, 50):
        log = open_log()
        kept = Kept.again(log)
        for command in history[start : start + 50]:
            expected.apply(command)
            kept.do(command)
        log.close()
        assert kept.dumped == dumped(expected)


def test_what_was_not_committed_never_was(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    kept.do(submit())
    expected = kept.dumped
    log.append(ALICE, kept.codec.encode(submit()))
    log.begin(BOB, BIRTH)
    log.close()
    again = open_log()
    assert dumped_again(again) == expected
    assert again.birth(BOB) is None


def test_callbacks_under_way_survive(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    kept.do(submit(callback_url=URL), Pass(at_ms=START_MS + WORK_MS))
    log.close()
    assert Kept.again(open_log()).world.unreported() == kept.world.unreported() != []


# --- whose file it is


def test_a_file_is_held_by_one_server_at_a_time(open_log: OpenLog, path: Path) -> None:
    log = open_log()
    with pytest.raises(LogError, match="held by another server") as refused:
        open_log()
    assert str(path) in str(refused.value)
    kept = Kept(log)
    kept.do(submit())
    assert dumped_again(log) == kept.dumped


def test_a_file_that_began_otherwise_is_refused(open_log: OpenLog) -> None:
    log = open_log()
    Kept(log).do(submit())
    log.close()
    with pytest.raises(LogError, match=r'"seed":5.*"seed":6'):
        open_log(b'{"seed":6}')
    assert dumped_again(open_log()) != dumped(born())


def test_a_file_that_is_no_database_is_refused_as_it_is(open_log: OpenLog, path: Path) -> None:
    path.write_bytes(b"something else entirely, and long enough to be looked at " * 50)
    before = path.read_bytes()
    with pytest.raises(LogError, match="not a database") as refused:
        open_log()
    assert str(path) in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["missing/log.sqlite", "."])
def test_a_place_where_no_file_can_be_is_told(tmp_path: Path, place: str) -> None:
    with pytest.raises(LogError, match="unable to open"):
        SqliteLog(tmp_path / place, BIRTH)


def test_a_name_that_sqlite_takes_for_a_uri_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SqliteLog(Path("file:log?mode=memory"), BIRTH).close()
    assert [one.name for one in tmp_path.iterdir()] == ["file:log?mode=memory"]
    with pytest.raises(LogError, match="unable to open"):
        SqliteLog(Path(f"file:{tmp_path}/log"), BIRTH)


def change(path: Path, *statements: str) -> bytes:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize("pragma", ["user_version=2", "application_id=7", "journal_mode=DELETE"])
def test_a_database_of_another_program_is_refused_as_it_is(open_log: OpenLog, path: Path, pragma: str) -> None:
    before = change(path, "CREATE TABLE world (name TEXT)", "INSERT INTO world VALUES ('theirs')", f"PRAGMA {pragma}")
    with pytest.raises(LogError, match="another program"):
        open_log()
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_of_the_version_before_is_refused_as_it_is(open_log: OpenLog, path: Path) -> None:
    before = change(path, "CREATE TABLE birth (line BLOB NOT NULL)", "CREATE TABLE command (line BLOB NOT NULL)")
    with pytest.raises(LogError, match="earlier version"):
        open_log()
    assert path.read_bytes() == before


def test_a_file_of_another_format_is_refused(open_log: OpenLog, path: Path) -> None:
    open_log().close()
    change(path, "PRAGMA user_version=4")
    with pytest.raises(LogError, match="has format 4; this version reads 3"):
        open_log()


def test_an_empty_file_is_taken(open_log: OpenLog, path: Path) -> None:
    path.write_bytes(b"")
    kept = Kept(open_log())
    kept.do(submit())
    assert dumped_again(kept.log) == kept.dumped


# --- lines


def test_each_world_counts_its_own_lines(open_log: OpenLog) -> None:
    log = open_log()
    kept = [Kept(log, name) for name in (ALICE, BOB)]
    for command in busy_commands(6):
        for one in kept:
            one.do(Pass(at_ms=command.at_ms))
    told = log._all("SELECT world, sequence FROM line ORDER BY world, sequence")
    assert told == [(world, sequence) for world in (1, 2) for sequence in range(1, 7)]


@pytest.mark.parametrize(("gone", "told"), [(1, 1), (2, 2), (4, 4)])
def test_a_missing_line_is_noticed(open_log: OpenLog, gone: int, told: int) -> None:
    log = open_log()
    kept, other = Kept(log), Kept(log, BOB)
    for at_ms in range(5):
        kept.do(Pass(at_ms=START_MS + at_ms))
        other.do(Pass(at_ms=START_MS + at_ms))
    log._connection.execute("DELETE FROM line WHERE world = 1 AND sequence = ?", (gone,))
    for lines in (log.lines, log.history):
        with pytest.raises(LogError, match=f"line {told} of the log of {ALICE} is missing"):
            list(lines(ALICE))
    assert dumped_again(log, BOB) == other.dumped


def test_a_world_that_is_not_there_has_no_lines(open_log: OpenLog) -> None:
    with pytest.raises(LogError, match="no log of nobody"):
        list(open_log().lines("nobody"))


def test_a_commit_of_nothing_costs_nothing(open_log: OpenLog) -> None:
    log = open_log()
    before = log._one("PRAGMA data_version"), log._connection.total_changes
    log.commit(0)
    assert (log._one("PRAGMA data_version"), log._connection.total_changes) == before


# --- a full disk


def fill(log: SqliteLog) -> None:
    """From now on there is no room for anything of some size."""
    log._connection.execute(f"PRAGMA max_page_count={log._one('PRAGMA page_count')}")


def make_room(log: SqliteLog) -> None:
    log._connection.execute("PRAGMA max_page_count=1000000")


def test_what_a_full_disk_does_not_take_never_was(open_log: OpenLog) -> None:
    log = open_log()
    kept, other = Kept(log), Kept(log, BOB)
    kept.do(*busy_commands(5))
    other.do(submit())
    expected = kept.dumped
    fill(log)
    log.begin(CAROL, BIRTH)
    log.append(ALICE, [FILL] * 50)
    with pytest.raises(LogError, match="full"):
        log.commit(0)
    log.commit(0)
    assert log.birth(CAROL) is None
    with pytest.raises(KeyError):  # or there were a gap
        log.append(ALICE, [FILL])
    again = Kept.again(log)
    assert again.dumped == expected
    make_room(log)
    again.do(submit(START_MS + 10**6))
    other.do(submit())
    assert dumped_again(log) == again.dumped != expected
    assert dumped_again(log, BOB) == other.dumped


def test_a_commit_that_fails_for_any_other_reason_leaves_nothing_begun(open_log: OpenLog) -> None:
    log = open_log()
    kept, other = Kept(log), Kept(log, BOB)
    kept.do(submit())
    other.do(submit())
    log._connection.execute("INSERT INTO line VALUES (1, 3, '{}')")
    log.append(BOB, other.codec.encode(submit()))
    log.append(ALICE, kept.codec.encode(submit()))
    with pytest.raises(LogError, match="UNIQUE"):
        log.commit(0)
    log._connection.execute("DELETE FROM line WHERE world = 1 AND sequence = 3")
    assert [dumped_again(log, name) for name in (ALICE, BOB)] == [kept.dumped, other.dumped]
    again = Kept.again(log)
    again.do(submit())
    assert dumped_again(log) == again.dumped != kept.dumped


def test_a_fold_that_a_full_disk_breaks_leaves_the_log_as_it_was(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    kept.do(*(submit(START_MS + number, terms=terms(model=f"m{number}" * 100)) for number in range(60)))
    expected = kept.dumped
    fill(log)
    with pytest.raises(LogError, match="full"):
        kept.fold()
    assert Kept.again(log).dumped == expected
    make_room(log)
    kept = Kept.again(log)
    kept.do(submit(START_MS + 1_000))
    kept.fold()
    assert dumped_again(log) == kept.dumped
    assert rows(log, "snapshot") == len(kept.dumped)


def test_a_world_that_wakes_on_a_full_disk_changes_nothing(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    kept.do(submit())
    expected = kept.dumped
    log.rest(ALICE, 77)
    again = Kept.again(log)
    fill(log)
    log.append(ALICE, [FILL] * 50)
    with pytest.raises(LogError, match="full"):
        log.commit(0)
    assert list(log.names()) == [(ALICE, 77)]
    make_room(log)
    again = Kept.again(log)
    assert again.dumped == expected
    again.do(submit())
    assert list(log.names()) == [(ALICE, 0)]


# --- folding


def test_a_log_is_long_when_it_tells_far_more_than_there_is(open_log: OpenLog) -> None:
    log = open_log()
    Kept(log)
    log.append(ALICE, [b"{}"] * (FEW_COMMANDS - 1))
    assert not log.is_long(ALICE, 0)
    log.append(ALICE, [b"{}"])
    assert [log.is_long(ALICE, size) for size in (0, FEW_COMMANDS // 2, FEW_COMMANDS)] == [True, True, False]


def test_a_folded_log_has_the_snapshot_and_what_came_after_it(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log).run(busy_commands(6_000))
    assert rows(log, "line") < 2_500
    kept.fold()
    kept.do(Pass(at_ms=kept.world.now_ms + 1))
    assert [is_snapshot(line) for line in log.lines(ALICE)].count(False) == rows(log, "line") == 1
    kept.fold()
    assert list(log.lines(ALICE)) == list(log.history(ALICE)) == kept.dumped
    assert not log.is_long(ALICE, 0)


def copy(path: Path, folder: Path) -> Path:
    """The files as a crash at this moment would leave them."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, folder / file.name)
    return folder / path.name


def test_a_crash_between_the_steps_of_a_fold_loses_nothing(
    open_log: OpenLog, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.log.sqlite._BATCH", 20)
    log = open_log()
    kept, other = Kept(log), Kept(log, BOB)
    for _ in range(2):
        now_ms = kept.world.now_ms
        kept.do(*(submit(now_ms + number, terms=terms(model=f"m{number}")) for number in range(60)))
        expected, traffic = kept.dumped, busy_commands()
        steps = _steps(kept.folding())
        for number, _ in enumerate(steps):
            other.do(*islice(traffic, 3))
            crashed = SqliteLog(copy(path, tmp_path / f"crash-{now_ms}-{number}"), BIRTH)
            assert dumped_again(crashed) == expected
            assert dumped_again(crashed, BOB) == other.dumped
            goes_on = Kept.again(crashed)
            goes_on.do(submit(goes_on.world.now_ms))
            goes_on.fold()
            assert dumped_again(crashed) == goes_on.dumped
            assert rows(crashed, "snapshot") == len(goes_on.dumped)
            crashed.close()
        assert number > 5


def _steps(folding: Iterator[Any]) -> Iterator[Any]:
    """Each step, and the moment after the last."""
    yield from folding
    yield None


# --- at rest


def test_a_world_at_rest_says_when_something_happens_next(open_log: OpenLog) -> None:
    log = open_log()
    for name in (ALICE, BOB, CAROL):
        Kept(log, name).do(submit())
    assert list(log.names()) == [(ALICE, 0), (BOB, 0), (CAROL, 0)]
    log.rest(ALICE, START_MS + 5)
    log.rest(BOB, None)
    told = [(ALICE, START_MS + 5), (BOB, None), (CAROL, 0)]
    assert list(log.names()) == told
    log.close()
    assert list(open_log().names()) == told


def test_a_world_that_only_was_looked_at_goes_on_resting(open_log: OpenLog) -> None:
    log = open_log()
    Kept(log).do(submit())
    log.rest(ALICE, 77)
    Kept.again(log)
    assert list(log.names()) == [(ALICE, 77)]


def test_a_world_may_rest_before_its_last_lines_are_kept(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    kept.do(*busy_commands(1_100))
    log.append(ALICE, kept.codec.encode(Pass(at_ms=kept.world.now_ms + 1)))
    kept.world.apply(Pass(at_ms=kept.world.now_ms + 1))
    log.rest(ALICE, None)
    log.commit(0)
    assert not log.is_long(ALICE, 0)
    assert Kept.again(log).dumped == kept.dumped
    assert log.is_long(ALICE, 0)


def test_of_a_world_that_woke_nobody_knows_when_something_happens_next(open_log: OpenLog) -> None:
    log = open_log()
    Kept(log).do(submit())
    for due_ms in (77, None):
        log.rest(ALICE, due_ms)
        kept = Kept.again(log)
        kept.do(submit())
        assert list(log.names()) == [(ALICE, 0)]
    assert dumped_again(log) == kept.dumped


# --- dropped


def test_a_dropped_world_stays_dropped_and_its_lines_are_swept(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.log.sqlite._BATCH", 10)
    log = open_log()
    kept, other = Kept(log), Kept(log, BOB)
    kept.do(*busy_commands(40))
    kept.fold()
    kept.do(*busy_commands(40))
    other.do(*busy_commands(5))
    log.drop(ALICE)
    assert list(log.names()) == [(BOB, 0)]
    with pytest.raises(LogError, match="no log of alice"):
        list(log.lines(ALICE))
    log.close()
    again = open_log()
    assert list(again.names()) == [(BOB, 0)]
    assert rows(again, "line") > rows(again, "snapshot") > 0
    steps = sum(1 for _ in again.sweep())
    assert steps > 3
    assert (rows(again, "world"), rows(again, "snapshot")) == (1, 0)
    assert dumped_again(again, BOB) == other.dumped


def test_a_world_that_is_dropped_before_it_is_kept_is_gone(open_log: OpenLog) -> None:
    log = open_log()
    kept = Kept(log)
    log.append(ALICE, kept.codec.encode(submit()))
    log.drop(ALICE)
    log.commit(0)
    assert (list(log.names()), log.birth(ALICE)) == ([], None)


def test_a_sweep_may_be_broken_off(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.log.sqlite._BATCH", 10)
    log = open_log()
    Kept(log).do(*busy_commands(40))
    log.drop(ALICE)
    next(log.sweep())
    log.close()
    again = open_log()
    second = Kept(again)
    second.do(submit())
    for _ in again.sweep():
        """The rest of the first."""
    assert rows(again, "world") == 1
    assert dumped_again(again) == second.dumped
