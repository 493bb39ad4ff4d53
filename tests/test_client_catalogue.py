"""Clients right and wrong, as tests/clients/README.md lists them: each mistake is found by the check that owns it."""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.grid import behaviour_of, cells, named, takes_real_time
from contract_tests.client.campaign import Campaign
from contract_tests.client.processes import Processes
from contract_tests.client.run import REAL
from contract_tests.client.stage import POLLS
from contract_tests.judge import Judge, Outcome, Result

CLIENTS = Path(__file__).parent / "clients"
README = (CLIENTS / "README.md").read_text()
POLL_SECONDS = "0.15"
RUNNERS = {".py": (sys.executable,), ".mjs": ("node",), ".sh": ("bash",)}
NEEDED = {".py": (), ".mjs": ("node",), ".sh": ("bash", "curl", "jq")}
LIMIT_S = 4.0
"""What a case may take that waits for nothing real."""
PATIENT_S = 10.0
"""Longer than the 3 s after which these clients lose patience with one answer, several times."""


class Client(NamedTuple):
    file: str
    mistake: str
    check: str
    behaviour: str

    @property
    def command(self) -> tuple[str, ...]:
        return (*RUNNERS[Path(self.file).suffix], str(CLIENTS / self.file))

    @property
    def behaviours(self) -> tuple[str, ...]:
        """What counts for it: for a right client without any, what each is tried with."""
        return tuple(filter(None, self.behaviour.split(", "))) or QUICK

    @property
    def profile(self) -> str:
        return "observed" if "list" in self.file else "documented"

    @property
    def is_slow(self) -> bool:
        return "every_four_seconds" in self.file

    def skip_without_its_tools(self) -> None:
        for tool in NEEDED[Path(self.file).suffix]:
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")


class Row(NamedTuple):
    cell: str
    happens: str
    may: str
    evidence: str
    reveals: str


def rows(columns: int, first: str) -> list[list[str]]:
    """The rows of a table of the README with so many columns, whose first cell has this form."""
    others = r"(.*?)\|" * (columns - 1)
    found = re.findall(rf"^\| {first} \|{others}$", README, re.MULTILINE)
    return [[cell.strip() for cell in row] for row in found]


QUICK = ("unknown-fields", "service_error", "lost-answer", "query-trouble", "link-expired")
"""What a right client is tried with each time; all of it is for the long tests."""
SEEDS = 20
"""From which a right client is tried with what is drawn, five cases each."""
UNTIL_NEVER = ("CLIENT-ENDS-IN-TIME",)
NEVER = replace(POLLS, pace=replace(REAL, never_s=LIMIT_S))
"""Only time tells a missing time-out from a long one: 600 s of it, and here a few."""
CATALOGUE = [Client(*row) for row in rows(4, "`(.+?)`")]
GRID = [Row(*row) for row in rows(5, r"([a-z_-]+)") if row[0] != "cell"]
CORRECT = [client for client in CATALOGUE if not client.check]
MISTAKEN = [client for client in CATALOGUE if client.check]
OF_FILE = {client.file: client for client in CATALOGUE}


def judged(
    client: Client, behaviours: tuple[str, ...], *, examples: int = 0, seed: int = 0, profile: str = ""
) -> dict[str, Result]:
    """The results, by check, of a client that meets these behaviours and as many drawn ones."""
    judge = Judge(checks(Layer.CLIENT))
    moved_by = NEVER if client.check in UNTIL_NEVER else POLLS
    options = {"profile": profile or client.profile, "seed": seed, "moved_by": moved_by}
    few = len(behaviours) <= len(QUICK) and not examples
    parallel = 12 if client.is_slow else 2 if few else 4
    with Processes(client.command, parallel=parallel, limit_s=LIMIT_S if few else PATIENT_S, **options) as processes:
        campaign = Campaign(processes.player, judge, str)
        campaign.open()
        campaign.named(behaviour_of(one) for one in behaviours)
        if examples:
            campaign.drawn(examples, seed)
    return {result.check.id: result for result in judge.results()}


