"""Scenarios and trigger words as people write them, turned into what the world understands."""

import re
from collections.abc import Iterable
from typing import Any, Self

from mockserver.contract.document.document import Document
from mockserver.contract.operation import Request
from mockserver.contract.registry import Registry
from mockserver.contract.request.objection import Objection, shown
from mockserver.simulation.scenario import (
    Answer,
    CallbackEffect,
    Effect,
    Fault,
    Media,
    Rule,
    Scenario,
    When,
)
from mockserver.web.api.reach import unreachable

_WORD = re.compile(r"(?<![A-Za-z0-9_])mock:([A-Za-z_]+)=([A-Za-z0-9_.-]*[A-Za-z0-9_-])")
"""A word of its own ("hammock:green=1" is none); the full stop after it ends a sentence."""
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
MARK = b"mock:"
"""What every trigger word begins with: a body without it needs no search."""

EFFECT_WORDS: dict[str, tuple[str, ...]] = {
    "fail": ("fail",),
    "seconds": ("seconds",),
    "queue_seconds": ("queue_seconds",),
    "answer": ("answer", "status"),
    "answer_code": ("answer", "code"),
    "retry_after": ("answer", "retry_after"),
    "fault": ("fault",),
    "stall_seconds": ("stall_seconds",),
    "link_seconds": ("link_seconds",),
    "callback_delay_seconds": ("callback", "delay_seconds"),
    "callback_copies": ("callback", "copies"),
}
"""Each trigger word of a prompt or URL, and the place in a scenario's `then` that it stands for."""
_PREFIX = MARK.decode()
_UNTOLD = Media()
MEDIA_WORDS = {"duration_seconds": "length_ms", "bytes": "bytes"}
"""Trigger words of a media URL: what lies behind it."""

STALL_MS = 60_000


class ScriptError(Exception):
    """A scenario or a trigger word that means nothing; says where, what was received, what is allowed."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(f"{objection.field}: received {objection.received}; allowed: {objection.allowed}")
        self.objection = objection


class Scripts:
    """Reads scenarios and trigger words against their schemas (control.yaml) and the documents' own codes."""

    def __init__(self, registry: Registry, scenario: Request, effect: Request) -> None:
        self._registry, self._scenario, self._effect = registry, scenario, effect

    @classmethod
    def of(cls, registry: Registry, document: Document) -> Self:
        """Against the schemas of the control API's document."""
        schemas = document.raw["components"]["schemas"]
        scenario, effect = (Request(document, schemas[name], required=True) for name in ("Scenario", "Effect"))
        return cls(registry, scenario, effect)

    def scenario(self, written: Any) -> Scenario:
        """A scenario as in a file or a POST. Raises ScriptError with the place that is wrong."""
        _refuse(self._scenario.objection(written))
        written = whole(written)
        rules = tuple(self._rule(rule, f"rules[{index}]") for index, rule in enumerate(written.get("rules", ())))
        media = {url: _media(**facts) for url, facts in written.get("media", {}).items()}
        return Scenario(
            name=written["name"],
            description=written.get("description", ""),
            rules=rules,
            media=media,
        )

    def triggers(self, prompt: str, urls: Iterable[str]) -> Effect | None:
        """What the trigger words of a request ask for. Raises ScriptError for a word that means nothing."""
        written: dict[str, Any] = {}
        for place, text in (("prompt", prompt), *(("url", url) for url in urls)):
            for word, value in _WORD.findall(text):
                if place == "url" and word in MEDIA_WORDS:
                    continue
                _put(written, place, word, value)
        return self._then(written, "mock:") if written else None

    def _rule(self, written: dict[str, Any], place: str) -> Rule:
        when, then = When(**written.get("when", {})), self._then(written["then"], f"{place}.then.")
        objection = unreachable(self._registry, when, then)
        if objection is not None:
            _refuse(objection._replace(field=f"{place}.{objection.field}"))
        return Rule(
            when=when,
            skip=written.get("skip", 0),
            times=written.get("times"),
            chance=float(written.get("chance", 1)),
            then=then,
        )

    def _then(self, written: dict[str, Any], place: str) -> Effect:
        objection = self._effect.objection(written)
        if objection:
            _refuse(objection._replace(field=f"{place}{objection.field}"))
        self._check_codes(written, place)
        fault = Fault(written["fault"]) if "fault" in written else None
        stall_s = written.get("stall_seconds")
        stall_ms = STALL_MS if stall_s is None and fault is Fault.STALLED else _ms(stall_s)
        callback = written.get("callback")
        return Effect(
            fail=written.get("fail"),
            fail_message=written.get("fail_message"),
            work_ms=_ms(written.get("seconds")),
            queue_ms=_ms(written.get("queue_seconds")),
            answer=Answer(**written["answer"]) if "answer" in written else None,
            fault=fault,
            stall_ms=stall_ms,
            link_ms=_ms(written.get("link_seconds")),
            callback=_callback(**callback) if callback is not None else None,
        )

    def _check_codes(self, written: dict[str, Any], place: str) -> None:
        """What only the documents know: the codes of failures, and which errors there are to answer."""
        failures = self._registry.failures
        if "fail" in written and written["fail"] not in failures:
            _refuse(Objection(f"{place}fail", shown(written["fail"]), ", ".join(failures)))
        answer = written.get("answer")
        if answer and not self._registry.has_error(answer["status"], answer.get("code")):
            errors = ", ".join(f"{status} {code}" for status, code in self._registry.error_codes())
            _refuse(Objection(f"{place}answer", shown(answer), errors))


def whole(value: Any) -> Any:
    """The same JSON with 2.0 written 2: to a schema both are integers, to Python only one is."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def media_facts(url: str) -> Media:
    """What the trigger words of a media URL say of the file behind it. Raises ScriptError."""
    if _PREFIX not in url:
        return _UNTOLD
    facts: dict[str, Any] = {}
    for word, value in _WORD.findall(url):
        if word in MEDIA_WORDS:
            number = _number(value)
            if isinstance(number, str) or number < 0:
                _refuse(Objection(f"mock:{word}", shown(value), "a number, not negative"))
            facts[word] = number
    return _media(**facts)


def _put(written: dict[str, Any], place: str, word: str, value: str) -> None:
    path = EFFECT_WORDS.get(word)
    if path is None:
        words = (*EFFECT_WORDS, *MEDIA_WORDS) if place == "url" else tuple(EFFECT_WORDS)
        _refuse(Objection(place, f"the trigger word mock:{word}", ", ".join(f"mock:{one}" for one in words)))
        return
    for step in path[:-1]:
        written = written.setdefault(step, {})
    written[path[-1]] = _number(value)


def _number(value: str) -> int | float | str:
    if _DECIMAL.fullmatch(value) is None:
        return value
    return whole(float(value)) if "." in value else int(value)


def _media(duration_seconds: float | None = None, bytes: int | None = None) -> Media:  # noqa: A002 - as written
    return Media(length_ms=_ms(duration_seconds), bytes=None if bytes is None else int(bytes))


def _callback(delay_seconds: float = 0, copies: int = 1) -> CallbackEffect:
    return CallbackEffect(delay_ms=_ms(delay_seconds) or 0, copies=copies)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _refuse(objection: Objection | None) -> None:
    if objection is not None:
        raise ScriptError(objection)
