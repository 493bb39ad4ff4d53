"""Real parts for tests of several nodes: redis-server on a free port, and mock servers as processes on it."""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import CREATE, MINIMAL

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
START_S = 60.0
EXAMPLES = Path(__file__).parent.parent / "fixtures" / "examples" / "cluster"


def free_port() -> int:
    """Below those that connections are given: whatever is started again on it later finds it free."""
    while True:
        port = secrets.randbelow(12_000) + 20_000
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(what: str, so: Any, wait_s: float = START_S) -> Any:
    """The first true value of `so()`."""
    until = time.monotonic() + wait_s
    while not (value := so()):
        assert time.monotonic() < until, f"{what}: not within {wait_s:g} s"
        time.sleep(0.02)
    return value


class Child:
    """A process that is ended by its id, whatever happens."""

    process: "subprocess.Popen[bytes] | None" = None

    def send(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self, wait_s: float = 10) -> float:
        """Seconds that its orderly end took."""
        began = time.monotonic()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(wait_s)
            self.process = None
        return time.monotonic() - began


class RedisServer(Child):
    """With everything kept that it has answered: it may be killed and started again."""

    def __init__(self, folder: Path, port: int | None = None, *options: str) -> None:
        self.folder, self.port, self._options = folder, port or free_port(), options

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        command = ["redis-server", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until("Redis answers", self.answers)
        return self

    def answers(self) -> bool:
        return self.ask("PING") == b"+PONG\r\n"

    def ask(self, *command: str) -> bytes:
        """The beginning of the raw answer; nothing where there is none."""
        written = "".join(f"${len(one)}\r\n{one}\r\n" for one in command)
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(2)
                connection.sendall(f"*{len(command)}\r\n{written}".encode())
                return connection.recv(65_536)
        except OSError:
            return b""


class Node(Child):
    """`mockserver serve` on a port of its own, under the same name however often it is started."""

    def __init__(self, name: str, log: str, *options: str, port: int | None = None) -> None:
        self.name, self.port = name, port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "mockserver", "serve", "--port", str(self.port), "--log", log]
        self._command += ["--node-name", name, "--task-seconds", "0.3", "--allow-local-callbacks", *options]
        self.errors: Path | None = None

    def start(self, *, wait: bool = True) -> "Node":
        with open(self.errors or os.devnull, "ab") as errors:
            self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=errors)
        if wait:
            wait_until(f"{self.name} answers", self.answers)
        return self

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, f"{self.name} has ended by itself"
        with contextlib.suppress(OSError):
            return ask(self.url, "GET", "/healthz")[0] == 200
        return False

    @property
    def health(self) -> Any:
        return ask(self.url, "GET", "/_mock/health")[1]["node"]


def ask(url: str, method: str, path: str, key: str = "", body: Any = None, wait_s: float = 10, **headers: str) -> Any:
    """(status, what the answer says). Raises OSError where none came."""
    content = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **headers, **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url + path, content, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=wait_s) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, _read(refused.read())


def submit(url: str, key: str, **more: Any) -> Any:
    return ask(url, "POST", CREATE, key, {**MINIMAL, **more})


def _read(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode("utf-8", "replace")


@contextlib.contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, None, *options)
    try:
        yield server.start()
    finally:
        server.kill()


@contextlib.contextmanager
def nodes(log: str, names: str, *options: str) -> Iterator[list[Node]]:
    """Nodes that all live, each with its share."""
    made = [Node(name, log, *options) for name in names.split()]
    try:
        for one in made:
            one.start(wait=False)
        for one in made:
            wait_until(f"{one.name} answers", one.answers)
        wait_until("every node has a share", lambda: _is_shared(made))
        yield made
    finally:
        for one in made:
            one.kill()


def _is_shared(made: list[Node]) -> bool:
    health = [one.health for one in made]
    return sum(one["owned"] for one in health) == 4096 and all(one["owned"] for one in health)


class Front(Child):
    """A reverse proxy by its example's configuration, led to these nodes. `program` is nginx or haproxy."""

    def __init__(self, program: str, folder: Path, made: list[Node]) -> None:
        self.port, self._program, self._folder = free_port(), program, folder
        self.url = f"http://127.0.0.1:{self.port}"
        example = EXAMPLES / {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[program]
        text = example.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8081", f"127.0.0.1:{self.port}").replace("worker_processes auto", "user root")
        for number, node in enumerate(made):
            text = text.replace(f"127.0.0.1:{8787 + number}", f"127.0.0.1:{node.port}")
        kept = [line for line in text.splitlines() if not re.search(r"127\.0\.0\.1:878\d", line)]
        self._file = folder / example.name
        self._file.write_text("\n".join(kept) + "\n")

    def start(self) -> "Front":
        command = {
            "nginx": ["nginx", "-p", str(self._folder), "-c", str(self._file), "-g", "daemon off;"],
            "haproxy": ["haproxy", "-f", str(self._file), "-db"],
        }[self._program]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(f"{self._program} answers", self._answers)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return ask(self.url, "GET", "/healthz")[0] == 200
        return False


@contextlib.contextmanager
def front(program: str, folder: Path, made: list[Node]) -> Iterator[Front]:
    proxy = Front(program, folder, made)
    try:
        yield proxy.start()
    finally:
        proxy.stop()
