"""A client that does anything: what it sends, in bytes, and how it ends, is drawn from FUZZ_SEED and the process."""

import json
import os
import random
import socket
import sys
from contextlib import suppress
from urllib.parse import urlsplit

KEY, API = os.environ["EVOLINK_API_KEY"], urlsplit(os.environ["EVOLINK_BASE_URL"])
SEED = f"{os.environ['FUZZ_SEED']}-{os.getpid()}"
RANDOM = random.Random(SEED)
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
VALUES = (
    None,
    True,
    -1,
    1e300,
    "",
    "\x00",
    "ü" * 300,
    [],
    [[]],
    {},
    {"id": {}},
    "http://[::1",
    "https://example.com/a.mp4",
)
PATHS = (
    "/v1/videos/generations",
    "/v1/tasks/{task}",
    "/v1/tasks/{task}",
    "/v1/tasks/%00%ff",
    "/v1/tasks",
    "/v1/tasks/batch",
    "/v1/credits?api_key={key}",
    "/media/{task}/0.mp4",
    "/moved/v1/tasks/{task}",
    "/_callback/0",
    "/_mock/health",
    "//",
    "*",
)
HEADERS = (
    "Idempotency-Key: \xfc",
    "Idempotency-Key: ",
    "Idempotency-Key: the-same-each-time-0",
    "Content-Type: text/plain",
    "Range: bytes=5-",
    "Expect: 100-continue",
    "X-Nothing: " + "x" * 3_000,
    "Retry-After: soon",
    "Host: [bad",
)
tasks = ["task-unified-1757169743-7cvnl5zw", "x", "%2e%2e"]


def anything() -> object:
    if RANDOM.random() < 0.2:
        return RANDOM.choice(VALUES)
    changed = {name: value for name, value in VIDEO.items() if RANDOM.random() < 0.9}
    if RANDOM.random() < 0.5:
        changed[RANDOM.choice([*VIDEO, "callback_url", "calback_url", "input", ""])] = RANDOM.choice(VALUES)
    return changed


def request() -> bytes:
    path = RANDOM.choice(PATHS).format(task=RANDOM.choice(tasks), key=KEY)
    method = (
        "POST" if path.endswith(("generations", "batch")) else RANDOM.choice(("GET", "GET", "GET", "DELETE", "Q"))
    )
    body = json.dumps(anything()).encode() if method == "POST" else b""
    if RANDOM.random() < 0.1:
        body = RANDOM.randbytes(RANDOM.randrange(200))
    lines = [f"{method} {path} HTTP/1.1", f"Host: {API.netloc}", f"Authorization: Bearer {KEY}"]
    lines += RANDOM.sample(HEADERS, RANDOM.choice((0, 0, 0, 1, 2)))
    length = len(body) + RANDOM.choice((0,) * 9 + (7, -1))
    lines += [f"Content-Length: {max(0, length)}"] if body else []
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def send(data: bytes) -> None:
    """On a connection of its own, which it may leave early."""
    with suppress(OSError), socket.create_connection((API.hostname, API.port), timeout=0.3) as connection:
        connection.sendall(data if RANDOM.random() < 0.9 else data[: RANDOM.randrange(len(data))])
        if RANDOM.random() < 0.9:
            remember(connection.recv(65_536))


def remember(answer: bytes) -> None:
    with suppress(ValueError, TypeError, KeyError):
        tasks.insert(0, str(json.loads(answer.partition(b"\r\n\r\n")[2])["id"]))


def end() -> None:
    """By an exit code, an exception, a signal; with whatever on its lips."""
    sys.stdout.buffer.write(
        RANDOM.choice((b"", b"\xff\xfe\x00", b"Traceback (most recent call last)\n", KEY.encode()))
    )
    sys.stdout.buffer.flush()
    how = RANDOM.randrange(5)
    if how == 0:
        raise RuntimeError("drawn")
    if how == 1:
        os.kill(os.getpid(), 9)
    sys.exit(RANDOM.choice((0, 1, 255)))


sys.stdout.write(f"seed {SEED}\n")
send(f"GET /v1/credits HTTP/1.1\r\nHost: {API.netloc}\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
for _ in range(RANDOM.randrange(12)):
    send(request() if RANDOM.random() < 0.9 else RANDOM.randbytes(RANDOM.randrange(1, 300)))
end()
