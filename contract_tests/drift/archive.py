"""Recordings that other tools made: HTTP archives (HAR 1.2: browsers, proxies, Polly.js) and cassettes (vcrpy, Ruby's
VCR, PHP-VCR), as YAML or JSON. Read here alone, whatever is in them."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import yaml

from contract_tests.drift.drift import find_operation
from contract_tests.drift.neighbour import neighbours
from contract_tests.exchange import Exchange

_LIMIT = 128 * 1024 * 1024
"""Bytes of a file."""
UNKEPT = "the body was not kept"
_NO_KEY = 401
_WITHHELD = {403: {"authorization": "Bearer 2"}}
"""Tools take keys out of what they keep: where the answer was no 401 there was one, and where it was 403, another."""
_YAML = frozenset({".yaml", ".yml"})
_TASKS = frozenset({"create_task", "get_task"})
_Headers = dict[str, str | list[str]]


class ArchiveError(Exception):
    """A file that is none of all this: says what is wrong."""


class _Field(msgspec.Struct):
    name: str
    value: str = ""


class _Content(msgspec.Struct, rename={"mime_type": "mimeType"}):
    text: str | None = None
    encoding: str = ""
    mime_type: str = ""
    size: Any = None

    @property
    def is_kept(self) -> bool:
        """Browsers save archives without the bodies, if asked to, or where they have none left."""
        return self.text is not None or not isinstance(self.size, int | float) or self.size <= 0


class _HarRequest(msgspec.Struct, rename={"post_data": "postData"}):
    method: str
    url: str
    headers: list[_Field] = []
    post_data: _Content | None = None


class _HarResponse(msgspec.Struct):
    status: int
    headers: list[_Field] = []
    content: _Content = msgspec.field(default_factory=_Content)


class _HarEntry(msgspec.Struct, rename={"started": "startedDateTime"}):
    request: _HarRequest
    response: _HarResponse
    started: datetime | None = None


class _HarLog(msgspec.Struct):
    entries: list[_HarEntry]


class _Asked(msgspec.Struct):
    """`uri` is what vcrpy and Ruby call it, `url` PHP."""

    method: str
    uri: str = ""
    url: str = ""
    headers: _Headers | None = None
    body: Any = None


class _Status(msgspec.Struct):
    code: int


class _Answered(msgspec.Struct):
    status: _Status
    headers: _Headers | None = None
    body: Any = None


class _Interaction(msgspec.Struct):
    request: _Asked
    response: _Answered
    recorded_at: Any = None


class Archive(msgspec.Struct, frozen=True):
    """`began` is when the first exchange was recorded, as far as the file tells; else when it was written."""

    began: datetime
    exchanges: list[Exchange]


def archive_of(told: Any, path: Path) -> Archive | None:
    """What an archive or a cassette holds, in its order; None for data that is neither. Raises ArchiveError."""
    try:
        if isinstance(told, dict) and isinstance(told.get("log"), dict):
            return _of_har(msgspec.convert(told["log"], _HarLog, strict=False), path)
        interactions = _interactions(told)
        if interactions is not None:
            return _of_cassette(msgspec.convert(interactions, list[_Interaction], strict=False), path)
    except (msgspec.ValidationError, ValueError) as error:
        raise ArchiveError(f"{error}") from error
    if path.suffix in _YAML:
        raise ArchiveError("no cassette: allowed are `interactions`, `http_interactions` or a list of requests")
    return None


def of_api(exchanges: list[Exchange], document: Mapping[str, Any]) -> tuple[list[Exchange], Counter[str]]:
    """The exchanges with the hosts that serve the document's operations, and how many there were with each other
    one, or of what has another document: programs talk to more than one API while they are recorded."""
    asked = [(_host(one), find_operation(document, one.method, urlsplit(one.url).path)) for one in exchanges]
    hosts = {host for host, operation in asked if operation is not None and operation.role in _TASKS}
    hosts = hosts or {host for host, operation in asked if operation is not None}
    others = Counter(host for host, _ in asked if host not in hosts)
    there = [one for one in exchanges if _host(one) in hosts]
    whose = [*zip(there, neighbours(there, document), strict=True)]
    return [one for one, other in whose if not other], others + Counter(other for _, other in whose if other)


def data_of(path: Path) -> Any:
    """JSON or YAML. A HAR file begins with a byte order mark where some proxies write it. Raises ArchiveError and
    OSError."""
    if (size := path.stat().st_size) > _LIMIT:
        raise ArchiveError(f"received {size} bytes; allowed: {_LIMIT}")
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        if path.suffix in _YAML:
            return yaml.load(raw, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ArchiveError(" ".join(f"{error}".split())) from error


def _interactions(told: Any) -> Any:
    """Those of a cassette: vcrpy's, Ruby's, or PHP's, which is nothing but a list."""
    if isinstance(told, dict):
        return told.get("interactions", told.get("http_interactions"))
    is_list = isinstance(told, list) and told and all(isinstance(one, dict) and "request" in one for one in told)
    return told if is_list else None


