"""Which slot a request concerns, by nothing but the request: so any node can tell whose it is."""

from functools import lru_cache
from urllib.parse import parse_qs

import msgspec

from mockserver.log.slot import slot_of, slot_of_id
from mockserver.web.api.identity import PAGE_HEADER, api_key, is_tenant, tenant_of
from mockserver.web.files.links import SAVED, SHOWN
from mockserver.web.files.media import PREFIX as MEDIA
from mockserver.web.http.request import Request

CONTROL = "/_mock/"
KEY = b"x-mock-key"
"""What a request is passed on with that is about a key that looks like a name."""
_ACCOUNTS = "/_mock/accounts/"
_OF_ALL = ("/_mock/health", "/_mock/requests")
"""What a key in the query does not lead to its owner: each node tells of its own."""


def slot_concerned(request: Request) -> int | None:
    """None where it concerns no key's world, or those of all keys."""
    path = request.path
    if path.startswith(CONTROL):
        return _of_control(request)
    if path.startswith((SHOWN, SAVED)):
        prefix = SHOWN if path.startswith(SHOWN) else SAVED
        return slot_of_id(path.removeprefix(prefix).partition("/")[0])
    if path.startswith(MEDIA):
        return slot_of_id(path.removeprefix(MEDIA).partition("/")[0])
    return _of_header(request.fields.get(b"authorization", b""))


@lru_cache(maxsize=10_000)
def _of_header(value: bytes) -> int | None:
    key = api_key({b"authorization": value})
    return None if key is None else slot_of(tenant_of(key))


def _of_control(request: Request) -> int | None:
    if request.path.startswith(_OF_ALL):
        return None
    noun, _, rest = request.path.removeprefix(CONTROL).partition("/")
    if noun in ("tasks", "callbacks", "owners") and rest:
        return slot_of_id(rest.partition("/")[0])
    key = key_named(request)
    if not key:
        return None
    is_name = is_tenant(key) and not request.is_of_key and KEY not in request.fields
    return slot_of(key if is_name else tenant_of(key))


def key_named(request: Request) -> str:
    """The API key that a call of the control API names, or the name of a world as answers show it."""
    if request.path == "/_mock/reset":
        return _key_in(request.body)
    if request.path.startswith(_ACCOUNTS):
        return request.path.removeprefix(_ACCOUNTS)
    if not request.query:
        return ""
    told = parse_qs(request.query.decode("latin-1"), encoding="utf-8", errors="surrogateescape")
    return told.get("key", [""])[0]


def may_be_key(request: Request) -> str | None:
    """What looks like the name of a world, and may be a key all the same: only who has the worlds of that name can
    tell. The page gives names alone."""
    told = KEY in request.fields or PAGE_HEADER.encode() in request.fields
    if told or slot_concerned(request) is None or not is_tenant(name := key_named(request)):
        return None
    return name


def _key_in(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else ""
