"""Fixtures that every test can use; what they hand out is in tests/house.py."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from mockserver.contract import document
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.house import Mock

MakeMock = Callable[..., Mock]


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
