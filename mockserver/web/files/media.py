"""Links to files, until they expire on the clock: results (small real files, one for each kind) and uploads."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.contract.registry import Registry
from mockserver.runtime.node import Node
from mockserver.simulation.task import Task
from mockserver.simulation.world import World
from mockserver.web.api.refused import error
from mockserver.web.files import portion
from mockserver.web.files.blobs import Blobs, digest_of
from mockserver.web.files.links import SAVED, SHOWN
from mockserver.web.files.portion import Whole
from mockserver.web.files.result_rules import ResultRules
from mockserver.web.hints.adviser import Adviser
from mockserver.web.http.exchange import Answer
from mockserver.web.journal import Journal

PREFIX = "/media/"


def media_route(node: Node, registry: Registry, samples: Path) -> Route:
    """GET and HEAD of a result."""

    rules = ResultRules(node, registry)

    async def endpoint(request: Request) -> Response:
        owner = await node.finder.owner_of(request.path_params["task_id"])
        now_ms = 0 if owner is None else node.catch_up(owner)
        task = None if owner is None else _task(owner.world, request)
        if owner is None or task is None:
            return _response(error(registry.general["result_not_found"]))
        struck = rules.answer(owner, task, now_ms)
        if struck is not None:
            return _response(struck)
        valid_until_ms = task.links_valid_until_ms()
        if valid_until_ms is None or now_ms >= valid_until_ms:
            return _response(error(registry.general["result_expired"]))
        return portion.response(request, _sample(samples / task.terms.sample), registry.general)

    return Route(PREFIX + "{task_id}/{index:int}.{ending}", endpoint, methods=["GET"])


def journaled(app: ASGIApp, node: Node, journal: Journal, adviser: Adviser | None) -> ASGIApp:
    """The same application, with each fetch of a result in the journal of the tenant whose result it is."""

    async def fetch(scope: Scope, receive: Receive, send: Send) -> None:
        task_id = scope["path"].removeprefix(PREFIX).partition("/")[0]
        owner = await node.finder.owner_of(task_id)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = Answer(message["status"], message["headers"], b"")
                at_ms = node.clock.now_ms()
                if owner is not None:
                    answer.tenant, answer.task_id, at_ms = owner.name, task_id, owner.now_ms()
                path, query, headers = scope["path"], scope["query_string"], scope["headers"]
                journal.veil.note(dict(headers).get(b"authorization"))
                journal.add(at_ms, scope["method"], path, headers, b"", answer, query)
                if adviser is not None and owner is not None and answer.status < 400:
                    adviser.fetched(owner.name, task_id)
            await send(message)

        await app(scope, receive, noting)

    return fetch


def file_routes(node: Node, registry: Registry, blobs: Blobs, samples: Path) -> list[Route]:
    """GET and HEAD of an uploaded file, to be shown or to be saved. Whoever has the link may: it takes no key."""

    def endpoint(disposition: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            file = await node.finder.file(request.path_params["file_id"])
            if file is None or request.path_params.get("name", file.name) != file.name:
                return _response(error(registry.general_of(SAVED)["file_not_found"]))
            headers = {
                "content-disposition": f"{disposition}; filename*=utf-8''{quote(file.name, safe='')}",
                "x-content-type-options": "nosniff",
            }
            content = blobs.get(file.digest)
            if content is None:
                whole = _sample(samples / registry.uploads.types[file.mime_type].sample, file.mime_type)
            else:
                whole = Whole(content, file.mime_type, file.digest)
            return portion.response(request, whole, registry.general_of(SAVED), **headers)

        return answer

    shown = Route(SHOWN + "{file_id}/{name}", endpoint("inline"), methods=["GET"])
    return [shown, Route(SAVED + "{file_id}", endpoint("attachment"), methods=["GET"])]


@lru_cache(maxsize=32)
def _sample(path: Path, media_type: str | None = None) -> Whole:
    """A few small files, each read and digested once."""
    content = path.read_bytes()
    return Whole(content, media_type or guess_type(path.name)[0] or "application/octet-stream", digest_of(content))


def _task(world: World, request: Request) -> Task | None:
    """The completed task whose link this is."""
    task = world.tasks.get(request.path_params["task_id"])
    if task is None or task.links_valid_until_ms() is None:
        return None
    known = request.path_params["index"] < task.terms.results
    return task if known and task.terms.sample.endswith("." + request.path_params["ending"]) else None


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
