"""Recordings: exchanges with a live service kept as files, one each, with nothing in them that is secret."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from contract_tests.exchange import Exchange, redacted, sanitised

FILES = 500
"""Recordings that a run writes, and that a folder may hold at most twenty times over."""
ALIKE = 20
"""Recordings of one operation, status and code that a run keeps: more of them say nothing new."""
BODY_LIMIT = 262_144
"""Characters of a body; an exchange with a longer one is left out, since half a body can't be judged."""
_KEPT = frozenset({"content-type", "retry-after", "idempotency-key", "idempotency-replayed"})
_REQUEST_ID = re.compile(r"(?i)x-(oneapi-)?request-id")
_IDS = re.compile(r"task-unified-[^/?]+")
_LINK = re.compile(r'https?://[^"\s\\]+')
_CODE = re.compile(r'"(?:code|status)"\s*:\s*"?(\w+)')

_Headers = dict[str, str]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`path` with its query. `account` numbers the keys of one run, from 1; 0 is a request without a key. `is_link`:
    an answer named this very address, that of a result or a file, so that no document speaks of its path."""

    account: Annotated[int, msgspec.Meta(ge=0)]
    method: str
    path: Annotated[str, msgspec.Meta(pattern="^/")]
    headers: _Headers
    body: str
    is_link: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Annotated[int, msgspec.Meta(ge=100, le=999)]
    headers: _Headers
    body: str


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange. `run` is when the run that recorded it began to write: accounts are told apart within it."""

    format: Literal["evolink-recording/1"] = "evolink-recording/1"
    run: Annotated[datetime, msgspec.Meta(tz=True)]
    request: Request
    answer: Answer


def record(exchanges: Iterable[Exchange], directory: Path, run: datetime | None = None) -> int:
    """Write what was answered into this folder, in order; returns how many files were written.

    Takes exchanges as they were, with their bodies whole: those that went through `safe` are cut.

    No key, no cookie, no secret of a query and no host is written; an account is a number. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    began, number = run or datetime.now(UTC), 0
    for number, one in enumerate(kept([*exchanges], began), 1):
        method = re.sub(r"\W", "", one.request.method).lower()
        name = f"{began:%Y%m%dT%H%M%S%fZ}-{number:04}-{method}-{one.answer.status}.json"
        (directory / name).write_bytes(msgspec.json.format(msgspec.json.encode(one)) + b"\n")
    return number


def kept(exchanges: list[Exchange], run: datetime) -> Iterator[Recording]:
    """The exchanges worth keeping, without what is secret to any of them."""
    answered = [one for one in exchanges if one.status is not None]
    secrets = frozenset[str]().union(*(one.secrets() for one in answered))
    links = frozenset(link for one in answered for link in _LINK.findall(one.body))
    accounts: dict[str, int] = {}
    alike: Counter[tuple[str, ...]] = Counter()
    for one in answered:
        kind = _kind(one)
        if max(len(one.body), len(one.request_body)) > BODY_LIMIT or alike[kind] >= ALIKE:
            continue
        alike[kind] += 1
        request = msgspec.structs.replace(_request(one, secrets, accounts), is_link=one.url in links)
        yield Recording(run=run, request=request, answer=_answer(one, secrets))
        if alike.total() >= FILES:
            return


def _kind(one: Exchange) -> tuple[str, ...]:
    """What makes two exchanges alike: method, path without ids, status, and the first code or status told."""
    told = _CODE.search(one.body)
    return (one.method, _IDS.sub("", urlsplit(one.url).path), f"{one.status}", told[1] if told else "")


def _request(one: Exchange, secrets: frozenset[str], accounts: dict[str, int]) -> Request:
    parts = urlsplit(one.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request(
        account=_account(one, accounts),
        method=one.method,
        path=_text(redacted(path, secrets)),
        headers=_headers(one.request_headers, secrets),
        body=_text(redacted(one.request_body, secrets)),
    )


def _answer(one: Exchange, secrets: frozenset[str]) -> Answer:
    return Answer(
        status=one.status or 0, headers=_headers(one.headers, secrets), body=_text(redacted(one.body, secrets))
    )


def _account(one: Exchange, accounts: dict[str, int]) -> int:
    given = [value for name, value in one.request_headers.items() if name.lower() == "authorization"]
    return accounts.setdefault(given[0], len(accounts) + 1) if given else 0


def _headers(headers: _Headers, secrets: frozenset[str]) -> _Headers:
    kept = {name.lower(): value for name, value in headers.items() if _is_kept(name)}
    return {name: _text(redacted(sanitised(name, value), secrets)) for name, value in kept.items()}


def _is_kept(name: str) -> bool:
    return name.lower() in _KEPT or _REQUEST_ID.fullmatch(name) is not None


def _text(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
