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
_URL = "evolink_url"
_FIXED = {"profile", "seed", "task_seconds"}
"""What a server that runs already has made up its mind about."""
_NUMBERS = {"seed": int, "task_seconds": float, "credits": float}
_MARKED = (*_INI, "clock", "specs", "scenario")


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, (default, words) in _INI.items():
        parser.addini(f"evolink_{name}", f"EvoLink mock: {words} (default: {default})", default=default)
    parser.addini(_URL, "EvoLink mock: use the one that runs there, instead of starting one for each worker")


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
    """A mock server as an API key of this test's own has it, on a manual clock of its own.

    The server is shared by the tests of this process, or (ini option `evolink_url`) is one that runs already and
    serves all workers of pytest-xdist. A key is a world of its own, and is forgotten after its test: so a test sees
    the same alone, among others, and on any worker.
    """
    options, scenarios = _asked(request)
    key, clock = _key(request.node.nodeid), str(options.get("clock", "manual"))
    url = request.config.getini(_URL)
    if url and not _is_told(request, "task_seconds"):
        del options["task_seconds"]  # that of the server will do
    mock = _on_running(url, key, options) if url else _on_own(_evolink_mocks, key, options)
    mock.own_clock(clock)
    if url:
        mock.account(credits=options["credits"])
    try:
        for scenario in scenarios:
            mock.scenario(scenario)
        yield mock
    finally:
        mock.forget_all()


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


def _on_own(mocks: Mocks, key: str, options: dict[str, Any]) -> "MockTenant":
    from mockserver.testing import MockServer

    mock: MockTenant = mocks.of(MockServer, options).as_key(key)
    return mock


def _on_running(url: str, key: str, options: dict[str, Any]) -> "MockTenant":
    """The key of a test on a server that runs already, which has to be as the test asks."""
    from mockserver.testing import RunningMock

    mock = RunningMock(url, key=key)
    health = mock.get("/health")
    for name in _FIXED & options.keys() & health.keys():
        received, asked = health[name], options[name]
        if received != asked and str(received) != str(asked):
            pytest.fail(f"{_URL} {url}: received {name} {received}; the test asks for {asked}", pytrace=False)
    mock.reset()
    return mock


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


def _is_told(request: pytest.FixtureRequest, name: str) -> bool:
    """Whether a marker or the ini file says so."""
    marked = any(name in marker.kwargs for marker in request.node.iter_markers(MARKER))
    return marked or request.config.getini(f"evolink_{name}") != _INI[name][0]


def _read(config: pytest.Config, name: str) -> Any:
    written = config.getini(f"evolink_{name}")
    try:
        return _NUMBERS.get(name, str)(written)
    except ValueError as error:
        raise pytest.UsageError(f"evolink_{name}: received {written!r}; allowed: a number") from error
