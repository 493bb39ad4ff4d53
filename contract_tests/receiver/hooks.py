"""What the judge may ask of the receiver's surroundings: its state, to be told of a task, to fail once."""

import asyncio
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from contract_tests.exchange import cut
from contract_tests.receiver.delivery import trust

TASK_VARIABLE = "EVOLINK_TASK_ID"
_STATE_LIMIT = 4 * 1024 * 1024
_HOOK_S = 30.0


class HookError(Exception):
    """The surroundings did not do as asked, so the receiver could not be judged."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Each may be absent. `state` returns the receiver's state as text of at most 4 MiB; `before` gets the id of a
    task before its first callback; `fail` makes the receiver fail the next callback. They raise HookError.
    """

    state: Callable[[], Awaitable[str]] | None = None
    before: Callable[[str], Awaitable[None]] | None = None
    fail: Callable[[], Awaitable[None]] | None = None


def state_of_url(url: str) -> Callable[[], Awaitable[str]]:
    """Reads the state by a GET that answers 200."""

    async def read() -> str:
        try:
            async with (
                httpx.AsyncClient(verify=trust(), trust_env=False, timeout=_HOOK_S) as http,
                http.stream("GET", url) as answer,
            ):
                pieces = bytearray()
                async for piece in answer.aiter_bytes():
                    pieces += piece
                    if len(pieces) > _STATE_LIMIT:
                        raise HookError(f"the state has more than {_STATE_LIMIT} bytes")
        except httpx.HTTPError as error:
            raise HookError(f"the state could not be read: {error or type(error).__name__}") from None
        if answer.status_code != httpx.codes.OK:
            raise HookError(f"the state could not be read: received status {answer.status_code}; needed: 200")
        return pieces.decode("utf-8", "replace")

    return read


def state_of_command(command: str) -> Callable[[], Awaitable[str]]:
    """The state is what this command prints."""

    async def read() -> str:
        return await _run(command)

    return read


def told_by_command(command: str) -> Callable[[str], Awaitable[None]]:
    """The command gets the id of the task as EVOLINK_TASK_ID."""

    async def tell(task_id: str) -> None:
        await _run(command, {TASK_VARIABLE: task_id})

    return tell


def failed_by_command(command: str) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        await _run(command)

    return fail


async def _run(command: str, more: dict[str, str] | None = None) -> str:
    """What it prints. No shell: write `sh -c '...'` for one."""
    name = shlex.split(command)[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=os.environ | (more or {})
        )
    except OSError as error:
        raise HookError(f"{name}: {error.strerror}") from None
    try:
        async with asyncio.timeout(_HOOK_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise HookError(f"{name}: not done within {_HOOK_S:g} s") from None
    if process.returncode:
        raise HookError(
            f"{name}: exit status {process.returncode}: {cut(err.decode('utf-8', 'replace').strip(), 300)}"
        )
    if len(out) > _STATE_LIMIT:
        raise HookError(f"{name}: printed more than {_STATE_LIMIT} bytes")
    return out.decode("utf-8", "replace")
