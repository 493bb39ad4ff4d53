"""Options of `pytest --pyargs contract_tests --evolink-url URL`: the same checks, as tests of a project's own run;
the fixture `evolink_client_contract`, which judges a client of the project; and `--evolink-judge`, which judges what
each test of the project sent to its mock.

Every pytest of an environment loads this, so that what is heavy is imported by the fixture that needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contract_tests.server.run import Options, Run

_MOST_CREDITS = 1e9
_NEEDED = {"--evolink-judge": "contract_tests.traffic.listening", "--evolink-url": "contract_tests.server.course"}
"""What an option loads, which the extra `contract` brings."""


def _credits(text: str) -> float:
    """Raises ValueError, which pytest tells as wrong usage."""
    if not 0 <= (amount := float(text)) <= _MOST_CREDITS:  # nan neither
        raise ValueError(text)
    return amount


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("evolink contract tests")
    group.addoption("--evolink-url", help="The server to judge, or `fake`; without it these tests are skipped.")
    group.addoption(
        "--evolink-profile", choices=["documented", "observed"], help="What a mock says, else documented."
    )
    group.addoption(
        "--evolink-spec",
        action="append",
        default=[],
        metavar="FILE_OR_DIR",
        help="Judge by this document; repeatable.",
    )
    group.addoption("--evolink-model", help="The model of the documents that is judged.")
    group.addoption("--evolink-seed", type=int, default=0, help="What is drawn is drawn from it.")
    group.addoption("--evolink-max-credits", type=_credits, help="Most credits to reserve; 0 unless it is a mock.")
    group.addoption("--evolink-no-control", action="store_true", help="Judge a mock like any other server.")
    group.addoption(
        "--evolink-judge",
        nargs="?",
        choices=["warn", "fail"],
        const="fail",
        help="Judge what each test sent to its mock: what breaks a promise is a warning, or fails the test.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Raises UsageError where an option needs libraries that are not there."""
    for option, module in _NEEDED.items():
        if config.getoption(option) is None:
            continue
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = f"{error.name} is not installed: pip install 'evolink-mock[contract]'"
            raise pytest.UsageError(f"{option}: {missing}") from error


class EvolinkTrafficWarning(pytest.PytestWarning):
    """What a test sent to its mock breaks a promise."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Judge a test that passed by what it sent; one that failed has its reason already."""
    how = item.config.getoption("--evolink-judge")
    if how is None:
        return (yield)
    from contract_tests.traffic.listening import Listening

    listening = Listening(getattr(item, "funcargs", {}).values())
    yield
    found = listening.findings()
    if found and how == "fail":
        pytest.fail("\n\n".join(found), pytrace=False)
    for text in found:
        item.warn(EvolinkTrafficWarning(text))


@pytest.fixture(scope="session")
def evolink_run(pytestconfig: pytest.Config) -> Iterator[Run]:
    """A run against the server named by `--evolink-url`; EVOLINK_API_KEY and EVOLINK_OTHER_API_KEY are its keys."""
    url = pytestconfig.getoption("--evolink-url")
    if url is None:
        pytest.skip("no --evolink-url names a server to judge")
    from contract_tests.server.fake import FAKE, fake
    from contract_tests.server.run import opened

    profile, seed = pytestconfig.getoption("--evolink-profile"), pytestconfig.getoption("--evolink-seed")
    if url != FAKE:
        with opened(_options(pytestconfig, url)) as run:
            yield run
        return
    options = _options(pytestconfig, FAKE)
    with fake(profile or "documented", seed, options.settings.contract.specs) as started:
        settings = replace(options.settings, url=started.url)
        with opened(replace(options, settings=settings, certificate=started.certificate)) as run:
            yield run


@pytest.fixture
def evolink_client_contract() -> Callable[..., None]:
    """Call it with a client, and with the options of `judge_client`; raises AssertionError with what is broken."""
    try:
        from contract_tests.client.inprocess import assert_client
    except ModuleNotFoundError as error:
        pytest.fail(f"{error.name} is not installed: pip install 'evolink-mock[contract]'", pytrace=False)
    return assert_client


def _options(pytestconfig: pytest.Config, url: str) -> Options:
    from contract_tests.contract.mounted import contract_of
    from contract_tests.server.fake import FAKE
    from contract_tests.server.run import Options
    from contract_tests.server.talk.address import AddressError, server_address
    from contract_tests.server.talk.target import Settings, keys_from_environment
    from mockserver.testing import SpecError

    key, other_key = keys_from_environment()
    try:
        address = url if url == FAKE else server_address(url)
        contract = contract_of(pytestconfig.getoption("--evolink-spec"), pytestconfig.getoption("--evolink-model"))
    except AddressError as error:
        raise pytest.UsageError(f"--evolink-url: {error}") from error
    except SpecError as error:
        raise pytest.UsageError(f"--evolink-{str(error).removeprefix('--')}") from error
    return Options(
        settings=Settings(url=address, key=key, other_key=other_key, contract=contract),
        profile=pytestconfig.getoption("--evolink-profile"),
        seed=pytestconfig.getoption("--evolink-seed"),
        max_credits=pytestconfig.getoption("--evolink-max-credits"),
        control=not pytestconfig.getoption("--evolink-no-control"),
    )
