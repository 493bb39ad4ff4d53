"""The mock in somebody else's process: it touches nothing of theirs, and says at once what keeps it from running."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import AsyncMock, patch

import httpx
import pytest

from mockserver.interception.interceptor import Interceptor
from mockserver.testing import CallbackReceiver, InProcessMock, MockServer
from tests.house import CREATE, MINIMAL

SERVE = [sys.executable, "-m", "mockserver", "serve", "--clock", "manual", "--port"]


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
        type(asyncio.get_event_loop_policy()),
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


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError("sockets are forbidden here")

    monkeypatch.setattr(socket, "socketpair", forbidden)
    monkeypatch.setattr(socket, "socket", forbidden)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_where_no_socket_can_be_made_the_cause_is_told_at_once(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(OSError, match="forbidden"):
        kind().start()
    gc.collect()  # asyncio leaves the loop that it could not make


@pytest.mark.usefixtures("no_sockets")
def test_the_mock_in_process_needs_no_socket() -> None:
    pytest.importorskip("uvloop")
    with InProcessMock() as mock:
        mock.router.post("https://client.example/hook").mock(return_value=httpx.Response(204))
        body = {**MINIMAL, "callback_url": "https://client.example/hook"}
        task = httpx.post(f"{mock.url}{CREATE}", json=body, headers=mock.headers).json()
        mock.advance(seconds=10)
        assert mock.callbacks.for_task(task["id"]).outcomes == [204]


NO_FILES = """
import os, resource, sys
from mockserver.testing import InProcessMock, MockServer
from tests.house import CREATE, MINIMAL
kind = {name}
kind().start().stop()
free = len(os.listdir("/proc/self/fd"))  # one of which lists the folder
resource.setrlimit(resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    kind().start()
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="there is no /proc to count files in")
@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_where_no_file_can_be_opened_the_cause_is_told_at_once(kind: type) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_FILES.format(name=kind.__name__)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "Too many open files" in done.stdout
    assert "Traceback" not in done.stderr


CLOSED = [
    "<&- >&- 2>&-",
    *(pytest.param(how, marks=pytest.mark.long) for how in ("<&-", ">&-", "2>&-", ">/dev/full 2>/dev/full")),
]


@pytest.mark.parametrize("how", CLOSED)
def test_with_standard_files_closed_a_command_is_run(how: str) -> None:
    shell = f"{sys.executable} -m mockserver exec -- sh -c 'exit 3' {how}"
    assert subprocess.run(["sh", "-c", shell], timeout=20, check=False, stderr=subprocess.DEVNULL).returncode == 3


@pytest.mark.parametrize("how", CLOSED)
def test_with_standard_files_closed_a_server_serves(how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(["sh", "-c", f"exec {' '.join(SERVE)} {port} {how}"])
    try:
        assert answers_at(f"http://127.0.0.1:{port}/healthz", process)
    finally:
        process.terminate()
    assert process.wait(10) == 0


def answers_at(url: str, process: "subprocess.Popen[bytes]") -> bool:
    """Whether something answers there before long."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url).status_code == 200
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_with_no_standard_streams_a_mock_runs(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, None)
    with kind() as mock:
        assert mock.credits.available > 0


def test_two_in_one_process_share_nothing() -> None:
    with MockServer() as one, MockServer() as other:
        one.advance(seconds=5)
        assert other.now_ms == 1_757_169_743_000


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_good_end(how: signal.Signals) -> None:
    """Also while an advance waits for a callback."""
    process = subprocess.Popen([*SERVE, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline() if process.stdout else ""
    url = line.split()[3]
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    process.send_signal(how)
    _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("kind", [MockServer, InProcessMock, CallbackReceiver])
@pytest.mark.parametrize(
    ("module", "asked"), [("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched")]
)
def test_where_threads_are_replaced_it_is_told_at_once(
    kind: type, module: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{asked: lambda name: name.startswith("thread")}))
    with pytest.raises(RuntimeError, match=f"{module.partition('.')[0]} has replaced .* threads"):
        kind().start()


@pytest.mark.parametrize("kind", [MockServer, InProcessMock, CallbackReceiver])
def test_whoever_replaces_asyncio_sleep_stops_nothing_and_sees_nobody_sleep(kind: type) -> None:
    with patch("asyncio.sleep", AsyncMock()) as slept, kind() as started_later, kind() as one:
        assert answers(one)
        assert answers(started_later)
    assert slept.await_count == 0


def answers(one: "MockServer | InProcessMock | CallbackReceiver") -> bool:
    if isinstance(one, CallbackReceiver):
        return httpx.post(one.url, json={}).is_success
    one.advance(seconds=5)
    return httpx.get(f"{one.url}/v1/credits", headers=one.headers).is_success


def in_a_fork(work: Callable[[], object]) -> str:
    """What this comes to in a process of its own, which has but the one thread."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            told = str(work())
        except Exception as error:
            told = str(error)
        os.write(writes, told.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", [MockServer, InProcessMock])
def test_a_forked_process_is_told_that_the_mock_is_elsewhere(kind: type) -> None:
    with kind() as mock:
        assert f"runs in process {os.getpid()}" in in_a_fork(lambda: mock.advance(seconds=1))
        assert in_a_fork(mock.stop) == "None"
        assert mock.credits.available > 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_ends_nothing() -> None:
    with MockServer() as mock, CallbackReceiver() as receiver, Interceptor(mock.port) as interceptor:
        assert in_a_fork(lambda: httpx.get(f"{mock.url}/healthz").status_code) == "200"
        assert in_a_fork(receiver.stop) == "None"
        assert in_a_fork(interceptor.__exit__) == "None"
        assert interceptor.authority.ca.is_file()
        assert answers(receiver)
