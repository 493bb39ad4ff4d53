"""The mock in somebody else's process: it touches nothing of theirs, and says at once what keeps it from running."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import warnings

import httpx
import pytest

from mockserver.testing import InProcessMock, MockServer


class Kept(logging.Handler):
    """A handler of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Nothing."""

    def close(self) -> None:
        self.is_closed = True
        super().close()


def state() -> tuple[object, ...]:
    root = logging.getLogger()
    return (
        list(root.handlers),
        root.level,
        list(logging.getLogger("uvicorn").handlers),
        logging.root.manager.disable,
        {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)},
        dict(os.environ),
        list(warnings.filters),
        socket.getdefaulttimeout(),
        list(sys.path),
    )


@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_a_mock_touches_nothing_of_the_process_it_runs_in(kind: type) -> None:
    handler = Kept()
    logging.getLogger("mine").addHandler(handler)
    kind().start().stop()  # what is loaded with the first one is loaded now
    before = state()
    with kind() as mock:
        assert mock.credits.available > 0
    assert state() == before
    assert not handler.is_closed
    logging.getLogger("mine").removeHandler(handler)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_where_no_socket_can_be_made_the_cause_is_told_at_once(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError("sockets are forbidden here")

    monkeypatch.setattr(socket, "socketpair", forbidden)
    monkeypatch.setattr(socket, "socket", forbidden)
    with pytest.raises(OSError, match="forbidden"):
        kind().start()
    gc.collect()  # asyncio leaves the loop that it could not make


def test_two_in_one_process_share_nothing() -> None:
    with MockServer() as one, MockServer() as other:
        one.advance(seconds=5)
        assert other.now_ms == 1_757_169_743_000


SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--clock", "manual"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_good_end(how: signal.Signals) -> None:
    """Also while an advance waits for a callback."""
    process = subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline() if process.stdout else ""
    url = line.split()[3]
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    process.send_signal(how)
    _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")
