"""Commands as lines. The terms of a submission, which most submissions share, are written once and then numbered."""

from collections.abc import Callable

import msgspec
from msgspec import Struct, structs

from mockserver.simulation.command import Command, Other, Submit
from mockserver.simulation.scenario import Effect, Match
from mockserver.simulation.task import Terms

_TERMS_LIMIT = 1_000
"""Past so many the numbers begin anew."""
_WINDOW_MS = 60_000
"""The usual rate window, which is not written."""
Share = Callable[[Terms], Terms]
"""Gives the one object that stands for all equal terms."""


class _Terms(Struct, frozen=True, tag_field="command", tag="terms"):
    number: int
    terms: Terms


class _Submit(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="command", tag="submit"):
    """A submission with the number of its terms; field for field what Submit is. Old logs have the terms in place."""

    at_ms: int
    terms: int | Terms
    callback_url: str | None = None
    idempotency_key: str | None = None
    fingerprint: str | None = None
    idempotency_window_ms: int = 0
    requests_per_window: int | None = None
    window_ms: int = _WINDOW_MS
    matches: tuple[Match, ...] = ()
    effect: Effect | None = None


_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], _Terms | _Submit | Other] = msgspec.json.Decoder(_Terms | _Submit | Other).decode


class Codec:
    """Writes and reads the lines of one world from a snapshot, or its birth, on. It remembers which terms stand there
    already, so the lines go through one codec, in order."""

    def __init__(self, share: Share = lambda terms: terms) -> None:
        self._share = share
        self._terms: dict[int, Terms] = {}
        self._numbers: dict[int, int] = {}
        """By identity: equal terms are shared."""

    def encode(self, command: Command) -> list[bytes]:
        """One line, after another one where its terms are new."""
        if not isinstance(command, Submit):
            return [_encode(command)]
        lines, terms = [], command.terms
        number = self._numbers.get(id(terms))
        if number is None:
            number = len(self._terms) if len(self._terms) < _TERMS_LIMIT else self._begun_anew()
            lines.append(_encode(self._agreed(_Terms(number, terms))))
        short = _Submit(
            command.at_ms,
            number,
            command.callback_url,
            command.idempotency_key,
            command.fingerprint,
            command.idempotency_window_ms,
            command.requests_per_window,
            _WINDOW_MS if command.window_ms == _WINDOW_MS else command.window_ms,
            command.matches,
            command.effect,
        )
        lines.append(_encode(short))
        return lines

    def decode(self, line: bytes) -> Command | None:
        """The command of a line; None for one that only tells terms.

        Raises msgspec.DecodeError, UnicodeDecodeError or KeyError where it is no line of a log.
        """
        told = _decode(line)
        if isinstance(told, _Terms):
            if told.number == 0:
                self._begun_anew()
            self._agreed(_Terms(told.number, self._share(told.terms)))
            return None
        if not isinstance(told, _Submit):
            return told
        terms = self._terms[told.terms] if isinstance(told.terms, int) else self._share(told.terms)
        return Submit(**{**structs.asdict(told), "terms": terms})

    def _agreed(self, told: _Terms) -> _Terms:
        self._terms[told.number] = told.terms
        self._numbers[id(told.terms)] = told.number
        return told

    def _begun_anew(self) -> int:
        self._terms, self._numbers = {}, {}
        return 0
