"""Raw requests by a seed: right ones of every operation, and what becomes of them by chance."""

import base64
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

KEYS = tuple(f"sk-of-the-fuzzer-{number:04}" for number in range(6))
HOSTS = "127.0.0.1"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 30).decode()
VIDEO = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "Let it snow",
    "video_urls": ["https://example.com/street.mp4"],
    "image_urls": ["https://example.com/a.png"],
    "keep_original_sound": True,
    "callback_url": "http://127.0.0.1:9/done",
}
SCENARIO = {
    "name": "fuzz",
    "rules": [{"when": {"operation": "cancel"}, "times": 1, "then": {"fail": "service_error", "seconds": 2.5}}],
    "media": {"https://example.com/street.mp4": {"duration_seconds": 9, "bytes": 1000}},
}
FORM = (
    b'--line\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n'
    + base64.b64decode(PNG)
    + b'\r\n--line\r\ncontent-disposition: form-data; name="file_name"\r\n\r\na.png\r\n--line--\r\n'
)
TASK = "/v1/tasks/task-unified-1757169743-abcd1234"

Body = dict[str, Any] | bytes | None
ASKED: tuple[tuple[str, str, Body], ...] = (
    *(("POST", "/v1/videos/generations", VIDEO),) * 9,
    ("GET", TASK, None),
    ("GET", "/v1/credits", None),
    ("GET", "/v1/tasks?status=completed&page=1&page_size=5", None),
    ("POST", "/v1/tasks/batch", {"task_ids": ["task-unified-1-a"]}),
    ("GET", "/v1/models", None),
    ("POST", "/api/v1/files/upload/base64", {"base64_data": PNG, "file_name": "a.png", "upload_path": "images"}),
    ("POST", "/api/v1/files/upload/url", {"file_url": "https://example.com/mock:bytes=2048/a.jpg"}),
    *(("POST", "/api/v1/files/upload/stream", FORM),) * 3,
    ("GET", "/api/v1/files/quota", None),
    ("GET", "/api/v1/files/list?page=1&pageSize=20", None),
    ("DELETE", "/api/v1/files/file_0123456789", None),
    ("GET", "/api/v1/files/download/file_0123456789", None),
    ("GET", "/media/task-unified-1757169743-abcd1234/0.mp4", None),
    ("GET", "/media/files/file_0123456789/a.png", None),
    ("GET", "/healthz", None),
    ("GET", "/_mock/health", None),
    ("GET", "/_mock/clock?key=sk-of-the-fuzzer-0001", None),
    ("PUT", "/_mock/clock?key=sk-of-the-fuzzer-0001", {"mode": "manual", "poll_step_ms": 1000}),
    ("POST", "/_mock/clock/advance", {"ms": 1000}),
    ("GET", "/_mock/tasks?limit=3", None),
    ("POST", "/_mock/tasks/task-unified-1757169743-abcd1234/fail", {"code": "service_error"}),
    ("GET", "/_mock/ledger?key=sk-of-the-fuzzer-0001", None),
    ("PUT", "/_mock/accounts/sk-of-the-fuzzer-0002", {"credits": 5000, "models": None, "user_group": "vip"}),
    ("GET", "/_mock/callbacks?limit=3", None),
    ("POST", "/_mock/callbacks/delivery-1/replay", None),
    ("GET", "/_mock/requests?limit=3", None),
    ("POST", "/_mock/requests/verify", {"method": "POST", "body": {"prompt": "x"}, "count": 1}),
    ("GET", "/_mock/scenarios", None),
    ("POST", "/_mock/scenarios?key=sk-of-the-fuzzer-0003", SCENARIO),
    ("DELETE", "/_mock/scenarios?name=fuzz", None),
    ("GET", "/_mock/log?key=sk-of-the-fuzzer-0001", None),
)
FIELDS = (
    "idempotency-key: 0123456789abcdef",
    "accept: */*",
    "accept-encoding: gzip, br",
    "content-encoding: gzip",
    "expect: 100-continue",
    "connection: close",
    "connection: upgrade\r\nupgrade: websocket",
    "range: bytes=1-5,7-9",
    "if-range: nonsense",
    "if-modified-since: Fri, 99 Foo 2026 25:61:61 GMT",
    "origin: http://127.0.0.1",
    "cookie: a=b; c",
    "transfer-encoding: gzip, chunked",
    "content-length: 99999999999999999999999",
    "content-type: multipart/form-data; boundary=" + "b" * 300,
    "content-type: multipart/form-data; boundary*=utf-16''%ff",
    'content-type: application/json; charset="',
    "host: [::1",
    "host: \xff\xfe",
    "x-long: " + "x" * 5000,
)
ODD_TEXTS = (
    "",
    "\x00",
    "\ud800",
    "\u202e",
    "\U0001f3ac" * 2000,
    "x" * 70_000,
    "mock:seconds=1",
    "mock:seconds=nan",
    "mock:bytes=-1",
    "https://[::1",
    "http://[v1.a]/x.mp4",
    "https://example.com:99999999/a.mp4",
    "https://xn--.localhost/\ufffd",
    "data:image/png;base64,AAAA",
    "%s%n{0}{name}",
    "sk-of-the-fuzzer-0001",
    "../../etc/passwd",
    "NaN",
    "1e309",
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 0.1, -0.0, 1e308, 5e-324)
RAW_VALUES = (b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b'"\xff"', b"01", b"'a'", b"[1,]", b"tru", b"")
DEPTHS = (50, 254, 255, 256, 500, 980, 1023, 1025, 3000)


