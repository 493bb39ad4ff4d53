"""What stops while programs come and go leaves nothing open."""

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import Callable

import pytest

from mockserver.interception.interceptor import Interceptor
from mockserver.testing import CallbackReceiver

ROUNDS = 20


def stopped_while_they_come(port: int, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Three connect and leave while its loop is held up, and it stops in the round in which it sees them."""
    held = threading.Event()
    loop.call_soon_threadsafe(held.wait, 10)
    for visitor in [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]:
        visitor.close()
    stopping = threading.Thread(target=stop)
    stopping.start()
    held.set()
    stopping.join()


def receiver_stopped() -> None:
    receiver = CallbackReceiver().start()
    stopped_while_they_come(int(receiver.base_url.rpartition(":")[2]), receiver._background._loop, receiver.stop)


def interceptor_stopped() -> None:
    interceptor = Interceptor(1).__enter__()
    stopped_while_they_come(interceptor.proxy_port, interceptor._loop, interceptor.__exit__)


@pytest.mark.parametrize("one", [receiver_stopped, interceptor_stopped])
def test_connections_that_have_just_begun_are_closed_too(one: Callable[[], None]) -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(ROUNDS):
            one()
        gc.collect()
    assert [str(warning.message) for warning in told] == []
