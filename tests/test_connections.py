"""A receiver that stops while programs come and go leaves nothing open."""

import gc
import socket
import threading
import warnings

from mockserver.testing import CallbackReceiver

ROUNDS = 20


def stopped_while_they_come(receiver: CallbackReceiver) -> None:
    """Three connect and leave while its loop is held up, and it stops in the round in which it sees them."""
    held = threading.Event()
    receiver._background.submit(holding(held))
    port = int(receiver.base_url.rpartition(":")[2])
    for visitor in [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]:
        visitor.close()
    stopping = threading.Thread(target=receiver.stop)
    stopping.start()
    held.set()
    stopping.join()


async def holding(held: threading.Event) -> None:
    held.wait(10)


def test_connections_that_have_just_begun_are_closed_too() -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(ROUNDS):
            stopped_while_they_come(CallbackReceiver().start())
        gc.collect()
    assert [str(one.message) for one in told] == []
