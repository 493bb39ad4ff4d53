"""Fixtures for pytest: `evolink_mock`, `evolink_respx`, `evolink_receiver`.

Installed with evolink-mock and loaded by every pytest run, so it imports nothing until a fixture is used.
`-p no:evolink` leaves it out.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.testing import CallbackReceiver, InProcessMock, MockTenant

MARKER = "evolink"
_INI = {
    "profile": ("documented", "what answers hold: documented or observed"),
    "seed": ("0", "ids, queues and chances are drawn from it"),
    "task_seconds": ("5", "how many seconds of the clock a task takes"),
    "credits": ("10000000", "what each API key has at first"),
}
_NUMBERS = {"seed": int, "task_seconds": float, "credits": float}
_MARKED = (*_INI, "clock", "specs", "scenario")


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, (default, words) in _INI.items():
        parser.addini(f"evolink_{name}", f"EvoLink mock: {words} (default: {default})", default=default)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}({', '.join(f'{name}=...' for name in _MARKED)}): what the EvoLink mock is to be like"
    )


class Mocks:
    """The mocks of one pytest process, one for each set of options that its tests ask for, started on demand."""

    def __init__(self) -> None:
        self._running: dict[tuple[type, str], Any] = {}

    def of(self, kind: type, options: dict[str, Any]) -> Any:
        key = (kind, repr(sorted(options.items())))
        if key not in self._running:
            self._running[key] = kind(**options).start()
        return self._running[key]

    def stop(self) -> None:
        while self._running:
            self._running.popitem()[1].stop()


@pytest.fixture(scope="session")
def _evolink_mocks() -> Iterator[Mocks]:
    mocks = Mocks()
    yield mocks
    mocks.stop()


@pytest.fixture
def evolink_mock(request: pytest.FixtureRequest, _evolink_mocks: Mocks) -> "Iterator[MockTenant]":
    """A mock server on a free port and a manual clock, as an API key of this test's own has it.

    The server is shared by the tests of this process; after each test it forgets everything and its clock starts
    again, so a test sees the same alone, among others, and on any worker of pytest-xdist.
    """
    from mockserver.testing import MockServer

    options, scenarios = _asked(request)
    server = _evolink_mocks.of(MockServer, options)
    mock: MockTenant = server.as_key(_key(request.node.nodeid))
    try:
        for scenario in scenarios:
            mock.scenario(scenario)
        yield mock
    finally:
        server.reset()


@pytest.fixture
def evolink_respx(request: pytest.FixtureRequest, _evolink_mocks: Mocks) -> "Iterator[InProcessMock]":
    """The same mock in process: what httpx sends to https://api.evolink.ai is answered without a socket.

    `evolink_respx.router` is the respx router that does it: add routes for callback receivers to it.
    """
    from mockserver.testing import InProcessMock

    options, scenarios = _asked(request)
    try:
        mock: InProcessMock = _evolink_mocks.of(InProcessMock, options)
    except ImportError as error:
        pytest.fail(str(error), pytrace=False)
    mock.catch()
    try:
        for scenario in scenarios:
            mock.scenario(scenario)
        yield mock
    finally:
        mock.release()
        mock.reset()


@pytest.fixture
def evolink_receiver() -> "Iterator[CallbackReceiver]":
    """A callback receiver on loopback: `evolink_receiver.script(500, "timeout", 200)`; 200 without a script."""
    from mockserver.testing import CallbackReceiver

    with CallbackReceiver() as receiver:
        yield receiver


def _key(test: str) -> str:
    """An API key of the test's own: the same in every run, another for every test."""
    return f"sk-test-{blake2b(test.encode(), digest_size=12).hexdigest()}"


def _asked(request: pytest.FixtureRequest) -> tuple[dict[str, Any], list[Any] | tuple[Any, ...]]:
    """Options and scenarios from ini file and markers, the nearest marker first."""
    options: dict[str, Any] = {name: _read(request.config, name) for name in _INI}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        unknown = [*map(repr, marker.args), *(name for name in marker.kwargs if name not in _MARKED)]
        if unknown:
            raise pytest.UsageError(f"@pytest.mark.{MARKER}: received {unknown[0]}; allowed: {', '.join(_MARKED)}")
        options |= marker.kwargs
    scenario = options.pop("scenario", [])
    return options, scenario if isinstance(scenario, list | tuple) else [scenario]


def _read(config: pytest.Config, name: str) -> Any:
    written = config.getini(f"evolink_{name}")
    try:
        return _NUMBERS.get(name, str)(written)
    except ValueError as error:
        raise pytest.UsageError(f"evolink_{name}: received {written!r}; allowed: a number") from error
