"""The requests that came, newest last, bounded; and whether one like this was among them."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from mockserver.runtime.clock import unix_ms
from mockserver.simulation.scenario import Fault
from mockserver.web.api.identity import masked
from mockserver.web.http.exchange import Answer, RawHeaders
from mockserver.web.http.parsing import UnreadableError, json_of
from mockserver.web.veil import Veil

_SECRET_PARAMETER = re.compile(
    r"(?i)((?:^|&)(?:(?:key|token|secret|api_?key|access_token|authorization|signature|sig)=|[^&=]*=(?=sk-)))([^&]+)"
)
_SECRET = re.compile(rb"auth|cookie|token|secret|password|api-?key")
"""Headers whose names say that they hold one."""


class _Exchange(Struct, gc=False, array_like=True):
    """What came and what went, as it was."""

    headers: RawHeaders
    body: bytes
    body_truncated: bool
    answer_headers: RawHeaders
    answer: bytes
    fault: Fault | None
    task_id: str | None
    query: bytes
    request_id: str | None
    hints: tuple[tuple[str, str], ...]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Exchange).decode


_COUNTED = 10_000
"""Tenants of whom it is known how many of their entries gave way."""
_WORDS = 300
"""Characters of an error's message that a line has."""


class _Asked(Struct, gc=False):
    """What of a request's body stands in a line."""

    model: str | None = None


_asked = msgspec.json.Decoder(_Asked).decode


class Entry(Struct, gc=False):
    """One exchange, packed into one piece of memory: as thirty small ones each, a thousand entries would drive
    what the next request needs out of the processor's cache. `record` makes it presentable."""

    sequence: int
    at_ms: int
    real_ms: int
    tenant: str | None
    method: str
    path: str
    status: int
    packed: bytes
    veil: Veil

    @property
    def task_id(self) -> str | None:
        """The task that the answer was about."""
        return _unpack(self.packed).task_id

    def line(self) -> dict[str, Any]:
        """The first part of `record`, for a list; of the bodies only the model asked for, and what an error says. It
        looks into as little as it can: whoever looks on asks for all that came, again and again."""
        exchange = _unpack(self.packed)
        told = {
            **self._head(exchange),
            "status": self.status,
            "fault": exchange.fault,
            "task_id": exchange.task_id,
            "model": _model(exchange.body) if exchange.body else None,
            "message": said(readable(exchange.answer)) if self.status >= 400 else None,
        }
        there = {name: value for name, value in told.items() if value is not None}
        line: dict[str, Any] = self.veil.over_all(there, self.packed + self.path.encode())
        if "message" in line:
            line["message"] = line["message"][:_WORDS]  # not before: half a key would not be known for one
        return line

    def record(self) -> dict[str, Any]:
        """As JSON; secrets are masked."""
        exchange = _unpack(self.packed)
        return self._masked(self._told(exchange), exchange, self.packed + self.path.encode())

    def part(self, places: Collection[str]) -> dict[str, Any]:
        """Of `record` these places of the request, or its status; nothing is unpacked for what lies open."""
        part: dict[str, Any] = {"method": self.method, "path": self.path, "status": self.status}
        if OPEN.issuperset(places):
            shown: dict[str, Any] = self.veil.over_all(part, self.path.encode())
            return shown
        exchange = _unpack(self.packed)
        part |= {place: _READ[place](exchange) for place in places if place in _READ}
        fields = (text for field in exchange.headers for text in field)
        return self._masked(part, exchange, b"\n".join((self.path.encode(), exchange.query, exchange.body, *fields)))

    def _masked(self, told: dict[str, Any], exchange: _Exchange, within: bytes) -> dict[str, Any]:
        """Without secrets, also without the one that a body may have been cut in."""
        shown: dict[str, Any] = self.veil.over_all(told, within)
        if exchange.body_truncated and isinstance(shown.get("body"), str):
            shown["body"] = self.veil.without_start(shown["body"])
        return shown

    def _head(self, exchange: _Exchange) -> dict[str, Any]:
        """When it came, whose it was, and what was asked."""
        return {
            "sequence": self.sequence,
            "at_ms": self.at_ms,
            "real_ms": self.real_ms,
            "tenant": self.tenant,
            "method": self.method,
            "path": self.path,
            "query": _query(exchange.query) if exchange.query else "",
        }

    def _told(self, exchange: _Exchange) -> dict[str, Any]:
        return {
            **self._head(exchange),
            "headers": _headers(exchange.headers),
            "body": readable(exchange.body),
            "body_truncated": exchange.body_truncated,
            "status": self.status,
            "answer_headers": _headers(exchange.answer_headers),
            "answer": readable(exchange.answer),
            "fault": exchange.fault,
            "task_id": exchange.task_id,
            "request_id": exchange.request_id,
            "hints": [{"kind": kind, "text": text} for kind, text in exchange.hints],
        }


OPEN = frozenset({"method", "path", "status"})
"""What an entry has unpacked."""


