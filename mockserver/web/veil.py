"""No key is told: whatever equals or carries an API key that was seen is masked, wherever it stands."""

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from mockserver.web.api.identity import api_key, masked
from mockserver.web.http.exchange import Answer
from mockserver.web.http.parsing import UnreadableError, json_of

_SEEN_LIMIT = 1_000
"""Keys that are remembered, the newest; a request's own is among them while it is answered."""
_TELLING = 8
"""A key shorter than this is no secret, and would be found in every other word."""
_ALIKE = re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}")
"""What looks like a key of this API, whoever's it is."""
_CUT = "…"


class _Keys:
    """A set of keys that finds which of them a text holds, however many there are: they stand by their beginnings.
    Whoever prints lines asks in a thread of its own while others come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_start: dict[str, dict[int, set[str]]] = {}

    def add(self, key: str) -> None:
        with self._lock:
            self._by_start.setdefault(key[:_TELLING], {}).setdefault(len(key), set()).add(key)

    def discard(self, key: str) -> None:
        with self._lock:
            by_length = self._by_start.get(key[:_TELLING], {})
            alike = by_length.get(len(key), set())
            alike.discard(key)
            if not alike:
                by_length.pop(len(key), None)
            if not by_length:
                self._by_start.pop(key[:_TELLING], None)

    def within(self, text: str) -> set[str]:
        with self._lock:
            return {
                text[at : at + length]
                for start, by_length in self._by_start.items()
                for at in _places(start, text)
                for length, keys in by_length.items()
                if text[at : at + length] in keys
            }

    def begun_at(self, text: str) -> int | None:
        """Where a key begins that the end of this text cuts."""
        with self._lock:
            for start, by_length in self._by_start.items():
                at = text.rfind(start)
                if at >= 0 and any(key.startswith(text[at:]) for keys in by_length.values() for key in keys):
                    return at
        return None


def _places(start: str, text: str) -> Iterator[int]:
    at = text.find(start)
    while at >= 0:
        yield at
        at = text.find(start, at + 1)


class Veil:
    """The keys that were seen, bounded, and texts without them."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """`keys` are never forgotten."""
        self._always = frozenset(key for key in keys if len(key) >= _TELLING)
        self._seen: dict[bytes, str] = {}
        self._keys = _Keys()
        for key in self._always:
            self._keys.add(key)

    def note(self, authorization: bytes | None) -> None:
        """See the key in the value of an Authorization header."""
        if authorization is None or authorization in self._seen:
            return
        key = api_key({b"authorization": authorization}) or authorization.strip().decode("latin-1")
        if len(key) < _TELLING:
            return
        if len(self._seen) >= _SEEN_LIMIT:
            self._forget(next(iter(self._seen)))
        self._seen[authorization] = key
        self._keys.add(key)

    def _forget(self, authorization: bytes) -> None:
        key = self._seen.pop(authorization)
        if key not in self._always and key not in self._seen.values():
            self._keys.discard(key)

    def over(self, text: str) -> str:
        """The text with every key masked; what is percent-encoded is read as it is meant where it carries one."""
        return self._over(text, self._carried(text))

    def over_all(self, value: Any, raw: bytes) -> Any:
        """The same for all texts in a JSON value, names too. `raw` is what it was read from."""
        return self._over_all(value, self._carried(raw.decode("utf-8", "surrogateescape")))

    def over_answer(self, answer: Answer) -> None:
        """The same for what an answer says of a request."""
        if answer.body:
            answer_body = self._over_json(answer.body)
            if answer_body != answer.body:
                answer.take_body(answer_body)
        for number, (name, value) in enumerate(answer.headers if answer.hints else ()):
            answer.headers[number] = name, self.over(value.decode("latin-1")).encode("latin-1", "replace")

    def _over_json(self, body: bytes) -> bytes:
        keys = self._carried(body.decode("utf-8", "surrogateescape"))
        if not keys and b"sk-" not in body and _CUT.encode() not in body:
            return body
        with contextlib.suppress(UnreadableError):
            told = json_of(body)
            covered = self._over_all(told, keys)
            return body if covered == told else msgspec.json.encode(covered)
        return self._over(body.decode("utf-8", "replace"), keys).encode()

    def _carried(self, text: str) -> list[str]:
        """The keys in this, the longest first: one may be the start of another."""
        plain = f"{text}\n{unquote_plus(text)}" if "%" in text else text
        if "\\" in text:  # as JSON writes it
            plain += text.replace('\\"', '"').replace("\\\\", "\\")
        return sorted(self._keys.within(plain), key=len, reverse=True)

    def _over_all(self, value: Any, keys: list[str]) -> Any:
        if isinstance(value, str):
            return self._over(value, keys)
        if isinstance(value, dict):
            return {self._over(name, keys): self._over_all(one, keys) for name, one in value.items()}
        return [self._over_all(one, keys) for one in value] if isinstance(value, list | tuple) else value

    def _over(self, text: str, keys: list[str]) -> str:
        meant = unquote_plus(text) if "%" in text else text
        veiled = _covered(meant, keys)
        if meant is not text and veiled == meant:
            veiled = _covered(text, keys)
        return self._without_starts(veiled) if _CUT in text else veiled

    def _without_starts(self, text: str) -> str:
        """A message that shows a long value cut it perhaps within a key: what is left of that goes, too."""
        *cut, last = text.split(_CUT)
        return _CUT.join((*map(self.without_start, cut), last))

    def without_start(self, text: str) -> str:
        """A text that ends within a key, without what is there of it."""
        at = self._keys.begun_at(text)
        return text if at is None else text[:at]


def _covered(text: str, keys: list[str]) -> str:
    for key in keys:
        if key in text:
            text = text.replace(key, masked(key))
    return _ALIKE.sub(lambda found: masked(found[0]), text) if "sk-" in text else text
