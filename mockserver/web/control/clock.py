"""The clock: the server's, or that of one key."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.contract.request.objection import Objection
from mockserver.runtime.resident import Resident
from mockserver.runtime.timekeeper import Advanced, RefusedError
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.event import Fired
from mockserver.web.control.desk import Desk, WrongError, invalid, json_response, refused
from mockserver.web.control.records import clock_record, event_record

_SERVER = "server"
_SHARED = "The server's clock is real time here, since several nodes share the log; a key may have its own"


class ClockCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._time = desk, desk.timekeeper

    async def get_clock(self, request: Request, body: Any) -> Response:
        return self._told(await self._desk.asked(request))

    async def set_clock(self, request: Request, body: Any) -> Response:
        """Change what moves it, from where it stands; then move it where that is asked."""
        name = self._desk.name_asked(request)
        if name is None:
            return await self._set_server(body)
        if body.get("mode") == _SERVER:
            self._refuse_more(body)
            return self._told(await self._time.give_back(name))
        resident = await self._desk.fetch(name)
        own = _changed(self._time.clock(resident).own(), body)
        self._refuse_past(body, self._time.begins_ms(resident, own))
        try:
            resident = await self._time.give(name, own)
        except RefusedError as error:
            raise refused(error.refusal) from error
        if "now_ms" in body:
            await self._time.advance(resident, body["now_ms"])
        return self._told(resident)

    async def advance_clock(self, request: Request, body: Any) -> Response:
        name = self._desk.name_asked(request)
        if name is None:
            self._refuse_shared()
        try:
            resident = None if name is None else await self._time.owned(name)
        except RefusedError as error:
            raise refused(error.refusal) from error
        fired, count = await self._advanced(resident, body)
        listed = [event_record(name, event) for name, event in _in_order(fired)]
        return json_response({"now_ms": self._time.now_ms(resident), "fired_count": count, "fired": listed})

    async def _advanced(self, resident: Resident | None, body: Any) -> Advanced:
        if "ms" in body:
            return await self._time.advance_by(resident, body["ms"])
        if "to_next" in body:
            return await self._time.advance_to_next(resident)
        return await self._time.advance(resident, None)

    async def _set_server(self, body: Any) -> Response:
        self._refuse_shared()
        if body.get("mode") == _SERVER:
            raise invalid(Objection("mode", '"server" without a key', "real, manual, polls"))
        self._refuse_past(body, self._time.now_ms(None))
        mode = Mode(body["mode"]) if "mode" in body else None
        self._time.set_server(mode, speed=body.get("speed"), poll_step_ms=body.get("poll_step_ms"))
        if "now_ms" in body:
            await self._time.advance(None, body["now_ms"])
        return self._told(None)

    def _refuse_shared(self) -> None:
        """Several nodes have no clock in common but time itself."""
        if self._desk.members is not None:
            raise WrongError(409, "clock_is_shared", _SHARED)

    def _refuse_past(self, body: Any, now_ms: int) -> None:
        if body.get("now_ms", now_ms) < now_ms:
            raise invalid(Objection("now_ms", str(body["now_ms"]), f"{now_ms} or later: time never goes back"))

    def _refuse_more(self, body: Any) -> None:
        """A clock that is not the key's own is not set by the key."""
        more = next((name for name in body if name != "mode"), None)
        if more is not None:
            raise invalid(Objection(more, 'a value beside the mode "server"', "nothing: that clock is the server's"))

    def _told(self, resident: Resident | None) -> Response:
        now_ms, due_ms = self._time.now_ms(resident), self._time.next_due_ms(resident)
        own = None if resident is None else resident.world.clock is not None
        return json_response(clock_record(self._time.clock(resident), now_ms, due_ms, own))


def _changed(own: OwnClock, body: Any) -> OwnClock:
    """A clock with what a request says of it."""
    return OwnClock(
        mode=Mode(body.get("mode", own.mode)),
        speed=float(body.get("speed", own.speed)),
        poll_step_ms=body.get("poll_step_ms", own.poll_step_ms),
    )


def _in_order(fired: list[tuple[str, Fired]]) -> list[tuple[str, Fired]]:
    """By time: several worlds may have gone on one after the other. What happened at one moment stays as it came."""
    return sorted(fired, key=lambda pair: pair[1].at_ms)