class Journal:
    """At most `limit` exchanges, of each body at most `body_limit` bytes. `listeners` hear of each at once."""

    def __init__(
        self, limit: int = 1_000, body_limit: int = 16_384, veil: Veil | None = None, *, by_time: bool = False
    ) -> None:
        """Numbers count from 1, or (`by_time`, where nodes have each their journal) are microseconds since the Unix
        epoch: so those of all nodes are in one order."""
        self.limit, self.body_limit, self._by_time = limit, body_limit, by_time
        self.veil = Veil() if veil is None else veil
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._dropped: OrderedDict[str | None, int] = OrderedDict()
        self._all_dropped = 0
        self._sequence = 0
        self.listeners: list[Callable[[Entry], None]] = []

    def add(
        self, at_ms: int, method: str, path: str, headers: RawHeaders, body: bytes, answer: Answer, query: bytes = b""
    ) -> Entry:
        """Keep an exchange as it is; what it looks like is worked out when somebody asks."""
        self._sequence = max(self._sequence + 1, unix_ms() * 1000) if self._by_time else self._sequence + 1
        kept = body if len(body) <= self.body_limit else body[: self.body_limit]
        exchange = _Exchange(
            headers,
            kept,
            kept is not body,
            answer.headers,
            answer.body,
            answer.fault,
            answer.task_id,
            query,
            answer.request_id,
            tuple((one.kind, one.text) for one in answer.hints) if answer.hints else (),
        )
        packed = _pack(exchange)
        entry = Entry(self._sequence, at_ms, unix_ms(), answer.tenant, method, path, answer.status, packed, self.veil)
        if len(self._entries) == self.limit:
            self._drop(self._entries[0].tenant)
        self._entries.append(entry)
        for listener in self.listeners:
            listener(entry)
        return entry

    def _drop(self, tenant: str | None) -> None:
        """Count one that gives way. Of very many tenants, those are forgotten that lost something longest ago."""
        self._all_dropped += 1
        self._dropped[tenant] = self._dropped.pop(tenant, 0) + 1
        if len(self._dropped) > _COUNTED:
            self._dropped.popitem(last=False)

    @property
    def last(self) -> int:
        """The number of the last exchange; 0 before the first."""
        return self._sequence

    def entries(self, tenant: str | None = None) -> Iterator[Entry]:
        """Oldest first; of one tenant, or of all."""
        return (entry for entry in tuple(self._entries) if tenant in (None, entry.tenant))

    def dropped(self, tenant: str | None = None) -> int:
        """How many entries of one tenant, or of all, gave way to newer ones."""
        return self._all_dropped if tenant is None else self._dropped.get(tenant, 0)

    def forget(self, tenant: str | None = None) -> None:
        """Drop one tenant's entries, or all."""
        if tenant is None:
            self._dropped, self._all_dropped = OrderedDict(), 0
        else:
            self._all_dropped -= self._dropped.pop(tenant, 0)
        kept = () if tenant is None else (one for one in self._entries if one.tenant != tenant)
        self._entries = deque(kept, maxlen=self.limit)


class Difference(Struct):
    """Where a request is not what was expected."""

    place: str
    expected: Any
    received: Any


def differences(expected: dict[str, Any], record: dict[str, Any]) -> list[Difference]:
    """How a recorded request departs from `expected`: any of method, path, query, status, headers, body.

    Objects are compared by the members that are expected; everything else must be equal.
    """
    found = []
    for place, value in expected.items():
        if place == "headers":
            value = {name.lower(): text for name, text in value.items()}  # noqa: PLW2901
        found += _compare(place, value, record.get(place))
    return found


def _compare(place: str, expected: Any, received: Any) -> list[Difference]:
    if isinstance(expected, dict) and isinstance(received, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in _compare(f"{place}.{name}", value, received.get(name))
        ]
    return [] if expected == received else [Difference(place, expected, received)]


def _headers(headers: RawHeaders) -> dict[str, str]:
    return {name.decode("latin-1"): _shown(name, value) for name, value in headers}


def _shown(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1")
    if _SECRET.search(name) is None:
        return text
    scheme, space, secret = text.partition(" ")
    return f"{scheme} {masked(secret)}" if space and scheme.isalpha() else masked(text)


def _query(query: bytes) -> str:
    """Byte for byte, but for what is a secret by its name or looks like an API key."""
    return _SECRET_PARAMETER.sub(lambda found: found[1] + masked(unquote(found[2])), query.decode("latin-1"))


def readable(body: bytes) -> Any:
    """JSON as JSON; else text, with what is no UTF-8 replaced."""
    try:
        return json_of(body) if body else None
    except UnreadableError:
        return body.decode("utf-8", "replace")


def said(answer: Any) -> str:
    """What the body of an answer says of what was wrong; empty where it says nothing."""
    told = answer.get("error", answer) if isinstance(answer, dict) else None
    words = (told.get("message") or told.get("msg")) if isinstance(told, dict) else None
    return words if isinstance(words, str) else ""


def _model(body: bytes) -> str | None:
    try:
        return _asked(body).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_READ: dict[str, Callable[[_Exchange], Any]] = {
    "query": lambda exchange: _query(exchange.query) if exchange.query else "",
    "headers": lambda exchange: _headers(exchange.headers),
    "body": lambda exchange: readable(exchange.body),
}
"""How what is packed is made presentable."""
