"""Tasks: seen from the inside, and ended by hand."""

from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.request.objection import Objection, shown
from mockserver.runtime.resident import Resident
from mockserver.runtime.turn import Turn
from mockserver.simulation.command import Steer
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Event, State, Task
from mockserver.simulation.timeline import deliveries_of
from mockserver.web.control.desk import (
    Desk,
    flag_asked,
    invalid,
    json_response,
    limit_asked,
    offset_asked,
    one_asked,
    refused,
)
from mockserver.web.control.records import Record, life_record, task_record

_PIECE = 1_000
"""How many tasks are looked at before others may go first."""


class TaskCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_tasks(self, request: Request, body: Any) -> Response:
        wanted = Wanted.of(request)
        offset, limit, with_callbacks = offset_asked(request), limit_asked(request), flag_asked(request, "callbacks")
        residents = await self._desk.everyone(self._desk.name_asked(request))
        fitting = [await _newest(resident, wanted) for resident in reversed(residents)]
        newest = merge(*fitting, key=lambda pair: -pair[1].submitted_ms)
        listed = [_record(*pair, with_callbacks) for pair in islice(newest, offset, offset + limit)]
        return json_response({"total": sum(map(len, fitting)), "tasks": listed})

    async def get_task(self, request: Request, body: Any) -> Response:
        task_id = request.path_params["task_id"]
        resident = await self._desk.owner_of(task_id, Refusal.TASK_NOT_FOUND)
        task = resident.world.tasks.get(task_id)
        if task is None:
            raise refused(Refusal.TASK_NOT_FOUND)
        return json_response(_record(resident, task, True))

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


class Wanted(NamedTuple):
    """Which tasks a list is of; what is absent does not matter."""

    state: str | None
    model: str | None
    search: str

    @classmethod
    def of(cls, request: Request) -> "Wanted":
        given = request.query_params
        return cls(one_asked(request, "state", State), given.get("model"), given.get("search", "").casefold())

    @property
    def is_everything(self) -> bool:
        return self == (None, None, "")

    def fits(self, task: Task) -> bool:
        return (
            self.state in (None, task.state)
            and self.model in (None, task.terms.model)
            and (not self.search or any(self.search in (text or "").casefold() for text in _texts(task)))
        )


def _texts(task: Task) -> tuple[str | None, ...]:
    """What a search looks into."""
    return task.id, task.terms.model, task.callback_url, task.failure


async def _newest(resident: Resident, wanted: Wanted) -> list[tuple[Resident, Task]]:
    """The tasks of a world that are wanted, newest first."""
    tasks = list(reversed(resident.world.tasks.values()))
    if wanted.is_everything:
        return [(resident, task) for task in tasks]
    found, turn = [], Turn()
    for start in range(0, len(tasks), _PIECE):
        found += [(resident, task) for task in tasks[start : start + _PIECE] if wanted.fits(task)]
        await turn.give()
    return found


def _record(resident: Resident, task: Task, with_callbacks: bool) -> Record:
    if with_callbacks:
        return life_record(resident.name, task, resident.now_ms(), deliveries_of(resident.world, task.id))
    return task_record(resident.name, task, resident.now_ms())
