"""A program run as a client: a process group of its own, in time, nothing left behind."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from contract_tests.client.run import Ending, shows_a_crash

_OUTPUT_BYTES = 65_536
_GRACE_S = 1.0
_LATE = "it did not end in time (--time-limit)"

Look = Callable[[], str]
"""Asked while the program runs: why it is to be stopped; empty to let it go on."""


def environment(inherited: Mapping[str, str], url: str, key: str) -> dict[str, str]:
    """What a program is started with: the fake under every name that clients know the API by."""
    names = ("EVOLINK_BASE_URL", "EVOLINK_API_BASE", "EVOLINK_API_URL", "EVOLINK_API_HOST", "MOCKSERVER_URL")
    told = dict.fromkeys(names, url) | {"EVOLINK_API_KEY": key}
    return {**inherited, **told, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def play(command: Sequence[str], env: dict[str, str], *, limit_s: float, look: Look, look_every_s: float) -> Ending:
    """Run a program to its end, to `limit_s`, or until `look` says why not any longer.

    Raises OSError where it can't be started.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            stopped = _wait(process, started + limit_s, look, look_every_s)
        finally:
            _end_group(process)
        seconds, printed = time.monotonic() - started, _tail(output)
        return Ending(
            None if stopped else process.returncode,
            seconds,
            printed,
            stopped,
            late=stopped == _LATE,
            crashed=shows_a_crash(printed),
            ended_s=time.time(),
        )


def _wait(process: subprocess.Popen[bytes], until: float, look: Look, look_every_s: float) -> str:
    """Empty if the program ended by itself; else why it is to be stopped."""
    while time.monotonic() < until:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=min(look_every_s, max(0.01, until - time.monotonic())))
            return ""
        stopped = look()
        if stopped:
            return stopped
    return _LATE


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """The program and whatever it started."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_S)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _OUTPUT_BYTES))
    return output.read().decode("utf-8", "replace")
