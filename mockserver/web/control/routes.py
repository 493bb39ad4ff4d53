"""The control API: one handler for each operationId of control.yaml, with its requests validated against it."""

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from mockserver.contract.document.document import Document
from mockserver.contract.operation import Request as RequestContract
from mockserver.contract.operation import read_request
from mockserver.contract.request.objection import Objection, shown
from mockserver.contract.request.query import Query
from mockserver.log import AwayError, LogError, MovedError
from mockserver.runtime.resident import NotHereError
from mockserver.web.api.script import whole
from mockserver.web.control.accounts import AccountCalls
from mockserver.web.control.callbacks import CallbackCalls
from mockserver.web.control.clock import ClockCalls
from mockserver.web.control.desk import Desk, WrongError, error_response, invalid
from mockserver.web.control.documents import DocumentCalls
from mockserver.web.control.files import FileCalls
from mockserver.web.control.gathered import concerns_all, gather, part
from mockserver.web.control.owners import OwnerCalls
from mockserver.web.control.replays import ReplayCalls
from mockserver.web.control.requests import RequestCalls
from mockserver.web.control.scenarios import ScenarioCalls
from mockserver.web.control.server import ServerCalls
from mockserver.web.control.tasks import TaskCalls
from mockserver.web.http.parsing import UnreadableError, json_of
from mockserver.web.nodes.asking import is_part
from mockserver.web.veil import Veil

Handler = Callable[[Request, Any], Awaitable[Response]]
ReadBody = Callable[[Request], Awaitable[Any]]
BODY_LIMIT = 1024 * 1024
FILE_LIMIT = 64 * 1024 * 1024
"""Bytes of a replay file that is sent here: as many as the logs of all keys may have."""
_FILE = "application/jsonl"
_NO_FIELDS = {"type": "object", "properties": {}, "additionalProperties": False}
"""The body of an operation that takes none: `{}` at most."""
_NOUNS = (
    ServerCalls,
    ClockCalls,
    TaskCalls,
    AccountCalls,
    CallbackCalls,
    RequestCalls,
    ScenarioCalls,
    DocumentCalls,
    FileCalls,
    ReplayCalls,
    OwnerCalls,
)


def routes(document: Document, desk: Desk) -> list[Route]:
    """A route for each operation of the document. Raises KeyError where one has no handler."""
    handlers = {name: getattr(one, name) for one in (noun(desk) for noun in _NOUNS) for name in dir(one)}
    found = []
    for method, path, raw in document.operations():
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in raw["operationId"])
        endpoint = _endpoint(name, handlers[name], desk, _reader(document, raw), Query(document, raw))
        found.append(Route(path.replace("{key}", "{key:path}"), endpoint, methods=[method]))  # a key may hold a slash
    return found


def handlers(veil: Veil) -> dict[Any, Any]:
    """What answers where no route does."""
    return {HTTPException: partial(_unrouted, veil)}


def _unrouted(veil: Veil, request: Request, error: Exception) -> Response:
    """The answer where no route takes the path, or none takes the method."""
    if "Allow" not in (getattr(error, "headers", None) or {}):
        path = veil.over(request.url.path)[:200]
        return error_response(404, "not_found", f"Nothing answers {request.method} {path}")
    there = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    allowed = ", ".join(sorted({method for route in there for method in route.methods or ()}))
    answer = error_response(405, "method_not_allowed", f"Method: received {request.method}; allowed: {allowed}")
    answer.headers["allow"] = allowed
    return answer


def _reader(document: Document, raw: dict[str, Any]) -> ReadBody:
    """What makes an operation's body of what comes: JSON that its contract accepts, or a file as it is."""
    if _FILE in raw.get("requestBody", {}).get("content", {}):
        return _whole

    @cache
    def contract() -> RequestContract:
        """Made when it is first needed: forty of them are a tenth of a start."""
        return read_request(document, raw) or RequestContract(document, _NO_FIELDS, required=False)

    async def validated(request: Request) -> Any:
        return _validated(await _whole(request, BODY_LIMIT), contract())

    return validated


def _endpoint(
    name: str, handler: Handler, desk: Desk, read: ReadBody, query: Query
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            _known(request, query)
            body = await read(request)
            handled = partial(_handled, desk, handler)
            if desk.members is not None and is_part(request):
                answer = await part(desk.members, request, body, handled)
            elif desk.members is not None and concerns_all(name, request, body):
                answer = await gather(desk.members, name, request, body, handled)
            else:
                answer = await handled(request, body)
            await desk.node.round.closed(request.scope.get("slot"))
            desk.hint(request, answer)
        except WrongError as wrong:
            return error_response(wrong.status, wrong.code, desk.journal.veil.over(wrong.message))
        except MovedError:
            return Response(status_code=421)  # the connection looks for the node that has it
        except AwayError as error:
            return _put_off(error)
        except LogError as error:
            return error_response(500, "internal_error", f"The log can't be written or read: {error}")
        return answer

    return endpoint


def _put_off(error: AwayError) -> Response:
    answer = error_response(503, "service_unavailable", f"The log can't be reached: {error}")
    answer.headers["retry-after"] = "1"
    return answer


async def _handled(desk: Desk, handler: Handler, request: Request, body: Any) -> Response:
    """A world may have to be loaded or folded between two steps of a call: then the call begins again."""
    while True:
        try:
            return await handler(request, body)
        except NotHereError as away:
            await desk.node.come(away)


def _known(request: Request, query: Query) -> None:
    """A parameter that is misspelt, or that comes twice, is told, not passed over."""
    unknown = query.unknown(request.scope["query_string"])
    if unknown is not None:
        allowed = ", ".join(query.names) or "none"
        raise invalid(Objection(shown(unknown), "a parameter that is not known here", allowed))
    names = [name for name, _ in request.query_params.multi_items()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise invalid(Objection(twice, "several values", "one"))


async def _whole(request: Request, limit: int = FILE_LIMIT) -> bytes:
    """The body as it came. Raises WrongError where it is too long, or coded."""
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        message = f"Content-Encoding: received {shown(coding)}; allowed: none"
        raise WrongError(415, "unsupported_encoding", message)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise WrongError(413, "body_too_large", f"The request body is longer than {limit} bytes")
    return b"".join(chunks)


def _validated(raw: bytes, contract: RequestContract) -> Any:
    """The body, checked against the document; None where none came and none is needed."""
    if not raw and not contract.required:
        return None
    try:
        body = whole(json_of(raw))
    except UnreadableError as error:
        raise WrongError(400, "invalid_request", f"The request body is not valid JSON: {error}") from error
    objection = contract.objection(body)
    if objection is not None:
        raise invalid(objection)
    return body
