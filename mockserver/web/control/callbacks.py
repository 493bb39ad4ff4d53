"""Callbacks: deliveries with every attempt, and one sent again."""

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.simulation.command import Redeliver
from mockserver.simulation.refusal import Refusal
from mockserver.web.control.desk import Desk, json_response, limit_asked
from mockserver.web.control.records import delivery_record


class CallbackCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_callbacks(self, request: Request, body: Any) -> Response:
        task_id = request.query_params.get("task_id")
        fitting = (
            (resident.name, delivery)
            for resident in await self._desk.everyone(self._desk.name_asked(request))
            for delivery in resident.world.deliveries.values()
            if task_id in (None, delivery.task_id)
        )
        listed = [delivery_record(name, delivery) for name, delivery in islice(fitting, limit_asked(request))]
        return json_response({"callbacks": listed})

    async def replay_callback(self, request: Request, body: Any) -> Response:
        delivery_id = request.path_params["delivery_id"]
        resident = await self._desk.owner_of(delivery_id, Refusal.DELIVERY_NOT_FOUND)
        self._desk.do(resident, Redeliver(at_ms=resident.now_ms(), delivery_id=delivery_id))
        await self._desk.node.settled(resident)
        return json_response(delivery_record(resident.name, resident.world.deliveries[delivery_id]))
