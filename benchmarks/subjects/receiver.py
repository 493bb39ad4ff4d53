"""`python -m benchmarks.subjects.receiver`: a callback receiver lean enough not to be the bottleneck. It prints where
it listens, and the number of callbacks it has answered for every line that it reads."""

import asyncio
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


class Receiver(asyncio.Protocol):
    """Answers as soon as the body that the head announces is here."""

    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._seen = transport, b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            Receiver.answered += 1
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]
            self._transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Receiver.answered, flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
