"""Whose an id is: which key has the task, the delivery or the file, and which node answers for that key."""

from typing import Any

from msgspec import to_builtins
from starlette.requests import Request
from starlette.responses import Response

from mockserver.web.control.desk import Desk, json_response
from mockserver.web.control.records import present


class OwnerCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_owner(self, request: Request, body: Any) -> Response:
        one_id, finder = request.path_params["id"], self._desk.node.finder
        members = self._desk.members
        node = None if members is None else members.territory.name
        resident = await finder.owner_of(one_id)
        if resident is not None:
            kind = "task" if one_id in resident.world.tasks else "callback"
            return json_response(present(id=one_id, node=node, tenant=resident.name, kind=kind))
        owner = await finder.uploader_of(one_id)
        if owner is None:
            return json_response(present(id=one_id, node=node))
        file = to_builtins(owner.world.find_file(one_id, owner.now_ms()))
        return json_response(present(id=one_id, node=node, tenant=owner.name, kind="file", file=file))
