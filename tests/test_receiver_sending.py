"""How a callback is sent, and how commands around the receiver are run."""

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from contract_tests.receiver import hooks as hooks_module
from contract_tests.receiver.delivery import Delivery, Sender, is_late, is_unreachable
from contract_tests.receiver.hooks import HookError, state_of_command, told_by_command


def test_https_is_trusted_as_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 204 Done\r\n\r\n")
            await writer.drain()

    async def send(ca_file: str | None) -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as served:
            port = served.sockets[0].getsockname()[1]
            sender = Sender(f"https://127.0.0.1:{port}/", timeout_s=3, ca_file=ca_file)
            exchange = await sender.send(Delivery(b"{}"))
            await sender.close()
        return exchange

    assert asyncio.run(send(str(tmp_path / "ca.pem"))).status == 204
    assert is_unreachable(asyncio.run(send(None)))


def test_an_answer_that_never_ends_has_a_time_limit() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.01)

    async def send() -> Any:
        served = await asyncio.start_server(trickle, "127.0.0.1", 0)
        sender = Sender(f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}/", timeout_s=0.1)
        exchange = await sender.send(Delivery(b"{}"))
        await sender.close()
        served.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        return exchange

    assert is_late(asyncio.run(send()))


def test_commands_are_run_without_a_shell_and_with_the_id_of_the_task(tmp_path: Path) -> None:
    program = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['EVOLINK_TASK_ID'])"
    command = f'{sys.executable} -c "{program}" {tmp_path}/$HOME'
    asyncio.run(told_by_command(command)("task-unified-1"))
    assert (tmp_path / "$HOME").read_text() == "task-unified-1"


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_module, "_HOOK_S", 0.1)
    with pytest.raises(HookError, match="not done within"):
        asyncio.run(state_of_command("sleep 60")())


def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(HookError, match="no-such-command: No such file"):
        asyncio.run(state_of_command("no-such-command")())
