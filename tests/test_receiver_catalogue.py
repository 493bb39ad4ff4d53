"""Every receiver of the catalogue is judged: a right one holds, a wrong one breaks its own check and no other."""

import shutil
from collections.abc import Iterator
from itertools import groupby

import pytest

from contract_tests.check import Layer, checks
from contract_tests.judge import Outcome
from contract_tests.receiver.grid import CASES
from contract_tests.report import BROKEN, HOLDS
from tests.receivers.cells import CELLS, Cell
from tests.receivers.serving import (
    CATALOGUE,
    IMPATIENT,
    QUICK,
    RIGHT,
    at_desk,
    broken,
    finding,
    hooks,
    in_node,
    judged,
    state_only,
)

PROFILES = ("documented", "observed")
BESIDE = {
    "forgets": "EFFECT",
    "redirects": "ANSWERS-2XX",
    "answers_conflict": "DUPLICATE-ONCE",
    "always_content": "GARBAGE-REFUSED",
    "expects_results": "ANSWERS-2XX",
}
"""Wrong in what comes first of all, or in many cells."""
APART = {
    "downloads_first": "IN-TIME",
    "throws_at_garbage": "GARBAGE-HARMLESS",
    "remembers_the_last_two": "DUPLICATE-ONCE",
}
"""Judged in tests of their own."""


def holds(name: str, profile: str, seed: int) -> None:
    context, make_hooks = RIGHT[name]()
    with context as origin:
        report = judged(origin, make_hooks(origin), profile=profile, seed=seed, cases=6)
    assert not broken(report), finding(report)
    assert (report.exit_code, report.aborted) == (HOLDS, "")
    unjudged = {result.check.id for result in report.of(Outcome.NOT_JUDGED)}
    assert unjudged <= (set() if make_hooks is hooks else {"RECEIVER-RETRY-RECOVERS"})


def test_a_right_receiver_holds() -> None:
    holds(next(iter(RIGHT)), "documented", seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 22))
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_receiver_holds_whatever_the_seed(name: str, profile: str, seed: int) -> None:
    holds(name, profile, seed)


def _by_program() -> Iterator[Cell]:
    """The first cell of each program."""
    for _, cells in groupby(sorted(CELLS, key=lambda cell: cell.program), key=lambda cell: cell.program):
        yield next(cells)


def reveals(cell: Cell, *only: str) -> None:
    with at_desk(cell.program, **cell.settings) as origin:
        bounds = IMPATIENT if cell.program == "one_at_a_time" else QUICK
        report = judged(origin, hooks(origin), bounds=bounds, only=only, replay="again {}".format)
    assert broken(report) == [f"RECEIVER-{cell.check}"], [one.finding for one in report.of(Outcome.BROKEN)]
    assert report.exit_code == BROKEN
    assert finding(report).steps
    assert finding(report).replay.startswith("again ")
    if only:
        assert finding(report).replay == f"again {cell.case}"


ONE_EACH = list(_by_program())


@pytest.mark.parametrize("cell", ONE_EACH, ids=lambda cell: cell.id)
def test_a_cell_reveals_its_receiver_by_the_check_that_owns_it(cell: Cell) -> None:
    reveals(cell, cell.case)


@pytest.mark.long
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell not in ONE_EACH], ids=lambda cell: cell.id)
def test_so_does_every_other_cell(cell: Cell) -> None:
    reveals(cell, cell.case)


@pytest.mark.long
@pytest.mark.parametrize("cell", ONE_EACH, ids=lambda cell: cell.id)
def test_a_whole_run_finds_that_and_nothing_else(cell: Cell) -> None:
    reveals(cell)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long) for name in BESIDE])
def test_a_wrong_receiver_breaks_its_own_check_and_no_other(name: str) -> None:
    reveals(Cell("completed", name, BESIDE[name]))


def test_one_that_downloads_first_is_late() -> None:
    with at_desk("downloads_first", download_s=1.0) as origin:
        report = judged(origin, hooks(origin), bounds=IMPATIENT)
    assert broken(report) == ["RECEIVER-IN-TIME"]
    assert "no answer within 0.7 s" in finding(report).received


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_one_that_ends_at_garbage_is_found_and_not_blamed_for_what_follows() -> None:
    with in_node() as origin:
        report = judged(origin, state_only(origin))
    assert broken(report) == ["RECEIVER-GARBAGE-HARMLESS"]
    assert report.aborted == "the receiver no longer answers"
    assert "RECEIVER-OVERSIZE" in {result.check.id for result in report.of(Outcome.NOT_JUDGED)}


def test_every_check_is_broken_by_somebody_and_everybody_is_judged() -> None:
    owners = {cell.check for cell in CELLS} | {*BESIDE.values(), *APART.values()}
    assert {f"RECEIVER-{name}" for name in owners} == {check.id for check in checks(Layer.RECEIVER)}
    told = {path.stem for path in CATALOGUE.glob("[a-z]*.*") if path.suffix in (".py", ".mjs")}
    known = {cell.program.partition(".")[0] for cell in CELLS} | BESIDE.keys() | APART.keys() | RIGHT.keys()
    assert told - {"desk", "serving", "cells"} == known


def test_the_grid_stands_in_the_readme_as_it_is() -> None:
    assert {cell.case for cell in CELLS} == CASES.keys()
    told = (CATALOGUE / "README.md").read_text().splitlines()
    assert [line for line in told if line.startswith("| `") and line.count("|") == 5] == [cell.row for cell in CELLS]
    for name, owner in (BESIDE | APART).items():
        assert any(line.startswith(f"| `{name}` | `RECEIVER-{owner}` |") for line in told), name
    assert all(any(f"`{name}`" in line for line in told) for name in RIGHT)
