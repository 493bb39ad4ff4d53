"""A wire between a node and Redis that can be cut: what goes through is dropped, delayed, or halved."""

import contextlib
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable

_PIECE = 65_536


class Proxy:
    """On loopback. `mode` may change at any time: pass, drop (nothing goes through any more), delay, halve (each
    connection is cut in the middle of what it sends)."""

    def __init__(self, target: Callable[[], int], seed: int) -> None:
        self._target, self._drawn = target, random.Random(seed)
        self.mode, self.delay_s = "pass", 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._is_over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._is_over = True
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Let every connection that there is break."""
        for pair in tuple(self._pairs):
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._is_over:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target()), 1)
            except OSError:
                with contextlib.suppress(OSError, UnboundLocalError):
                    client.close()
                continue
            threading.Thread(target=self._carry, args=[client, server], daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        pair = client, server
        self._pairs.add(pair)
        try:
            with selectors.DefaultSelector() as ready:
                ready.register(client, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, client)
                while all(self._hand_on(key.fileobj, key.data) for key, _ in ready.select(0.5)):
                    if self._is_over:
                        return
        except OSError:
            pass
        finally:
            self._pairs.discard(pair)
            for one in pair:
                one.close()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> bool:
        """Whether the connection goes on."""
        data = source.recv(_PIECE)
        if not data:
            return False
        if self.mode == "drop":
            return True
        if self.mode == "delay":
            time.sleep(self.delay_s)
        if self.mode == "halve":
            target.sendall(data[: self._drawn.randrange(len(data) + 1)])
            return False
        target.sendall(data)
        return True
