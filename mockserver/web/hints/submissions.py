"""Hints about what is submitted, accepted or not."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from mockserver.contract.document.names import Names
from mockserver.contract.models import MOUNTING
from mockserver.data import data
from mockserver.web.api.callback_url import OPTION
from mockserver.web.api.order import urls_of
from mockserver.web.hints.exchanged import Exchanged, Memory
from mockserver.web.hints.hint import Found, Kind, spelled

_REPEAT_MS = 120_000
"""A body that comes again within this time is taken for a repeat, not for a second wish."""
_ALIKE = 0.75
_FEW = 6
_KNOWN_ARE = ", so it does nothing; known here are"
_LOOKED_AT = 20
"""Unknown fields of one request that are looked at."""
_SECRET = re.compile(rb"(?i)(?:^|&)((?:api_?)?key|(?:access_)?token|secret|authorization)=|(?:^|&)([^&=]*)=sk-")
_LONG_ENOUGH = 8
"""Characters of a key that can't be in a text by chance."""


def unknown_field(seen: Exchanged, memory: Memory) -> Found | None:
    """Fields that no document names: the API ignores them, so whoever misspells one never hears of it. The likeliest
    slip of those that were not told of yet goes first."""
    if seen.matter is None or _is_of_another(seen):
        return None
    names = seen.matter.operation.request.names if seen.matter.operation.request else None
    asked = seen.matter.asked if seen.matter.asked is not None else _asked(seen.body)
    if asked is not None and b'"model"' not in seen.body:
        asked = {name: one for name, one in asked.items() if name != "model"}  # it is filled in where nobody asks it
    if names is None or asked is None or (not names.inner and asked.keys() <= names.known):
        return None
    told: dict[str, list[str]] = {}
    for place, name, known in islice(_strangers(asked, names), _LOOKED_AT):
        if memory.meets(spelled(place)):
            told.setdefault(_meant(name, known, names), []).append(spelled(place))
    words = [_unnamed(places, meant) for meant, places in sorted(told.items(), key=lambda one: _KNOWN_ARE in one[0])]
    return (Kind.UNKNOWN_FIELD, "; ".join(words)) if words else None


def _is_of_another(seen: Exchanged) -> bool:
    """Whether it asks for a model that is not served where it came: its fields are judged by the wrong document."""
    objection = seen.matter.objection if seen.matter else None
    return objection is not None and objection.field == "model"


def repeated_submission(seen: Exchanged, memory: Memory) -> Found | None:
    """The same paid request again, with nothing that would tell a repeat from a second wish."""
    matter = seen.matter
    if matter is None or matter.asked is None:
        return None
    header = matter.operation.task_behaviour.idempotency.header
    if header.lower().encode() in seen.headers:
        return None
    moment = seen.moment()
    before = memory.submits(hash(seen.body), moment)
    if before is None or (passed_ms := moment.since_ms(before)) > _REPEAT_MS or not _costs(seen):
        return None
    told = f"the same paid request came again after {passed_ms / 1000:.3g} s without {header}, so it is paid twice"
    return Kind.REPEATED_SUBMISSION, f"{told}; a repeat that carries the same {header} gets the first task again"


def key_in_url(seen: Exchanged, _: Memory) -> Found | None:
    """A key in the request's own URL."""
    secret = _SECRET.search(seen.query)
    if secret is None:
        return None
    name = spelled((secret[1] or secret[2] or b"").decode("latin-1"))
    told = f"a key in the URL ({name}=) ends up in logs and histories"
    return Kind.KEY_IN_URL, f"{told}; send it as the header Authorization: Bearer KEY alone"


def key_handed_on(seen: Exchanged, _: Memory) -> Found | None:
    """A key in a URL that the request hands on to somebody else."""
    key = seen.headers.get(b"authorization", b"").rpartition(b" ")[2]
    if len(key) < _LONG_ENOUGH or key not in seen.body or seen.matter is None:
        return None
    asked, word = seen.matter.asked or {}, key.decode("latin-1")
    for field in asked:
        if any("://" in url and word in url for url in urls_of(asked, field)):
            told = f"{spelled(field)} hands the API key on to whoever serves that URL"
            return Kind.KEY_IN_URL, f"{told}; let a secret of its own stand there instead"
    return None


def result_awaited(seen: Exchanged, memory: Memory) -> None:
    """Nothing to say yet: somebody should fetch what this leads to."""
    if seen.answer.task_id is not None:
        memory.watch(seen.answer.task_id)


def local_callback(seen: Exchanged, _: Memory) -> Found | None:
    """A callback URL that the default policy forbids, where an option would allow it."""
    objection = seen.matter.objection if seen.matter else None
    if objection is None or OPTION not in objection.allowed:
        return None
    told = f"{objection.field} leads to this machine or its network, which the real API refuses, too"
    return Kind.LOCAL_CALLBACK, f"{told}; while developing, start the mock with {OPTION}"


def unmounted_model(seen: Exchanged, _: Memory) -> Found | None:
    """A model of the provider's whose document is not mounted."""
    objection = seen.matter.objection if seen.matter else None
    if seen.matter is not None and (objection is None or MOUNTING not in objection.allowed):
        return None
    wanted = (_asked(seen.body) or {}).get("model")
    if not isinstance(wanted, str) or wanted not in known_models():
        return None
    if seen.matter is None and (seen.answer.status, seen.path) != (404, known_models()[wanted]):
        return None
    told = f"{wanted} is documented for {known_models()[wanted]}, but its document is not mounted here"
    return Kind.UNMOUNTED_MODEL, f"{told}; start the mock with --spec FILE_OR_DIR that has it"


@cache
def known_models() -> dict[str, str]:
    """Models that the provider documents, each with the path of its operation."""
    lines = data("openapi", "known-models.txt").read_text("utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def _asked(body: bytes) -> dict[str, Any] | None:
    """The body of a request that was refused, once more: this way is not a hot one."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _strangers(value: Any, names: Names, place: str = "") -> Iterator[tuple[str, str, Names]]:
    """(place, name, the names known there) of each field that no document names."""
    if not isinstance(value, dict):
        return
    if not value.keys() <= names.known:
        yield from ((f"{place}{name}", name, names) for name in value if name not in names.known)
    for name, inner in names.inner:
        found = value.get(name)
        for one in found if isinstance(found, list) else (found,):
            yield from _strangers(one, inner, f"{place}{name}.")


def _unnamed(places: list[str], meant: str) -> str:
    if len(places) == 1:
        return f"{places[0]}: no document names this field{meant}"
    return f"{', '.join(places)}: no document names these fields{meant.replace('it does', 'they do', 1)}"


def _meant(name: str, names: Names, top: Names) -> str:
    """What the author of a field probably wanted."""
    if names is not top and name in top.known:
        return f" there; {name} belongs at the top of the body"
    plain = {_plain(known): known for known in names.known}
    found = get_close_matches(_plain(name), plain, 1, _ALIKE)
    if found:
        return f", so it does nothing; {plain[found[0]]} was probably meant"
    few = sorted(names.known)[:_FEW]
    return f"{_KNOWN_ARE} {', '.join(few)}{' ...' if len(names.known) > _FEW else ''}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _costs(seen: Exchanged) -> bool:
    """Whether the task of an accepted submission holds credits."""
    task = seen.matter.call.resident.world.tasks.get(seen.answer.task_id or "") if seen.matter else None
    return task is not None and task.terms.reserve_uc > 0
