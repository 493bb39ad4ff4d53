"""A callback receiver that is right, and that wrong ones differ from in one thing.

Each module of the catalogue can be run: `python -m tests.receivers.correct PORT`.
"""

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import IO, Any

BODY_LIMIT = 1024 * 1024
ENDS = ("completed", "failed", "cancelled")


class Desk:
    """What becomes of a callback: `receive` answers with a status, `state` tells what was done for which task."""

    server_class: type[HTTPServer] = ThreadingHTTPServer
    body_limit = BODY_LIMIT

    def __init__(self) -> None:
        self.done: dict[str, Any] = {}
        self.known: set[str] = set()
        self.fails = 0
        self.lock = threading.Lock()
        self.here = threading.local()
        self.die: Callable[[], None] = lambda: None

    def state(self) -> Any:
        return self.done

    def receive(self, content_type: str, body: bytes) -> int:
        if not self.is_json(content_type):
            return 415
        task = self.read(body)
        if task is None:
            return 400
        return self.end(task) if task["status"] in ENDS else self.report(task)

    def read_body(self, stream: IO[bytes], length: int) -> bytes:
        return stream.read(length)

    def is_json(self, content_type: str) -> bool:
        return content_type.partition(";")[0].strip().lower() == "application/json"

    def read(self, body: bytes) -> dict[str, Any] | None:
        try:
            task = json.loads(body)
        except ValueError:
            return None
        fits = isinstance(task, dict) and isinstance(task.get("id"), str) and isinstance(task.get("status"), str)
        return task if fits else None

    def report(self, task: dict[str, Any]) -> int:
        """A task that goes on."""
        return 204

    def end(self, task: dict[str, Any]) -> int:
        with self.lock:
            if self.breaks_down():
                return 500
            if task["id"] not in self.done:
                self.done[task["id"]] = self.outcome(task)
        return 200

    def breaks_down(self) -> bool:
        """Whether this is the time to fail, as `POST /fail` asked."""
        self.fails, now = max(self.fails - 1, 0), self.fails
        return now > 0

    def outcome(self, task: dict[str, Any]) -> Any:
        if task["status"] == "completed":
            return {"is": "delivered", "files": task["results"]}
        return {"is": "refused", "why": task.get("error", {"code": task["status"]})["code"]}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    timeout = 30

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.server.desk.state()).encode())

    def do_POST(self) -> None:
        desk = self.server.desk
        length = int(self.headers.get("content-length", 0))
        if length > desk.body_limit:
            return self._answer(413)
        desk.here.connection = self.connection
        body = desk.read_body(self.rfile, length)
        if self.path == "/known":
            desk.known.add(body.decode())
        elif self.path == "/fail":
            desk.fails += 1
        elif len(body) == length:
            return self._answer(desk.receive(self.headers.get("content-type", ""), body))
        return self._answer(204)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status in (307, 308):
            self.send_header("location", self.path + "/")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Server(HTTPServer):
    desk: Desk
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """The connection ends without an answer."""


def server(desk: Desk, port: int = 0) -> HTTPServer:
    """Bound to loopback, not yet serving."""
    kind = type("Server", (_Server, desk.server_class), {"daemon_threads": True, "block_on_close": False})
    made = kind(("127.0.0.1", port), _Handler)
    made.desk = desk
    desk.die = lambda: _end(made)
    return made


def _end(server: HTTPServer) -> None:
    server.shutdown()
    server.server_close()


def main(desk: type[Desk]) -> None:
    server(desk(), int(sys.argv[1]) if len(sys.argv) > 1 else 8000).serve_forever()


def main_of(module: dict[str, Any]) -> None:
    """Of a module with several: the first word says which: `python -m tests.receivers.bodies OneResult 8000`."""
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    known = [
        key for key, one in module.items() if isinstance(one, type) and issubclass(one, Desk) and one is not Desk
    ]
    if name not in known:
        sys.exit(f"received {name!r}; allowed: {', '.join(known)}")
    main(module[name])
