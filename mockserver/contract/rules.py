"""Rules beyond the schema, each a typed entry of x-evolink-rules, judged one after the other."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mockserver.contract.behaviour import Extension, MaxBytes, PublicUrl, Rule, Scheme
from mockserver.contract.objection import Objection, shown

JudgeUrl = Callable[[str], str | None]
"""Why the server may not call this URL; None where it may."""
SizeOf = Callable[[str], int | None]
"""How many bytes lie behind a media URL; None where nothing says it (media are never fetched)."""


class Facts(NamedTuple):
    """What the rules need to know of the world outside the document."""

    judge_url: JudgeUrl
    size_of: SizeOf


def objections(rules: tuple[Rule, ...], body: dict[str, Any], facts: Facts) -> Iterator[Objection]:
    """All that the rules have against a body that its schema accepts."""
    for rule in rules:
        for place, url in _urls(rule.field, body.get(rule.field)):
            objection = _JUDGES[type(rule)](rule, place, url, facts)
            if objection is not None:
                yield objection


def _urls(field: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, list):
        yield from ((f"{field}[{index}]", url) for index, url in enumerate(value) if isinstance(url, str))


def _extension(rule: Extension, place: str, url: str, _: Facts) -> Objection | None:
    """A path without any ending passes: what it holds is only known once it is fetched."""
    ending = PurePosixPath(urlsplit(url).path).suffix.lower()
    if not ending or ending in rule.allowed:
        return None
    return Objection(place, f"a file that ends in {shown(ending)}", ", ".join(rule.allowed))


def _max_bytes(rule: MaxBytes, place: str, url: str, facts: Facts) -> Objection | None:
    size = facts.size_of(url)
    if size is None or size <= rule.bytes:
        return None
    return Objection(place, f"a file of {size} bytes", f"at most {rule.bytes} bytes")


def _scheme(rule: Scheme, place: str, url: str, _: Facts) -> Objection | None:
    scheme = urlsplit(url).scheme.lower()
    if scheme in rule.schemes:
        return None
    return Objection(place, f"the scheme {shown(scheme)}", ", ".join(rule.schemes))


def _public_url(_: PublicUrl, place: str, url: str, facts: Facts) -> Objection | None:
    reason = facts.judge_url(url)
    return None if reason is None else Objection(place, shown(url), f"a public https URL ({reason})")


_JUDGES: dict[type, Callable[[Any, str, str, Facts], Objection | None]] = {
    Extension: _extension,
    MaxBytes: _max_bytes,
    Scheme: _scheme,
    PublicUrl: _public_url,
}