def found(results: dict[str, Result]) -> set[str]:
    """The checks with a finding, a warning or more."""
    return {check_id for check_id, result in results.items() if result.finding is not None}


def judged_together(clients: list[Client]) -> dict[str, dict[str, Result]]:
    """Every client that can run here, by its file, on the behaviours that count for it: mostly waiting, so several
    at once."""
    runnable = [one for one in clients if all(map(shutil.which, NEEDED[Path(one.file).suffix]))]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setenv("POLL_SECONDS", POLL_SECONDS)
        results = pool.map(lambda one: judged(one, one.behaviours), runnable)
        return {client.file: result for client, result in zip(runnable, results, strict=True)}


def test_the_catalogue_is_complete() -> None:
    files = {path.name for path in CLIENTS.iterdir() if path.suffix in RUNNERS}
    assert files == {client.file for client in CATALOGUE}
    assert {client.check for client in MISTAKEN} == {check.id for check in checks(Layer.CLIENT)}
    assert {one for client in CATALOGUE for one in client.behaviours} - named().keys() == {
        "callbacks:delay=3,overtaken=yes"
    }


def test_the_grid_is_that_of_the_code() -> None:
    told = [(cell.name, "; ".join(cell.behaviour.lines), cell.may, str(cell.evidence)) for cell in cells()]
    assert [row[:4] for row in GRID] == told
    programs = [row.reveals.strip("`") for row in GRID if not row.reveals.startswith("none: ")]
    assert set(programs) <= {client.file for client in MISTAKEN}
    assert len(programs) >= len(GRID) - 5


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.long)])
def test_each_mistake_is_found_by_the_check_that_owns_it(every: int) -> None:
    results = judged_together(MISTAKEN[::every])
    assert {file: found(result) for file, result in results.items()} == {
        file: {OF_FILE[file].check} for file in results
    }
    for file, result in results.items():
        owned = result[OF_FILE[file].check]
        assert owned.outcome is (Outcome.WARNED if owned.check.warns else Outcome.BROKEN)
        assert owned.finding is not None
        assert owned.finding.steps
        assert 1 <= len(owned.finding.when) <= 2


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_right_clients_hold(every: int) -> None:
    results = judged_together([one for one in CORRECT if not one.is_slow][::every])
    assert {file: found(result) for file, result in results.items() if found(result)} == {}


@pytest.mark.long
@pytest.mark.parametrize("profile", ["documented", "observed"])
@pytest.mark.parametrize("client", CORRECT, ids=lambda client: client.file)
def test_a_right_client_holds_with_every_seed(client: Client, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client.skip_without_its_tools()
    if profile < client.profile:
        pytest.skip("what it asks is in the observed profile only")
    monkeypatch.setenv("POLL_SECONDS", POLL_SECONDS)
    everything = tuple(name for name, one in named().items() if not takes_real_time(one))
    assert not found(judged(client, everything, profile=profile))
    for seed in range(SEEDS):
        assert not found(judged(client, (), examples=5, seed=seed, profile=profile)), f"seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("client", MISTAKEN, ids=lambda client: client.file)
def test_a_mistake_is_found_without_knowing_where(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.skip_without_its_tools()
    monkeypatch.setenv("POLL_SECONDS", POLL_SECONDS)
    results = judged(client, tuple(named()))
    assert client.check in found(results)


@pytest.mark.long
@pytest.mark.parametrize("file", sorted({row.reveals.strip("`") for row in GRID if row.reveals.startswith("`")}))
def test_each_cell_reveals_its_program(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = OF_FILE[file]
    client.skip_without_its_tools()
    monkeypatch.setenv("POLL_SECONDS", POLL_SECONDS)
    quiet = [row.cell for row in GRID if row.reveals == f"`{file}`" and not found(judged(client, (row.cell,)))]
    assert not quiet
