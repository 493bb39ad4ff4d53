"""Clients right and wrong, as tests/clients/README.md lists them: each mistake is found by the check that owns it."""

import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from contract_tests.check import Layer, checks
from contract_tests.client.campaign import Campaign
from contract_tests.client.behaviours.grid import behaviour_of, named, takes_real_time
from contract_tests.client.processes import Processes
from contract_tests.client.run import REAL
from contract_tests.client.stage import POLLS
from contract_tests.judge import Judge, Outcome, Result

CLIENTS = Path(__file__).parent / "clients"
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

    def skip_without_its_tools(self) -> None:
        for tool in NEEDED[Path(self.file).suffix]:
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")


def table() -> list[Client]:
    rows = re.findall(r"^\| `(.+?)` \|(.*?)\|(.*?)\|(.*?)\|$", (CLIENTS / "README.md").read_text(), re.MULTILINE)
    return [Client(*(cell.strip() for cell in row)) for row in rows]


UNTIL_NEVER = ("CLIENT-ENDS-IN-TIME",)
NEVER = replace(POLLS, pace=replace(REAL, never_s=LIMIT_S))
"""Only time tells a missing time-out from a long one: 600 s of it, and here a few."""
QUICK = ("unknown-fields", "service_error", "lost-answer", "query-trouble", "link-expired")
"""What a right client is tried with each time; all of it is for the long tests."""
CATALOGUE = table()
CORRECT = [client for client in CATALOGUE if not client.check]
MISTAKEN = [client for client in CATALOGUE if client.check]


def judged(
    client: Client, behaviours: tuple[str, ...], *, examples: int = 0, seed: int = 0, profile: str = "documented"
) -> dict[str, Result]:
    """The results, by check, of a client that meets these behaviours and as many drawn ones."""
    judge = Judge(checks(Layer.CLIENT))
    options = {"profile": profile, "seed": seed, "moved_by": NEVER if client.check in UNTIL_NEVER else POLLS}
    few = len(behaviours) <= len(QUICK) and not examples
    with Processes(
        client.command, parallel=2 if few else 4, limit_s=LIMIT_S if few else PATIENT_S, **options
    ) as processes:
        campaign = Campaign(processes.player, judge, str)
        campaign.open()
        campaign.named(behaviour_of(one) for one in behaviours)
        if examples:
            campaign.drawn(examples, seed)
    return {result.check.id: result for result in judge.results()}


def broken(results: dict[str, Result]) -> set[str]:
    return {check_id for check_id, result in results.items() if result.outcome is Outcome.BROKEN}


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, Future[dict[str, Result]]]]:
    """Every client on the behaviours that count for it: mostly waiting, so several at once."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setenv("POLL_SECONDS", POLL_SECONDS)
        runnable = [one for one in CATALOGUE if all(map(shutil.which, NEEDED[Path(one.file).suffix]))]
        yield {one.file: pool.submit(judged, one, (one.behaviour,) if one.check else QUICK) for one in runnable}
        pool.shutdown(cancel_futures=True)


def test_the_catalogue_is_complete() -> None:
    files = {path.name for path in CLIENTS.iterdir() if path.suffix in RUNNERS}
    assert files == {client.file for client in CATALOGUE}
    assert len(CATALOGUE) >= 25
    assert {client.check for client in MISTAKEN} == {check.id for check in checks(Layer.CLIENT)}


@pytest.mark.parametrize("client", MISTAKEN, ids=lambda client: client.file)
def test_each_mistake_is_found_by_the_check_that_owns_it(
    client: Client, verdicts: dict[str, Future[dict[str, Result]]]
) -> None:
    client.skip_without_its_tools()
    results = verdicts[client.file].result()
    assert broken(results) == {client.check}
    finding = results[client.check].finding
    assert finding is not None
    assert finding.steps
    assert len(finding.when) == 1
    assert len(behaviour_of(client.behaviour).deviations) <= 1


@pytest.mark.parametrize("client", CORRECT, ids=lambda client: client.file)
def test_a_right_client_holds(client: Client, verdicts: dict[str, Future[dict[str, Result]]]) -> None:
    client.skip_without_its_tools()
    assert not broken(verdicts[client.file].result())


@pytest.mark.long
@pytest.mark.parametrize("profile", ["documented", "observed"])
@pytest.mark.parametrize("client", CORRECT, ids=lambda client: client.file)
def test_a_right_client_holds_with_every_seed(client: Client, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client.skip_without_its_tools()
    monkeypatch.setenv("POLL_SECONDS", POLL_SECONDS)
    everything = tuple(name for name, one in named().items() if not takes_real_time(one))
    assert not broken(judged(client, everything, examples=10, profile=profile))
    for seed in range(1, 10):
        assert not broken(judged(client, (), examples=10, seed=seed, profile=profile))


@pytest.mark.long
@pytest.mark.parametrize("client", MISTAKEN, ids=lambda client: client.file)
def test_a_mistake_is_found_without_knowing_where(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.skip_without_its_tools()
    monkeypatch.setenv("POLL_SECONDS", POLL_SECONDS)
    results = judged(client, tuple(named()))
    assert client.check in broken(results)
