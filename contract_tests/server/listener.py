"""A callback receiver that answers by a script and remembers everything: http, or https with a certificate given."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

HANG, RESET = "hang", "reset"
Step = int | str
"""A status to answer with, HANG (never answer), RESET (cut the connection), or the address to redirect to."""
_BODY_LIMIT = 1_048_576
_HANG_S = 60.0
_KEPT = 1_000


@dataclass(slots=True)
class Delivery:
    """One request as it came. `clock_s` is the server's clock at that moment, `left_s` the real seconds after which
    the sender hung up on a receiver that hangs, `noted` what `on_arrival` found out before the answer."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    clock_s: float
    left_s: float | None = None
    noted: Any = None


@dataclass(slots=True)
class Box:
    """What arrives under one path of the listener. The n-th request is answered by the n-th step of the script, and
    with 200 when it is over."""

    url: str
    script: list[Step] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    on_arrival: Callable[[], Any] | None = None


class Listener:
    """A context manager: it listens inside. `clock` tells the seconds of the server's clock."""

    def __init__(
        self,
        clock: Callable[[], float],
        certificate: ssl.SSLContext | None = None,
        *,
        port: int = 0,
        public_url: str = "",
    ) -> None:
        """`public_url` is the address that leads to `port` from where the server is, if that is elsewhere."""
        self._clock, self._certificate, self._port, self._public_url = clock, certificate, port, public_url
        self._boxes: dict[str, Box] = {}
        self._numbers = 0
        self.url = ""

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.listener = self
        if self._certificate is not None:
            self._server.socket = self._certificate.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if self._certificate else "http"
        self.url = self._public_url.rstrip("/") or f"{scheme}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], name="listener", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def box(self, *script: Step) -> Box:
        """A callback URL of its own. Its query has everything that a careless sender would re-encode."""
        self._numbers += 1
        path = f"/box/{self._numbers}/a%2Fb;c"
        box = Box(f"{self.url}{path}?secret=s3cr3t%2B%20x&empty=&list=1&list=2", list(script))
        self._boxes[path] = box
        return box

    def arrived(self, delivery: Delivery) -> tuple[Step, Delivery]:
        box = self._boxes.get(delivery.target.partition("?")[0])
        if box is None:
            return 404, delivery
        delivery.clock_s = self._clock()
        if box.on_arrival is not None:
            delivery.noted = box.on_arrival()
        step = box.script[len(box.deliveries)] if len(box.deliveries) < len(box.script) else 200
        if len(box.deliveries) < _KEPT:
            box.deliveries.append(delivery)
        return step, delivery


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    listener: Listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up, or that does not trust the certificate, is what some checks are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _HANG_S

    def do_POST(self) -> None:
        length = min(int(self.headers.get("content-length", 0)), _BODY_LIMIT)
        headers = {name.lower(): value for name, value in self.headers.items()}
        delivery = Delivery(self.command, self.path, headers, self.rfile.read(length), 0.0)
        step, delivery = self.server.listener.arrived(delivery)
        self.close_connection = True
        if step == HANG:
            delivery.left_s = self._hang()
        elif isinstance(step, int):
            self._answer(step)
        elif step != RESET:
            self._answer(307, step)

    do_GET = do_PUT = do_POST  # noqa: N815

    def _answer(self, status: int, location: str | None = None) -> None:
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _hang(self) -> float:
        """Real seconds until the sender gives up."""
        started = time.monotonic()
        try:
            self.rfile.read(1)
        except OSError:
            """Reset, or nobody gave up in time: both are told by how long it took."""
        return time.monotonic() - started

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """A report tells what came; nothing is printed here."""
