"""A program run under the mock: `mockserver exec`."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import structs

from mockserver.environment import EXAMPLE_KEY, environment
from mockserver.interception.authority import InterceptionError
from mockserver.interception.interceptor import HOSTS, LOOPBACK, Interceptor
from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.testing import MockServer
from mockserver.web.options import Options

NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
"""Exit codes as a shell has them; a program ended by a signal n gives 128 + n."""

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_REFUSED_SHOWN = 3


def run(options: Options, command: Sequence[str], *, quiet: bool) -> int:
    """Run a command with the live hosts led to a mock of its own; returns the exit code. Says little, on stderr only.

    Raises InterceptionError, OptionsError or DocumentError before anything runs.
    """
    told = structs.asdict(options)
    with _ending_orderly(), MockServer(**told) as mock, _interceptor(mock.url) as interceptor:
        before = Tally.of(mock)
        _say(quiet, f"{' and '.join(f'https://{host}' for host in HOSTS)} lead to {mock.url}")
        variables = environment(interceptor, mock.url, *options.only_keys[:1])
        code = _run(command, variables.applied_to(os.environ))
        _say(quiet, _summary(Tally.of(mock), before, interceptor))
        for hint in mock.get("/hints")["hints"]:
            _say(quiet, f"hint: {hint['text']}")
    return code


@contextlib.contextmanager
def intercepting(options: Options, mock_url: str) -> Iterator[Path]:
    """While inside, programs started under the file's variables reach the mock at the live hosts.

    Gives the file, for a POSIX shell to source; a key of the options is not written there. Raises InterceptionError.
    """
    with _ending_orderly(), _interceptor(mock_url) as interceptor:
        shell_file = interceptor.authority.folder / "env.sh"
        key = None if options.only_keys else EXAMPLE_KEY
        shell_file.write_bytes(os.fsencode(environment(interceptor, mock_url, key).as_shell()))
        yield shell_file


def _interceptor(mock_url: str) -> Interceptor:
    url = urlsplit(mock_url)
    if url.hostname != LOOPBACK or url.port is None:
        raise InterceptionError(f"interception leads to a mock on {LOOPBACK}; this one is on {mock_url}")
    return Interceptor(url.port)


@contextlib.contextmanager
def _ending_orderly() -> Iterator[None]:
    """While inside, a signal leaves by way of every `finally`: the certificates are removed."""
    with _handling(_ENDING, lambda number, _: sys.exit(BY_SIGNAL + number)):
        yield


def _run(command: Sequence[str], variables: dict[str, str]) -> int:
    """Run the command; the signals that it is sent by way of this process reach it however early they come."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _: Any) -> None:
        if number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty():
            return  # a terminal's Ctrl-C goes to both by itself
        early.append(number) if child is None else child.send_signal(number)

    with _handling((signal.SIGINT, *_ENDING), forward):
        try:
            child = subprocess.Popen(command, env=variables)  # noqa: S603 - the user's own command
        except OSError as error:
            print(f"mockserver exec: {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
            return NOT_FOUND if isinstance(error, FileNotFoundError | NotADirectoryError) else NOT_EXECUTABLE
        for number in early:
            child.send_signal(number)
        code = child.wait()
    return BY_SIGNAL - code if code < 0 else code


@contextlib.contextmanager
def _handling(signals: Sequence[int], handle: Callable[[int, Any], None]) -> Iterator[None]:
    """While inside, these signals are handled so."""
    former = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class Tally(NamedTuple):
    """What a mock has seen so far; one whose log is a file, in earlier runs, too."""

    requests: int
    tasks: int
    charged: float
    reserved: float

    @classmethod
    def of(cls, mock: MockServer) -> "Tally":
        newest = mock.get("/requests", limit=1)["requests"]
        accounts = [account["user"] for account in mock.get("/ledger")["accounts"]]
        reserved, charged = (sum(one[name] for one in accounts) / UC_PER_CREDIT for name in ("reserved", "charged"))
        tasks = mock.get("/tasks", limit=1)["total"]
        return cls(newest[0]["sequence"] if newest else 0, tasks, charged, reserved)


def _summary(now: Tally, before: Tally, interceptor: Interceptor) -> str:
    """What the program did: requests, tasks, money, and what it was refused."""
    told = [
        f"{now.requests - before.requests} requests",
        f"{max(0, now.tasks - before.tasks)} tasks",
        f"{max(0, now.charged - before.charged):,.10g} credits charged, {now.reserved:,.10g} reserved",
    ]
    if interceptor.refused:
        told.append("refused " + ", ".join(sorted(interceptor.refused)[:_REFUSED_SHOWN]))
    return "; ".join(told)


def _say(quiet: bool, told: str) -> None:
    if not quiet:
        with contextlib.suppress(OSError):  # the command goes first, whoever can be told of it
            print(f"mockserver exec: {told}", file=sys.stderr)  # noqa: T201
