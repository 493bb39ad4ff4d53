"""All exchanges of a run as an HTTP archive (HAR 1.2), which browsers and proxies open."""

from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from io import StringIO
from urllib.parse import parse_qsl, urlsplit

from harfile import Content, Creator, HarFile, PostData, Record, Request, Response, Timings

from contract_tests.exchange import Exchange
from contract_tests.report import Report

_HTTP = "HTTP/1.1"
_UNKNOWN = -1
"""A size that nobody measured, as the format says it."""


def as_har(report: Report) -> str:
    """The exchanges of a clean report as JSON text. One that got no answer has status 0, and says why."""
    file = StringIO()
    first_s = min((exchange.started_s for exchange in report.exchanges), default=0.0)
    with HarFile.open(file, creator=Creator("contract-tests", version("evolink-mock"))) as har:
        for one in report.exchanges:
            started = report.started + timedelta(seconds=one.started_s - first_s)
            _add(har, one, started)
    return file.getvalue() + "\n"


def _add(har: HarFile, one: Exchange, started: datetime) -> None:
    elapsed_ms = one.elapsed_s * 1000
    har.add_entry(
        startedDateTime=started.astimezone() if started.tzinfo is None else started,
        time=elapsed_ms,
        request=_request(one),
        response=_response(one),
        timings=Timings(send=0, wait=elapsed_ms, receive=0),
        comment=one.failure or None,
    )


def _request(one: Exchange) -> Request:
    body = PostData(_type(one.request_headers), text=one.request_body) if one.request_body else None
    return Request(
        method=one.method,
        url=one.url,
        httpVersion=_HTTP,
        headers=_records(one.request_headers),
        queryString=[Record(name, value) for name, value in parse_qsl(_query(one.url), keep_blank_values=True)],
        postData=body,
        headersSize=_UNKNOWN,
        bodySize=_UNKNOWN,
    )


def _response(one: Exchange) -> Response:
    return Response(
        status=one.status or 0,
        statusText=_phrase(one.status),
        httpVersion=_HTTP,
        headers=_records(one.headers),
        redirectURL=one.headers.get("location", ""),
        content=Content(size=len(one.body.encode()), mimeType=_type(one.headers), text=one.body),
        headersSize=_UNKNOWN,
        bodySize=_UNKNOWN,
    )


def _records(headers: dict[str, str]) -> list[Record]:
    return [Record(name, value) for name, value in headers.items()]


def _type(headers: dict[str, str]) -> str:
    named = {name.lower(): value for name, value in headers.items()}
    return named.get("content-type", "application/octet-stream")


def _query(url: str) -> str:
    """The query of any text that was sent as a URL, also of one that is none."""
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return ""