def _of_har(log: _HarLog, path: Path) -> Archive:
    entries = log.entries
    if all(one.started is not None and one.started.tzinfo is not None for one in entries):
        entries = sorted(entries, key=lambda one: one.started or _written(path))
    exchanges = [
        _exchange(
            (one.request.method, one.request.url),
            _typed(one.request.post_data) | _named(one.request.headers),
            _text(one.request.post_data, {}),
            (one.response.status, _named(one.response.headers), _text(one.response.content, {})),
            failure="" if one.response.content.is_kept else UNKEPT,
        )
        for one in entries
    ]
    return Archive(_first((one.started for one in entries), path), exchanges)


def _of_cassette(interactions: list[_Interaction], path: Path) -> Archive:
    exchanges = [
        _exchange(
            (one.request.method.upper(), one.request.uri or one.request.url),
            _joined(one.request.headers),
            _text(one.request.body, {}),
            (
                one.response.status.code,
                _joined(one.response.headers),
                _text(one.response.body, _joined(one.response.headers)),
            ),
        )
        for one in interactions
    ]
    return Archive(_first((_moment(one.recorded_at) for one in interactions), path), exchanges)


def _exchange(
    line: tuple[str, str],
    headers: dict[str, str],
    body: str,
    answer: tuple[int, dict[str, str], str],
    *,
    failure: str = "",
) -> Exchange:
    status, told, text = answer
    urlsplit(line[1])  # ValueError for an address that is none
    if status != _NO_KEY and "authorization" not in headers:
        headers = headers | _WITHHELD.get(status, {"authorization": "Bearer 1"})
    return Exchange(*line, headers, body, status or None, told, text, failure=failure)


def _text(body: Any, headers: dict[str, str]) -> str:
    """A body as text, however it was kept: by itself or in an object, as bytes, in base64, still compressed."""
    if isinstance(body, _Content):
        body = {"base64_string" if body.encoding == "base64" else "string": body.text}
    if isinstance(body, dict):
        encoded = body.get("base64_string")
        body = body.get("string") if encoded is None else _decoded(encoded)
    if isinstance(body, str):
        return body
    if not isinstance(body, bytes):
        return ""
    coding = {"content-encoding": headers["content-encoding"]} if "content-encoding" in headers else {}
    try:
        return httpx.Response(200, headers=coding, content=body).content.decode("utf-8", "replace")
    except httpx.DecodingError:
        return body.decode("utf-8", "replace")  # the tool has unpacked it and left the header


def _decoded(encoded: Any) -> bytes:
    try:
        return base64.b64decode(f"{encoded}")
    except binascii.Error as error:
        raise ArchiveError(f"a body is no base64: {error}") from error


def _named(fields: Iterable[_Field]) -> dict[str, str]:
    """HTTP/2 writes the request's line among its headers, with names that begin with a colon."""
    return {one.name.lower(): one.value for one in fields if not one.name.startswith(":")}


def _typed(posted: _Content | None) -> dict[str, str]:
    """The type of what was posted: some tools keep few headers, or none."""
    return {"content-type": posted.mime_type} if posted is not None and posted.text and posted.mime_type else {}


def _joined(headers: _Headers | None) -> dict[str, str]:
    told = (headers or {}).items()
    return {name.lower(): value if isinstance(value, str) else ", ".join(value) for name, value in told}


def _host(one: Exchange) -> str:
    return urlsplit(one.url).netloc.rpartition("@")[2].lower()


def _first(moments: Iterator[datetime | None], path: Path) -> datetime:
    told = [one for one in moments if one is not None and one.tzinfo is not None]
    return min(told, default=_written(path))


def _moment(told: Any) -> datetime | None:
    """As Ruby writes it: `Tue, 01 Nov 2011 04:58:44 GMT`, or what YAML takes for a time."""
    if isinstance(told, datetime):
        return told
    try:
        return datetime.strptime(f"{told}", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
