"""Raw requests by chance against a running server: whatever comes, it answers in the API's own shape and goes on."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fuzzing import KEYS, Sent, requests

SEED = 20_261_127
PATIENCE_S = 10
SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--clock", "manual", "--allow-local-callbacks"]
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class Served:
    """A server of its own, whatever it prints kept: a line for each request, and apart from them what went wrong."""

    def __init__(self, folder: Path) -> None:
        self.told, self._errors = folder / "told.txt", folder / "errors.txt"
        with self.told.open("wb") as told, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(SERVE, stdout=told, stderr=errors)
        self.url = self._address()
        self.port = httpx.URL(self.url).port or 0

    def _address(self) -> str:
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            if found := re.search(r"EvoLink mock on (http://\S+)", self.told.read_text()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.told.read_text() + self._errors.read_text())

    @property
    def memory_mib(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", fields)[0]) / 1024

    def end(self) -> tuple[int, str]:
        """(exit code, what it told of as wrong); ended as an operator ends it."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        return code, self._errors.read_text()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc to read memory from")
    server = Served(tmp_path)
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def answers_to(port: int, sent: Sent) -> bytes:
    """All that comes back on a connection on which nothing else is said."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        try:
            for piece in sent.pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            """The server has said its last already; that is to be read."""
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    return received


def taken_apart(received: bytes, *, is_head: bool, is_whole: bool) -> Iterator[tuple[int, dict[bytes, bytes], bytes]]:
    """(status, headers, body) of each answer, the first perhaps to HEAD; fails where the bytes are no answers.

    A line that can't be read to its end is no HEAD, however it begins.
    """
    while received:
        found = _STATUS.match(received)
        assert found, received[:200]
        head, mark, rest = received.partition(b"\r\n\r\n")
        assert mark, received[:200]
        headers = {
            name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:])
        }
        status = int(found[1])
        if status == 100 or (is_head and (is_whole or not rest.startswith(b"{"))):
            size = 0
        elif headers.get(b"transfer-encoding") == b"chunked":
            size = rest.index(b"0\r\n\r\n") + 5
        else:
            size = int(headers.get(b"content-length", len(rest)))
        assert len(rest) >= size, (head, len(rest))
        yield status, headers, rest[:size]
        received, is_head = rest[size:], is_head and status == 100


def error_is_well_told(body: bytes) -> bool:
    told = json.loads(body)
    if "error" in told:
        return set(told["error"]) >= {"code", "message", "type"}
    return told.get("success") is False and isinstance(told["msg"], str)


def check(sent: Sent, received: bytes) -> list[int]:
    """The statuses of the answers, after what holds of every one."""
    is_head = b"".join(sent.pieces).lstrip(b"\r\n").startswith(b"HEAD ")
    answers = list(taken_apart(received, is_head=is_head, is_whole=sent.is_whole))
    assert answers or not sent.is_whole, "not answered"
    for status, headers, body in answers:
        assert status < 500, body[:500]
        assert status == 100 or b"date" in headers
        assert status < 400 or not body or error_is_well_told(body), body[:500]
    return [status for status, _, _ in answers]


def books_are_balanced(url: str) -> int:
    """How many accounts there are, each checked."""
    accounts = httpx.get(f"{url}/_mock/ledger").json()["accounts"]
    for account in accounts:
        user = account["user"]
        assert user["granted"] == user["available"] + user["reserved"] + user["charged"], account
    return len(accounts)


def fuzz(served: Served, count: int, seed: int = SEED) -> Counter[int]:
    """How often each status came."""
    found: Counter[int] = Counter()
    for number, sent in enumerate(requests(seed, count)):
        try:
            found.update(check(sent, answers_to(served.port, sent)))
        except (AssertionError, OSError, ValueError) as error:
            raise AssertionError(f"{seed}/{number}: {b''.join(sent.pieces)[:2000]!r}: {error!r}") from error
    return found


def test_some_hundreds_of_raw_requests(served: Served) -> None:
    statuses = fuzz(served, 400)
    assert {200, 400, 404, 405} <= set(statuses)
    assert books_are_balanced(served.url) > 1
    code, told = served.end()
    assert (code, told.count("Traceback")) == (0, 0)


@pytest.mark.long
def test_twenty_thousand_raw_requests(served: Served) -> None:
    memory, statuses, tasks = [], Counter[int](), 0
    for part in range(4):
        statuses += fuzz(served, 5_000, SEED + part)
        assert books_are_balanced(served.url) >= len(KEYS)
        tasks = httpx.get(f"{served.url}/_mock/tasks?limit=1").json()["total"]
        memory.append(served.memory_mib)
    print(f"answers {dict(sorted(statuses.items()))}; memory {[round(one) for one in memory]} MiB")  # noqa: T201 - figures
    code, told = served.end()
    assert code == 0
    assert "Traceback" not in told
    assert len(told.splitlines()) < 30, told
    assert tasks > 500
    assert memory[-1] < memory[0] * 1.3 + 10
