"""What of a file is sent: all of it, parts or nothing, by a request's conditions and ranges (RFC 9110, 13 and 14)."""

import re

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.answer import ErrorAnswer, ErrorTable
from mockserver.web.api.refused import error
from mockserver.web.files.blobs import digest_of

NOT_MET, NOT_THERE = "precondition_failed", "range_not_satisfiable"
"""The refusals that come of a condition and of a range."""
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_PART = re.compile(r"(\d{0,100})-(\d{0,100})", re.ASCII)
_PARTS_LIMIT = 100

Span = tuple[int, int]
"""From the first byte to the one after the last."""


class Whole(Struct, frozen=True):
    """A file as it is, and what it is known by."""

    content: bytes
    media_type: str
    digest: str


def response(request: Request, whole: Whole, refusals: ErrorTable, **more: str) -> Response:
    """The answer to a GET or HEAD of a file. It tells no time of a change: the mock's clock is nobody else's."""
    content, tag = whole.content, f'"{whole.digest}"'
    headers = {**more, "etag": tag, "accept-ranges": "bytes"}
    if not _names(_asked(request, "if-match", "*"), tag, weak=False):
        return _refused(refusals[NOT_MET], {})
    if _names(_asked(request, "if-none-match", ""), tag, weak=True):
        return Response(status_code=304, headers=headers)
    spans = _spans_asked(request, tag, len(content))
    if spans is None:
        return Response(content, headers=headers, media_type=whole.media_type)
    if not spans:
        return _refused(refusals[NOT_THERE], {"content-range": f"bytes */{len(content)}"})
    if len(spans) > 1:
        return _several(whole, spans, headers)
    headers["content-range"] = _told(spans[0], content)
    return Response(content[slice(*spans[0])], 206, headers, whole.media_type)


def _asked(request: Request, name: str, default: str) -> str:
    return ", ".join(request.headers.getlist(name)) or default


def _names(listed: str, tag: str, *, weak: bool) -> bool:
    """Whether a list of tags has this one, or is `*`."""
    tags = _TAG.findall(listed)
    return listed.strip() == "*" or tag in tags or (weak and f"W/{tag}" in tags)


def _spans_asked(request: Request, tag: str, size: int) -> list[Span] | None:
    """The parts that are asked for and there; None where the whole is to be sent."""
    if request.method != "GET" or _asked(request, "if-range", tag).strip() != tag:
        return None
    unit, _, listed = _asked(request, "range", "").partition("=")
    parts = [one.strip() for one in listed.split(",") if one.strip()]
    if unit.strip().lower() != "bytes" or not 0 < len(parts) <= _PARTS_LIMIT:
        return None
    spans = [_span(one, size) for one in parts]
    found = [one for one in spans if one is not None and one[0] < one[1]]
    too_much = sum(end - start for start, end in found) > size
    return None if None in spans or too_much else found


def _span(part: str, size: int) -> Span | None:
    """Of `first-last`, `first-` or `-length`; an empty one where it is beyond the end, None where it is nonsense."""
    found = _PART.fullmatch(part)
    first, last = found.groups() if found else ("", "")
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if not last:
        return int(first), size
    return (int(first), min(size, int(last) + 1)) if int(first) <= int(last) else None


def _told(span: Span, content: bytes) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{len(content)}"


def _several(whole: Whole, spans: list[Span], headers: dict[str, str]) -> Response:
    """Each part with a head of its own (RFC 9110, 14.6)."""
    boundary = digest_of(f"{whole.digest}{spans}".encode())
    pieces = []
    for span in spans:
        head = f"content-type: {whole.media_type}\r\ncontent-range: {_told(span, whole.content)}"
        pieces += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), whole.content[slice(*span)], b"\r\n"]
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return Response(body, 206, headers, f"multipart/byteranges; boundary={boundary}")


def _refused(answer: ErrorAnswer, headers: dict[str, str]) -> Response:
    told = error(answer)
    return Response(told.body, told.status, headers, "application/json")
