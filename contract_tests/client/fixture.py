"""A pytest fixture: `from contract_tests.client.fixture import evolink_client_contract`."""

from collections.abc import Callable

import pytest

from contract_tests.client.inprocess import assert_client


@pytest.fixture
def evolink_client_contract() -> Callable[..., None]:
    """Call it with a client, and with the options of `judge_client`; raises AssertionError with what is broken."""
    return assert_client
