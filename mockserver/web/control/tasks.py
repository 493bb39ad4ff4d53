"""Tasks: seen from the inside, and ended by hand."""

from heapq import merge
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.objection import Objection, shown
from mockserver.runtime.resident import Resident
from mockserver.simulation.command import Steer
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Event, State, Task
from mockserver.web.control.desk import Desk, invalid, json_response, limit_asked
from mockserver.web.control.records import task_record


class TaskCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_tasks(self, request: Request, body: Any) -> Response:
        state = request.query_params.get("state")
        if state is not None and state not in set(State):
            raise invalid(Objection("state", shown(state), ", ".join(State)))
        residents = await self._desk.everyone(self._desk.name_asked(request))
        fitting = [_newest(resident, state) for resident in reversed(residents)]
        newest = merge(*fitting, key=lambda pair: -pair[1].submitted_ms)
        listed = [task_record(one.name, task, one.now_ms()) for one, task in islice(newest, limit_asked(request))]
        return json_response({"total": sum(map(len, fitting)), "tasks": listed})

    async def complete_task(self, request: Request, body: Any) -> Response:
        return await self._steer(request, Event.COMPLETE)

    async def fail_task(self, request: Request, body: Any) -> Response:
        code = (body or {}).get("code", "service_error")
        failures = self._desk.registry.failures
        if code not in failures:
            raise invalid(Objection("code", shown(code), ", ".join(failures)))
        return await self._steer(request, Event.FAIL, code, (body or {}).get("message"))

    async def cancel_task(self, request: Request, body: Any) -> Response:
        return await self._steer(request, Event.CANCEL)

    async def _steer(
        self, request: Request, event: Event, failure: str | None = None, message: str | None = None
    ) -> Response:
        task_id = request.path_params["task_id"]
        resident = await self._desk.owner_of(task_id, Refusal.TASK_NOT_FOUND)
        now_ms = resident.now_ms()
        command = Steer(at_ms=now_ms, task_id=task_id, event=event, failure=failure, message=message)
        reply = self._desk.do(resident, command)
        if not resident.agenda.clock.runs:
            await self._desk.node.settled(resident)
        if reply.task is None:
            raise AssertionError("a steered task is there")
        return json_response(task_record(resident.name, reply.task, now_ms))


def _newest(resident: Resident, state: str | None) -> list[tuple[Resident, Task]]:
    """The tasks of a world that are in this state, newest first."""
    tasks = reversed(resident.world.tasks.values())
    return [(resident, task) for task in tasks if state in (None, task.state)]
