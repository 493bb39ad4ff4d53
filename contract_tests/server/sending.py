"""How schemathesis's requests reach the target: paced, counted and remembered like all others, and never too dear."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import requests
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from contract_tests.document import CREATE, highest_price_uc
from contract_tests.exchange import Exchange
from contract_tests.server.talk import reading
from contract_tests.server.talk.budget import OverBudgetError
from contract_tests.server.talk.target import SilentServerError, Target

_MEDIA = {"video_urls": "mp4", "image_urls": "jpg"}
_CALLBACK_FIELD = "callback_url"
_KEY_HEADER = "Idempotency-Key"
_KEY = re.compile("[A-Za-z0-9._-]{16,96}")
_NO_JSON = 200
"""Characters that are kept of a body that is no JSON."""
_PARTS = ("method", "url", "headers", "params", "data", "json", "files", "cookies", "auth")
"""What a request is made of; the rest of what schemathesis passes is about the connection."""


class Sending(RequestsTransport):
    """Sends cases. `exchanges` are kept by the id of their case; `stopped` is why nothing is sent any more,
    `declined` why no submission is; `accepted` are submissions that were, though none should have been."""

    def __init__(self, target: Target, raw: dict[str, Any], key: str, *, is_paid: bool) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)
        self.target, self.key, self.is_paid = target, key, is_paid
        self.exchanges: dict[str, Exchange] = {}
        self.accepted = 0
        self.stopped: SilentServerError | None = None
        self.declined: OverBudgetError | None = None
        request = raw["components"]["schemas"]["VideoRequest"]
        self._takes = _validator(request, raw)
        fields = {name: request["properties"][name] for name in (*_MEDIA, _CALLBACK_FIELD)}
        fields |= {name: {"type": "array", "items": fields[name]["items"]} for name in _MEDIA}
        self._field_takes = {name: _validator(schema, raw) for name, schema in fields.items()}

    def send(self, case: Case[Any], *, session: Any = None, **kwargs: Any) -> Response:
        """One case, over the target's own client. A transport error is raised as schemathesis knows it."""
        if self.stopped is not None:
            raise requests.ConnectionError(str(self.stopped))
        creates = case.path == CREATE and case.method.upper() == "POST"
        if creates:
            self._prepare(case)
            self._make_wrong_once(case)
            self._tell_apart(case)
        prepared = self._prepared(case, session, kwargs)
        try:
            exchange = self._sent(_httpx_request(prepared), is_bought=creates and self.is_paid)
        except SilentServerError as stopped:
            self.stopped = stopped
            raise requests.ConnectionError(str(stopped)) from stopped
        except OverBudgetError as declined:
            self.declined = declined
            raise requests.ConnectionError(str(declined)) from declined
        self.exchanges[case.id] = exchange
        return _answered(exchange, prepared)

    def _sent(self, request: httpx.Request, *, is_bought: bool) -> Exchange:
        """Raises SilentServerError, OverBudgetError."""
        highest = highest_price_uc(self.target.settings.video_seconds)
        if is_bought:
            self.target.budget.admit_invalid(highest)
        exchange = self.target.send(request)
        if is_bought and exchange.status is not None and 200 <= exchange.status < 300:
            self.target.budget.took_invalid(highest)
            self.accepted += 1
        return exchange

    def _prepare(self, case: Case[Any]) -> None:
        """Where money is real, no valid body leaves. Elsewhere addresses keep the rules beyond the schema, so that
        what is refused is refused for what the schema says; and no callback goes to a stranger's host."""
        body: Any = case.body
        if not isinstance(body, dict):
            return
        if self.is_paid:
            case.body = (
                {name: value for name, value in body.items() if name != "model"} if self._takes(body) else body
            )
            return
        for name, ending in _MEDIA.items():
            if self._field_takes[name](body.get(name)):
                body = {**body, name: [f"https://example.com/{index}.{ending}" for index, _ in enumerate(body[name])]}
        if self._field_takes[_CALLBACK_FIELD](body.get(_CALLBACK_FIELD)):
            body = {name: value for name, value in body.items() if name != _CALLBACK_FIELD}
        case.body = body

    def _make_wrong_once(self, case: Case[Any]) -> None:
        """A body that is wrong comes with no wrong key beside it, or its refusal would prove nothing. Where money is
        real a wrong key alone is no reason to be refused: only the provider's clients know that it is one."""
        key = case.headers.get(_KEY_HEADER)
        if key is None or _KEY.fullmatch(str(key)):
            return
        if self.is_paid or not self._takes(case.body):
            del case.headers[_KEY_HEADER]

    def _tell_apart(self, case: Case[Any]) -> None:
        """A valid idempotency key that was used before would be answered 409, whatever else the request says."""
        if _KEY.fullmatch(str(case.headers.get(_KEY_HEADER, ""))):
            case.headers[_KEY_HEADER] = f"contract-schema-{len(self.exchanges):08}"

    def _prepared(self, case: Case[Any], session: Any, kwargs: dict[str, Any]) -> requests.PreparedRequest:
        if session is not None and session.headers:
            kwargs["headers"] = {**session.headers, **(kwargs.get("headers") or {})}
        data = self._build_request_data(case, kwargs)
        return requests.Request(**{name: data[name] for name in _PARTS if name in data}).prepare()


def _validator(schema: dict[str, Any], raw: dict[str, Any]) -> Callable[[Any], bool]:
    whole: dict[str, Any] = {**schema, "components": raw["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid


def _httpx_request(prepared: requests.PreparedRequest) -> httpx.Request:
    body: Any = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers: Any = [(name, value) for name, value in prepared.headers.items() if name.lower() != "content-length"]
    return httpx.Request(prepared.method or "GET", prepared.url or "", headers=headers, content=body)


def _is_address(value: str) -> bool:
    """Whether schemathesis, which learns from addresses, can read it."""
    try:
        urlsplit(value)
    except ValueError:
        return False
    return True


def _answered(exchange: Exchange, prepared: requests.PreparedRequest) -> Response:
    """What schemathesis judges. Raises requests.ConnectionError where no answer came."""
    if exchange.status is None:
        raise requests.ConnectionError(exchange.failure)
    headers = {name: [value] for name, value in exchange.headers.items() if name != "location" or _is_address(value)}
    # What is nested too deep, schemathesis would read all the same, and fail: half of it is no JSON for certain.
    is_json = reading.parsed(exchange.body)[1]
    content = (exchange.body if is_json else exchange.body[:_NO_JSON]).encode()
    return Response(exchange.status, headers, content, prepared, exchange.elapsed_s, verify=True, encoding="utf-8")
