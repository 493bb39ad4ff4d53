"""Fixtures that every test can use; what they hand out is in tests/house.py."""

import secrets
import shlex
from collections.abc import Callable, Generator, Iterator
from functools import cache
from typing import Any

import pytest

from mockserver.contract import document
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.house import Mock

MakeMock = Callable[..., Mock]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One seed for all that is drawn in a run, workers included, so that a failing test can tell it."""
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = secrets.randbits(32)


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
