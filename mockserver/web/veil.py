"""No key is told: whatever equals or carries an API key that was seen is masked, wherever it stands."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from mockserver.web.api.identity import api_key, masked
from mockserver.web.http.exchange import Answer
from mockserver.web.http.parsing import parsed

_SEEN_LIMIT = 1_000
"""Keys that are remembered, the newest; a request's own is among them while it is answered."""
_TELLING = 8
"""A key shorter than this is no secret, and would be found in every other word."""
_ALIKE = re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}")
"""What looks like a key of this API, whoever's it is."""
_CUT = "…"


class Veil:
    """The keys that were seen, bounded, and texts without them."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """`keys` are never forgotten."""
        self._always = tuple(key for key in keys if len(key) >= _TELLING)
        self._seen: dict[bytes, str] = {}

    def note(self, authorization: bytes | None) -> None:
        """See the key in the value of an Authorization header."""
        if authorization is None or authorization in self._seen:
            return
        key = api_key({b"authorization": authorization}) or authorization.strip().decode("latin-1")
        if len(key) < _TELLING:
            return
        if len(self._seen) >= _SEEN_LIMIT:
            del self._seen[next(iter(self._seen))]
        self._seen[authorization] = key

    def over(self, text: str) -> str:
        """The text with every key masked; what is percent-encoded is read as it is meant where it carries one."""
        return self._over(text, self._carried(text))

    def over_all(self, value: Any, raw: bytes) -> Any:
        """The same for all texts in a JSON value, names too. `raw` is what it was read from."""
        return self._over_all(value, self._carried(raw.decode("utf-8", "surrogateescape")))

    def over_answer(self, answer: Answer) -> None:
        """The same for what an answer says of a request."""
        told = parsed(msgspec.json.decode, answer.body) if answer.body else None
        covered = self.over_all(told, answer.body)
        if covered != told:
            answer.take_body(msgspec.json.encode(covered))
        for number, (name, value) in enumerate(answer.headers if answer.hints else ()):
            answer.headers[number] = name, self.over(value.decode("latin-1")).encode("latin-1", "replace")

    def _keys(self) -> Iterator[str]:
        yield from self._always
        yield from self._seen.values()

    def _carried(self, text: str) -> list[str]:
        """The keys in this, the longest first: one may be the start of another."""
        plain = f"{text}\n{unquote_plus(text)}" if "%" in text else text
        if "\\" in text:  # as JSON writes it
            plain += text.replace('\\"', '"').replace("\\\\", "\\")
        return sorted({key for key in self._keys() if key in plain}, key=len, reverse=True)

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
        for key in self._keys():
            at = text.rfind(key[:_TELLING])
            if at >= 0 and key.startswith(text[at:]):
                return text[:at]
        return text


def _covered(text: str, keys: list[str]) -> str:
    for key in keys:
        text = text.replace(key, masked(key))
    return _ALIKE.sub(lambda found: masked(found[0]), text) if "sk-" in text else text
