"""A callback receiver that answers by a script and remembers everything: http, or https with a certificate given."""

import json
import re
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

HANG, RESET = "hang", "reset"
Step = int | str
"""A status to answer with, HANG (never answer), RESET (cut the connection), or the address to redirect to."""
_BODY_LIMIT = 1_048_576
_CHUNK_LINE = 1_024
_HANG_S = 60.0
_KEPT = 1_000
_BEAT_S, _BEATS = 0.1, 10_000


@dataclass(slots=True)
class Delivery:
    """One request as it came. `clock_s` is the server's clock at that moment, `noted` what `on_arrival` found out
    before the answer, `answered_s` the clock then, or when the sender hung up on a receiver that hangs, and `left_s`
    the real seconds until it did."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    clock_s: float
    answered_s: float = 0.0
    left_s: float | None = None
    noted: Any = None


@dataclass(slots=True)
class Box:
    """What arrives for one callback URL, wherever it arrives. The n-th request is answered by the n-th step of the
    script, and with 200 when it is over. `targets` are its path and query, as they may arrive unchanged; `task_id` is
    whose callback it is, once that is known."""

    url: str
    targets: tuple[str, ...]
    script: list[Step] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    on_arrival: Callable[[Delivery], Any] | None = None
    task_id: str = ""


class Listener:
    """A context manager: it listens inside. `clock` tells the seconds of the server's clock."""

    def __init__(
        self,
        clock: Callable[[], float],
        certificate: ssl.SSLContext | None = None,
        *,
        port: int = 0,
        public_url: str = "",
        read: Callable[[Any], Any] = lambda body: body,
    ) -> None:
        """`public_url` is the address that leads to `port` from where the server is, if that is elsewhere; `read`
        makes of a callback's body what this API would tell. `strays` is what arrived and belongs to no box."""
        self.read = read
        self._clock, self._certificate, self._port, self._public_url = clock, certificate, port, public_url
        self._boxes: dict[str, Box] = {}
        self._nonce = secrets.token_hex(4)
        self._elsewhere: Box | None = None
        self._closed = threading.Event()
        self._beats: deque[tuple[float, float]] = deque(maxlen=_BEATS)
        self.strays: list[Delivery] = []
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
        threading.Thread(target=self._beat, name="beat", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._closed.wait(_BEAT_S):
            now = time.monotonic()
            self._beats.append((time.time(), now - last - _BEAT_S))
            last = now

    def lag_s(self, since_s: float) -> float:
        """How late this machine has been with what it had to do, at most, since a moment in unix seconds."""
        return max((late_s for at_s, late_s in tuple(self._beats) if at_s >= since_s), default=0.0)

    @property
    def is_local(self) -> bool:
        """Whether its address is one of this machine, that the live API would refuse."""
        return not self._public_url

    def box(self, *script: Step) -> Box:
        """A callback URL of its own. Its query has everything that a careless sender would re-encode; its name stands
        in the path and in the query, so that what arrives changed is still known."""
        name = f"box-{len(self._boxes) + 1}-{self._nonce}"
        target = f"/{name}/a%2Fb;c?secret=s3cr3t%2B%20x&empty=&list=1&list=2&box={name}"
        outside = urlsplit(self.url).path.rstrip("/") + target
        self._boxes[name] = Box(f"{self.url}{target}", (target, outside), list(script))
        return self._boxes[name]

    def now_s(self) -> float:
        """The server's clock."""
        return self._clock()

    @property
    def elsewhere(self) -> Box:
        """A place where nobody has any business, for redirects to lead to: the same each time."""
        if self._elsewhere is None:
            self._elsewhere = self.box()
        return self._elsewhere

    def expect(self, box: Box, task_id: str) -> None:
        """From now on what says that it is about this task is the box's, at whatever path; so is what came
        already."""
        box.task_id = task_id
        for delivery in [one for one in self.strays if self.id_of(one) == task_id]:
            self.strays.remove(delivery)
            box.deliveries.append(delivery)

    def is_led_here(self, timeout_s: float) -> bool:
        """Whether a request to our own address arrives here."""
        name = f"{self._nonce}-{len(self.strays)}"
        try:
            httpx.post(f"{self.url}/{name}", timeout=timeout_s, trust_env=False, content=b"{}")
        except (httpx.HTTPError, httpx.InvalidURL):
            """What counts is what arrived."""
        found = [one for one in self.strays if name in one.target]
        self.strays = [one for one in self.strays if one not in found]
        return bool(found)

    def arrived(self, delivery: Delivery) -> tuple[Step, Delivery]:
        delivery.clock_s = delivery.answered_s = self._clock()
        box = self._box_of(delivery)
        if box is None:
            self.strays = [*self.strays, delivery][-_KEPT:]
            return 404, delivery
        if box.on_arrival is not None:
            delivery.noted = box.on_arrival(delivery)
            delivery.answered_s = self._clock()
        step = box.script[len(box.deliveries)] if len(box.deliveries) < len(box.script) else 200
        if len(box.deliveries) < _KEPT:
            box.deliveries.append(delivery)
        return step, delivery

    def id_of(self, delivery: Delivery) -> str:
        """The task that a body tells of; "" where it tells of none."""
        try:
            body = self.read(json.loads(delivery.body))
        except (ValueError, RecursionError):
            return ""
        task_id = body.get("id") if isinstance(body, dict) else None
        return task_id if isinstance(task_id, str) else ""

    def _box_of(self, delivery: Delivery) -> Box | None:
        """By its name, or by the task that it tells of."""
        for name in re.findall(rf"box-\d+-{self._nonce}", delivery.target.lower()):
            if name in self._boxes:
                return self._boxes[name]
        task_id = self.id_of(delivery)
        return next((box for box in self._boxes.values() if task_id and box.task_id == task_id), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    listener: Listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up, or that does not trust the certificate, is what some checks are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _HANG_S

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        delivery = Delivery(self.command, self.path, headers, self._body(headers), 0.0)
        step, delivery = self.server.listener.arrived(delivery)
        self.close_connection = True
        if step == HANG:
            delivery.left_s = self._hang()
            delivery.answered_s = self.server.listener.now_s()
        elif isinstance(step, int):
            self._answer(step)
        elif step != RESET:
            self._answer(307, step)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def _body(self, headers: dict[str, str]) -> bytes:
        """As much of it as is kept."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        told = headers.get("content-length", "")
        return self.rfile.read(min(int(told[:9]), _BODY_LIMIT)) if told.isascii() and told.isdigit() else b""

    def _chunks(self) -> bytes:
        read = bytearray()
        while len(read) < _BODY_LIMIT:
            told = self.rfile.readline(_CHUNK_LINE).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", told) or not (length := int(told, 16)):
                break
            read += self.rfile.read(min(length, _BODY_LIMIT))
            self.rfile.readline(_CHUNK_LINE)
        return bytes(read)

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
