"""Fixtures that every test can use; what they hand out is in tests/house.py."""

import random
import secrets
import shlex
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import cache
from typing import Any

import pytest

from mockserver.contract.document import document
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.house import Mock

MakeMock = Callable[..., Mock]
BEGAN_S = time.monotonic()
NO_TIME = "no time is left for it in this run"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--within",
        type=float,
        metavar="SECONDS",
        help="begin no test after so long, and name those that are left; each run begins with other files",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One seed for all that is drawn in a run, workers included, so that a failing test can tell it."""
    told = getattr(config, "workerinput", {}).get("seed") or config.option.hypothesis_seed
    config.option.hypothesis_seed = secrets.randbits(32) if told is None else told


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist does not get what was set after the options were read."""
    node.workerinput["seed"] = node.config.option.hypothesis_seed


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where time is short, the same files must not come last in every run."""
    if config.option.within is not None:
        turn = random.Random(config.option.hypothesis_seed)
        turns = {item.path: turn.random() for item in items}
        items.sort(key=lambda item: turns[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    within_s = item.config.option.within
    if within_s is not None and time.monotonic() - BEGAN_S > within_s:
        pytest.skip(NO_TIME)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    left = Counter(report.nodeid.partition("::")[0] for report in skipped if NO_TIME in f"{report.longrepr}")
    if left:
        terminalreporter.section("left, since there was no time")
        for path, count in sorted(left.items()):
            terminalreporter.line(f"{count:4} of {path}")


def pytest_report_header(config: pytest.Config) -> str:
    return f"drawn with --hypothesis-seed={config.option.hypothesis_seed}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails tells the line that repeats it."""
    report = yield
    if report.failed:
        seed = item.config.option.hypothesis_seed
        again = shlex.join(["python", "-m", "pytest", item.nodeid, f"--hypothesis-seed={seed}"])
        report.sections.append(("again with", again))
    return report


@pytest.fixture(autouse=True, scope="session")
def read_yaml_once() -> Iterator[None]:
    """Hundreds of mocks read the same documents, and none changes what it has read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_read_yaml", cache(document._read_yaml))
        yield


@pytest.fixture
def make_mock() -> Iterator[MakeMock]:
    """Makes mocks with the options given; on a manual clock unless told otherwise."""
    made: list[Mock] = []

    def make(**options: Any) -> Mock:
        made.append(Mock(Options(**{"clock": Mode.MANUAL, **options})))
        return made[-1]

    yield make
    for mock in made:
        mock.close()


@pytest.fixture
def mock(make_mock: MakeMock) -> Mock:
    """A mock with the default options on a manual clock."""
    return make_mock()


@pytest.fixture
def local(make_mock: MakeMock) -> Mock:
    """A mock whose callbacks may go to this machine, on a manual clock."""
    return make_mock(allow_local_callbacks=True)
