"""Which slot a request concerns, by nothing but the request: so any node can tell whose it is."""

from functools import lru_cache
from urllib.parse import parse_qs

import msgspec

from mockserver.log.slot import slot_of, slot_of_id
from mockserver.web.api.identity import api_key, is_tenant, tenant_of
from mockserver.web.files.links import SAVED, SHOWN
from mockserver.web.files.media import PREFIX as MEDIA
from mockserver.web.http.request import Request

CONTROL = "/_mock/"
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
    path = request.path
    if path.startswith(_OF_ALL):
        return None
    if path == "/_mock/reset":
        return _of_key(_key_in(request.body))
    noun, _, rest = path.removeprefix(CONTROL).partition("/")
    if noun == "accounts":
        return _of_key(rest)
    if noun in ("tasks", "callbacks", "owners") and rest:
        return slot_of_id(rest.partition("/")[0])
    if not request.query:
        return None
    told = parse_qs(request.query.decode("latin-1"), encoding="utf-8", errors="surrogateescape")
    return _of_key(told.get("key", [""])[0])


def _of_key(key: str) -> int | None:
    """Of an API key, or of the name of a world as answers show it."""
    if not key:
        return None
    return slot_of(key if is_tenant(key) else tenant_of(key))


def _key_in(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else ""
