"""A server that answers anything: the fake, each of whose answers may have one thing or everything changed."""

import json
from copy import deepcopy
from itertools import count
from random import Random
from typing import Any

from mockserver.web.app import Application
from tests.bad_servers.house import Hook, Pass, Wire

_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "7",
    "completed",
    "https://[::1",
    "javascript:0",
    "\x00\ud800",
    "ü" * 300,
    "x" * 3_000,
    [],
    [[]],
    [None, {}, 1],
    {},
    {"id": {}},
    {"code": ["x"], "type": 7},
)
_BODIES = (
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"[" * 3_000 + b"]" * 3_000,
    b"1e999",
    b'{"a": NaN}',
)
_STATUSES = (200, 201, 204, 302, 304, 400, 401, 402, 403, 404, 409, 429, 500, 502, 503, 599)
_HEADERS = (
    ("retry-after", "0"),
    ("retry-after", "-1"),
    ("retry-after", "Fri, 32 Nov 99999 99:99:99 GMT"),
    ("retry-after", "9" * 40),
    ("content-type", "text/html; charset=nonsense"),
    ("content-encoding", "gzip"),
    ("location", "http://[bad"),
    ("idempotency-replayed", "\xe9"),
)


_TRUE = 8
"""Answers at the beginning that are left as they are, so that the server is taken for one of this API."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside another, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, one in inner for place in places(one, (*path, name)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at a place of it."""
    if not path:
        return new
    changed = deepcopy(value)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = new
    return changed


def changed(value: Any, chance: Random) -> Any:
    """One value replaced, dropped, doubled or swapped for another of the same body."""
    path, other = chance.choice(places(value)), chance.choice(places(value))
    kind = chance.randrange(4)
    if kind == 0 and path and isinstance(path[-1], str):
        holder = deepcopy(value)
        inner = holder
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        return holder
    if kind == 1:
        return put(value, path, _at(value, other))
    if kind == 2:
        return put(value, path, [_at(value, path)] * 2)
    return put(value, path, chance.choice(_VALUES))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def fuzzing(seed: int, share: float, control_share: float = 0.0) -> Any:
    """A hook that changes this share of the API's answers, and of those of the control API."""
    chance, numbers = Random(seed), count(1)

    def make(_: Application) -> Hook:
        async def hook(wire: Wire, forward: Pass) -> None:
            await forward(wire)
            if next(numbers) > _TRUE and chance.random() < (
                control_share if wire.path.startswith("/_mock") else share
            ):
                _spoil(wire, chance)

        return hook

    return make


def _spoil(wire: Wire, chance: Random) -> None:
    kind = chance.randrange(10)
    if kind == 0:
        wire.status = chance.choice(_STATUSES)
    elif kind == 1:
        name, value = chance.choice(_HEADERS)
        wire.answer_headers[name] = value
    elif kind == 2:
        wire.answer = chance.choice(_BODIES)
    elif kind == 3:
        wire.is_cut = chance.random() < 0.2
    else:
        _change_json(wire, chance)
    if wire.status in (204, 304):
        wire.answer = b""


def _change_json(wire: Wire, chance: Random) -> None:
    try:
        body = json.loads(wire.answer)
    except ValueError:
        return
    for _ in range(chance.randint(1, 3)):
        body = changed(body, chance)
    wire.answer = json.dumps(body).encode()
