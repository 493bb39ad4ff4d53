"""A callback receiver in a process of its own: its URL and each task that it is told of become files in a folder."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])


def leave(name: str, text: str) -> None:
    """A file is there as a whole or not at all."""
    part = FOLDER / f"{name}.part"
    part.write_text(text)
    part.rename(FOLDER / name)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        leave(json.loads(body)["id"], body.decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
leave("url", f"http://127.0.0.1:{server.server_port}/done")
server.serve_forever()
