"""Bytes from one connection to another and back, with an end to everything."""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

_CHUNK = 65_536
_LINGER_S = 1.0
_LINGER_BYTES = 1_048_576


async def join(
    client: tuple[StreamReader, StreamWriter], server: tuple[StreamReader, StreamWriter], idle_s: float
) -> None:
    """Carry bytes both ways until the server has said all, either side breaks, or nothing moves for `idle_s`.

    The end of what the client says is passed on; the answer still comes back.
    """
    forth = asyncio.create_task(_carry(client[0], server[1], idle_s))
    try:
        await _carry(server[0], client[1], idle_s)
    finally:
        forth.cancel()
        await asyncio.gather(forth, return_exceptions=True)


async def _carry(reader: StreamReader, writer: StreamWriter, idle_s: float) -> None:
    """From one side to the other; a broken connection is an end like any other."""
    with contextlib.suppress(OSError):
        while True:
            async with asyncio.timeout(idle_s):
                if not (data := await reader.read(_CHUNK)):
                    break
                writer.write(data)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def say_last(reader: StreamReader, writer: StreamWriter, answer: bytes) -> None:
    """Write an answer and take in what still comes, so that no reset destroys the answer on its way."""
    with contextlib.suppress(OSError):
        writer.write(answer)
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(_LINGER_S):
            left = _LINGER_BYTES
            while left > 0 and (data := await reader.read(_CHUNK)):
                left -= len(data)


def cut(writer: StreamWriter) -> None:
    """End it at once, if it has not ended. The transport of TLS in Python before 3.11.3 breaks where it has."""
    with contextlib.suppress(AttributeError):
        writer.transport.abort()


async def close(writer: StreamWriter) -> None:
    """Close as soon as what is written has left, or wait no longer than a moment for it."""
    writer.close()
    with contextlib.suppress(OSError):
        async with asyncio.timeout(_LINGER_S):
            await writer.wait_closed()
