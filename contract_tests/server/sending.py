"""How schemathesis's requests reach the target: paced, counted and remembered like all others, and never too dear."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from contract_tests.exchange import Exchange
from contract_tests.server.talk import reading
from contract_tests.server.talk.budget import OverBudgetError
from contract_tests.server.talk.target import SilentServerError, Target

_KEY_HEADER = "Idempotency-Key"
_KEY = re.compile("[A-Za-z0-9._-]{16,96}")
_NO_JSON = 200
"""Characters that are kept of a body that is no JSON."""
_PARTS = ("method", "url", "headers", "params", "data", "json", "files", "cookies", "auth")
"""What a request is made of; the rest of what schemathesis passes is about the connection."""


class Sending(RequestsTransport):
    """Sends cases. `exchanges` are kept by the id of their case; `stopped` is why nothing is sent any more,
    `declined` why no submission is; `accepted` are submissions that were, though none should have been."""

    def __init__(self, target: Target, key: str, *, is_paid: bool) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)
        self.target, self.key, self.is_paid = target, key, is_paid
        self.exchanges: dict[str, Exchange] = {}
        self.accepted = 0
        self.stopped: SilentServerError | None = None
        self.declined: OverBudgetError | None = None
        requests_ = target.contract.requests
        self._takes, self._callback = requests_.fits, requests_.callback
        self._nobodys = requests_.nobodys_callback
        self._endings = {
            one["field"]: one["allowed"][0] for one in target.contract.rules if one["rule"] == "extension"
        }
        named = {
            name: requests_.properties[name]
            for name in (*self._endings, self._callback or "")
            if name in requests_.properties
        }
        fields = {
            name: {"type": "array", "items": one["items"]} if "items" in one else one for name, one in named.items()
        }
        self._field_takes = {name: requests_.validator(schema) for name, schema in fields.items()}

    def send(self, case: Case[Any], *, session: Any = None, **kwargs: Any) -> Response:
        """One case, over the target's own client. A transport error is raised as schemathesis knows it."""
        if self.stopped is not None:
            raise requests.ConnectionError(str(self.stopped))
        create = self.target.contract.create
        creates = (case.method.upper(), case.path) == (create.method, create.path)
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
        highest = self.target.settings.highest_uc()
        if is_bought:
            self.target.budget.admit_invalid(highest)
        exchange = self.target.send(request)
        if is_bought and exchange.status is not None and 200 <= exchange.status < 300:
            self.target.budget.took_invalid(highest or 0)
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
        for name, ending in self._endings.items():
            if self._fits(name, body.get(name)):
                body = {**body, name: _reachable(body[name], ending)}
        if self._callback is not None and self._fits(self._callback, body.get(self._callback)):
            body = {name: value for name, value in body.items() if name != self._callback} | self._nobodys
        case.body = body

    def _fits(self, name: str, value: Any) -> bool:
        return name in self._field_takes and self._field_takes[name](value)

    def _make_wrong_once(self, case: Case[Any]) -> None:
        """A body that is wrong comes with no wrong key beside it, or its refusal would prove nothing. Where money is
        real a wrong key alone is no reason to be refused: only the provider's clients know that it is one."""
        key = case.headers.get(_KEY_HEADER)
        if key is None or _KEY.fullmatch(str(key)):
            return
        is_json = isinstance(case.body, dict | list | str | int | float | type(None))  # else bytes, or nothing
        if self.is_paid or not is_json or not self._takes(case.body):
            del case.headers[_KEY_HEADER]

    def _tell_apart(self, case: Case[Any]) -> None:
        """A valid idempotency key that was used before would be answered 409, whatever else the request says."""
        if _KEY.fullmatch(str(case.headers.get(_KEY_HEADER, ""))):
            case.headers[_KEY_HEADER] = f"contract-{self.target.settings.run}-{len(self.exchanges):08}"

    def _prepared(self, case: Case[Any], session: Any, kwargs: dict[str, Any]) -> requests.PreparedRequest:
        if session is not None and session.headers:
            kwargs["headers"] = {**session.headers, **(kwargs.get("headers") or {})}
        data = self._build_request_data(case, kwargs)
        return requests.Request(**{name: data[name] for name in _PARTS if name in data}).prepare()


def _reachable(value: Any, ending: str) -> Any:
    """As many addresses with this ending as there were."""
    if not isinstance(value, list):
        return f"https://example.com/0{ending}"
    return [f"https://example.com/{index}{ending}" for index, _ in enumerate(value)]


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
