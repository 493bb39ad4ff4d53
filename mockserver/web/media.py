"""Result links: small real files, one for each kind, until the links expire on the clock."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mockserver.contract.registry import Registry
from mockserver.runtime.node import Node
from mockserver.simulation.task import Task
from mockserver.web.exchange import Answer
from mockserver.web.refused import error

PREFIX = "/media/"


def media_route(node: Node, registry: Registry, samples: Path) -> Route:
    """GET and HEAD of a result, with ranges and conditions as Starlette's FileResponse does them (RFC 9110)."""

    async def endpoint(request: Request) -> Response:
        now_ms = node.catch_up()
        task = _task(node, request)
        if task is None:
            return _response(error(registry.general["result_not_found"]))
        valid_until_ms = task.links_valid_until_ms()
        if valid_until_ms is None or now_ms >= valid_until_ms:
            return _response(error(registry.general["result_expired"]))
        return FileResponse(samples / task.terms.sample)

    return Route(PREFIX + "{task_id}/{index:int}.{ending}", endpoint, methods=["GET"])


def _task(node: Node, request: Request) -> Task | None:
    """The completed task whose link this is."""
    task = node.world.tasks.get(request.path_params["task_id"])
    if task is None or task.links_valid_until_ms() is None:
        return None
    known = request.path_params["index"] < task.terms.results
    return task if known and task.terms.sample.endswith("." + request.path_params["ending"]) else None


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
