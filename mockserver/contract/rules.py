"""Rules beyond the schema, each a typed entry of x-evolink-rules, judged one after the other."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mockserver.contract import behaviour
from mockserver.contract.request import fields
from mockserver.contract.request.objection import Objection, shown

JudgeUrl = Callable[[str], str | None]
"""Why the server may not call this URL; None where it may."""
SizeOf = Callable[[str], int | None]
"""How many bytes lie behind a media URL; None where nothing says it (media are never fetched)."""
Body = dict[str, Any]


class Facts(NamedTuple):
    """What the rules need to know of the world outside the document. `size_of` is None where nothing tells sizes."""

    judge_url: JudgeUrl
    size_of: SizeOf | None = None


Verdict = tuple[str, str] | None
"""(what was received, what is allowed), or nothing wrong."""


class RuleSet:
    """The rules of an operation, grouped once so that a field that is absent costs nothing.

    What a URL's text alone decides is remembered: the same media come again and again.
    """

    def __init__(self, rules: tuple[behaviour.Rule, ...]) -> None:
        self._of_urls: dict[str, list[behaviour.UrlRule]] = {}
        for rule in rules:
            if isinstance(rule, behaviour.UrlRule):
                self._of_urls.setdefault(rule.field, []).append(rule)
        self._of_facts = {
            path: [(_FACT_JUDGES[type(one)], one) for one in rules if type(one) in _FACT_JUDGES]
            for path, rules in self._of_urls.items()
        }
        self._of_fields = [(_FIELD_JUDGES[type(one)], one) for one in rules if isinstance(one, behaviour.FieldRule)]
        self._of_text = lru_cache(maxsize=4_096)(self._judged_by_text)

    def objection(self, body: Body, facts: Facts) -> Objection | None:
        """The first thing that the rules have against a body that its schema accepts."""
        for path in self._of_urls:
            for place, value in fields.values(body, path):
                objection = self._of_value(path, place, value, facts)
                if objection is not None:
                    return objection
        for judge, rule in self._of_fields:
            objection = judge(rule, body)
            if objection is not None:
                return objection
        return None

    def _of_value(self, path: str, place: str, value: Any, facts: Facts) -> Objection | None:
        """What the rules have against a URL, or against one of a list of them."""
        for index, url in enumerate(value if isinstance(value, list) else (value,)):
            if isinstance(url, str):
                verdict = self._of_text(path, url) or self._judged_by_facts(path, url, facts)
                if verdict is not None:
                    return Objection(f"{place}[{index}]" if isinstance(value, list) else place, *verdict)
        return None

    def _judged_by_text(self, path: str, url: str) -> Verdict:
        judged = (_TEXT_JUDGES[type(rule)](rule, url) for rule in self._of_urls[path] if type(rule) in _TEXT_JUDGES)
        return next((verdict for verdict in judged if verdict is not None), None)

    def _judged_by_facts(self, path: str, url: str, facts: Facts) -> Verdict:
        for judge, rule in self._of_facts[path]:
            verdict = judge(rule, url, facts)
            if verdict is not None:
                return verdict
        return None


def _extension(rule: behaviour.Extension, url: str) -> Verdict:
    """A path without any ending passes: what it holds is only known once it is fetched."""
    ending = PurePosixPath(urlsplit(url).path).suffix.lower()
    if not ending or ending in rule.allowed:
        return None
    return f"a file that ends in {shown(ending)}", ", ".join(rule.allowed)


def _scheme(rule: behaviour.Scheme, url: str) -> Verdict:
    parts = urlsplit(url)
    if parts.scheme.lower() not in rule.schemes:
        return f"the scheme {shown(parts.scheme.lower())}", ", ".join(rule.schemes)
    return None if parts.hostname else (shown(url), "a URL that names a host")


def _length(rule: behaviour.PublicUrl, url: str) -> Verdict:
    if len(url) <= rule.maximum_characters:
        return None
    return f"{len(url)} characters", f"at most {rule.maximum_characters} characters"


def _max_bytes(rule: behaviour.MaxBytes, url: str, facts: Facts) -> Verdict:
    size = None if facts.size_of is None else facts.size_of(url)
    if size is None or size <= rule.bytes:
        return None
    return f"a file of {size} bytes", f"at most {rule.bytes} bytes"


def _public_url(_: behaviour.PublicUrl, url: str, facts: Facts) -> Verdict:
    reason = facts.judge_url(url)
    return None if reason is None else (shown(url), f"a public https URL ({reason})")


def _required_when(rule: behaviour.RequiredWhen, body: Body) -> Objection | None:
    if not fields.holds(body, rule.when) or fields.present(body, rule.field):
        return None
    return Objection(rule.field, "nothing", f"a value{fields.told(rule.when)}")


def _at_least_one_of(rule: behaviour.AtLeastOneOf, body: Body) -> Objection | None:
    if not fields.holds(body, rule.when) or any(fields.present(body, name) for name in rule.fields):
        return None
    return Objection(_listed(rule.fields), "none of them", f"at least one of them{fields.told(rule.when)}")


def _mutually_exclusive(rule: behaviour.MutuallyExclusive, body: Body) -> Objection | None:
    given = tuple(name for name in rule.fields if fields.present(body, name))
    return Objection(_listed(given), "all of them", "one of them at most") if len(given) > 1 else None


def _total_count(rule: behaviour.TotalCount, body: Body) -> Objection | None:
    if not fields.holds(body, rule.when):
        return None
    found = (value for name in rule.fields for _, value in fields.values(body, name))
    count = sum(len(value) if isinstance(value, list) else 1 for value in found)
    if rule.minimum <= count and (rule.maximum is None or count <= rule.maximum):
        return None
    allowed = _between(rule.minimum, rule.maximum)
    return Objection(_listed(rule.fields), f"{count} items", f"{allowed} together{fields.told(rule.when)}")


def _total_seconds(rule: behaviour.TotalSeconds, body: Body) -> Objection | None:
    numbers = [_number(value) for _, value in fields.values(body, rule.field)]
    if not numbers or not fields.holds(body, rule.when):
        return None
    total = sum(numbers)
    if rule.equals_field is not None:
        expected = [_number(value) for _, value in fields.values(body, rule.equals_field)]
        wrong = bool(expected) and total != expected[0]
        allowed = f"the {expected[0]:g} s of {rule.equals_field}" if expected else ""
    else:
        wrong = total < rule.minimum or (rule.maximum is not None and total > rule.maximum)
        allowed = f"{_between(rule.minimum, rule.maximum)} s"
    return Objection(rule.field, f"{total:g} s in all", allowed) if wrong else None


def _min_length(rule: behaviour.MinLength, body: Body) -> Objection | None:
    text = next((value for _, value in fields.values(body, rule.field)), "")
    if not fields.holds(body, rule.when) or not isinstance(text, str) or len(text) >= rule.characters:
        return None
    return Objection(rule.field, f"{len(text)} characters", f"at least {rule.characters}{fields.told(rule.when)}")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _between(minimum: float, maximum: float | None) -> str:
    if maximum is None:
        return f"at least {minimum:g}"
    return f"at most {maximum:g}" if not minimum else f"{minimum:g} to {maximum:g}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


_TEXT_JUDGES: dict[type, Callable[[Any, str], Verdict]] = {
    behaviour.Extension: _extension,
    behaviour.Scheme: _scheme,
    behaviour.PublicUrl: _length,
}
_FACT_JUDGES: dict[type, Callable[[Any, str, Facts], Verdict]] = {
    behaviour.MaxBytes: _max_bytes,
    behaviour.PublicUrl: _public_url,
}
_FIELD_JUDGES: dict[type, Callable[[Any, Body], Objection | None]] = {
    behaviour.RequiredWhen: _required_when,
    behaviour.AtLeastOneOf: _at_least_one_of,
    behaviour.MutuallyExclusive: _mutually_exclusive,
    behaviour.TotalCount: _total_count,
    behaviour.TotalSeconds: _total_seconds,
    behaviour.MinLength: _min_length,
}
