"""Callbacks: deliveries with every attempt, and one sent again."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.simulation.callback import Delivery, DeliveryState
from mockserver.simulation.command import Redeliver
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.timeline import deliveries_of
from mockserver.simulation.world import World
from mockserver.web.control.desk import Desk, flag_asked, json_response, limit_asked, offset_asked, one_asked
from mockserver.web.control.records import delivery_record


class CallbackCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_callbacks(self, request: Request, body: Any) -> Response:
        state = one_asked(request, "state", DeliveryState)
        search, task_id = request.query_params.get("search", "").casefold(), request.query_params.get("task_id")
        residents = await self._desk.everyone(self._desk.name_asked(request))
        fitting = [
            (resident.name, delivery)
            for resident in residents
            for delivery in _of(resident.world, task_id)
            if state in (None, delivery.state)
            and (not search or search in f"{delivery.id} {delivery.url}".casefold())
        ]
        if flag_asked(request, "newest_first"):
            fitting.reverse()
        offset = offset_asked(request)
        listed = fitting[offset : offset + limit_asked(request)]
        records = [delivery_record(name, delivery) for name, delivery in listed]
        return json_response({"total": len(fitting), "callbacks": records})

    async def replay_callback(self, request: Request, body: Any) -> Response:
        delivery_id = request.path_params["delivery_id"]
        resident = await self._desk.owner_of(delivery_id, Refusal.DELIVERY_NOT_FOUND)
        self._desk.do(resident, Redeliver(at_ms=resident.now_ms(), delivery_id=delivery_id))
        await self._desk.node.settled(resident)
        return json_response(delivery_record(resident.name, resident.world.deliveries[delivery_id]))


def _of(world: World, task_id: str | None) -> Iterable[Delivery]:
    return world.deliveries.values() if task_id is None else deliveries_of(world, task_id)