class Sent(NamedTuple):
    """What goes over the wire, cut into pieces; and whether it is a whole and lawful request, which must be
    answered."""

    pieces: list[bytes]
    is_whole: bool


def requests(seed: int, count: int) -> Iterator[Sent]:
    """The same for the same seed."""
    chance = Random(seed)
    for _ in range(count):
        yield _one(chance)


def _one(chance: Random) -> Sent:
    method, target, body = chance.choice(ASKED)
    if chance.random() < 0.1:
        method = chance.choice(("HEAD", "OPTIONS", "PATCH", "PUT", "DELETE", "POST", "PURGE"))
    if chance.random() < 0.3:
        target = _bent_target(chance, target)
    content = _content(chance, body)
    head, is_lawful = _head(chance, method, target, body, content)
    raw = head + content
    if chance.random() < 0.25:
        raw, is_lawful = _damaged(chance, raw), False
    return Sent(_cut(chance, raw), is_lawful)


def _content(chance: Random, body: Body) -> bytes:
    if body is None:
        return b"" if chance.random() < 0.9 else chance.choice((b"{}", b"null", b"x" * 100))
    if isinstance(body, bytes):
        return _damaged(chance, body) if chance.random() < 0.7 else body
    if chance.random() < 0.2:
        return _raw_json(chance, body)
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 4))):
        body = _bent(chance, body)
    return json.dumps(body).encode()


def _raw_json(chance: Random, body: dict[str, Any]) -> bytes:
    """What no encoder of JSON writes."""
    depth = chance.choice(DEPTHS)
    nested = chance.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth))
    name = chance.choice(list(body)).encode()
    value = chance.choice((*RAW_VALUES, nested, nested))
    return chance.choice(
        (b'{"%b": %b}' % (name, value), json.dumps(body).encode()[:-1] + b', "x": %b}' % value, value)
    )


def _bent(chance: Random, value: Any) -> Any:
    """Another value somewhere inside."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name, bent = chance.choice(list(value)), dict(value)
        deed = chance.random()
        if deed < 0.15:
            del bent[name]
        elif deed < 0.25:
            bent[chance.choice(ODD_TEXTS[:6]) + name] = bent.pop(name)
        else:
            bent[name] = _bent(chance, value[name])
        return bent
    if isinstance(value, list) and value and chance.random() < 0.6:
        return [_bent(chance, one) for one in value] * chance.choice((1, 1, 2, 60))
    return _odd(chance)


def _odd(chance: Random) -> Any:
    plain: Callable[[], Any] = chance.choice(
        (
            lambda: None,
            lambda: chance.random() < 0.5,
            lambda: chance.choice(ODD_NUMBERS),
            lambda: chance.choice(ODD_TEXTS),
            lambda: chance.choice(ODD_TEXTS),
            lambda: [chance.choice(ODD_TEXTS)],
            lambda: {chance.choice(ODD_TEXTS[:5]): chance.choice(ODD_NUMBERS)},
        )
    )
    return plain()


def _bent_target(chance: Random, target: str) -> str:
    path, _, query = target.partition("?")
    return chance.choice(
        (
            target
            + ("&" if query else "?")
            + chance.choice(("limit=0", "page=no", "a=%zz", "key=", "state=x", "%00=1")),
            path + "/",
            path + "%2f%00",
            path.replace("a", "%61"),
            "http://elsewhere.example" + target,
            "//" + target,
            path[: chance.randrange(1, len(path))],
            path + "%ff%fe",
            path + "?" + "&".join(f"{name}={chance.choice(('1', '-1', '%F0%9F', 'x' * 999))}" for name in "abcde"),
            path + "?page=" + "9" * chance.choice((3, 15, 16, 400)),
            "*",
            target + "#" + path,
        )
    )


def _head(chance: Random, method: str, target: str, body: Body, content: bytes) -> tuple[bytes, bool]:
    kind = "multipart/form-data; boundary=line" if isinstance(body, bytes) else "application/json"
    key = chance.choice((*KEYS, *KEYS, "", "\xff\x01", "k" * 3000))
    fields = ["host: " + HOSTS, f"authorization: Bearer {key}", f"content-type: {kind}"]
    is_lawful = "\x01" not in key
    if content or chance.random() < 0.5:
        fields.append(f"content-length: {len(content)}")
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        field = chance.choice(FIELDS)
        is_lawful &= not field.startswith(("transfer-", "content-length", "host", "connection", "expect"))
        fields.insert(chance.randrange(len(fields) + 1), field)
    version = chance.choice(("1.1",) * 9 + ("1.0",))
    return "\r\n".join((f"{method} {target} HTTP/{version}", *fields, "", "")).encode("latin-1"), is_lawful


def _damaged(chance: Random, raw: bytes) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 2, 10, 200)))
        deed = chance.randrange(5)
        if deed == 0:
            del data[at:end]
        elif deed == 1:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 3, 20))))
        elif deed == 2 and data:
            data[min(at, len(data) - 1)] = chance.randrange(256)
        elif deed == 3:
            data[at:at] = data[at:end]
        else:
            data[at:at] = chance.choice((b"\r\n", b"\n", b"\x00", b"\r\n\r\n", b"--line", b'"', b";", b"\xff"))
    return bytes(data)


def _cut(chance: Random, raw: bytes) -> list[bytes]:
    if chance.random() < 0.7 or len(raw) < 3:
        return [raw]
    places = sorted(chance.randrange(len(raw)) for _ in range(chance.choice((1, 2, 6))))
    return [raw[start:end] for start, end in zip((0, *places), (*places, len(raw)), strict=True)]
