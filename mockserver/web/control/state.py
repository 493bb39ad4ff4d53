"""What stands where: the part of a pulse that is no event."""

from typing import Any

from mockserver.runtime.resident import NotHereError, Resident
from mockserver.web.control.desk import Desk
from mockserver.web.control.records import clock_record


def state(desk: Desk, name: str | None) -> dict[str, Any]:
    """{clock, requests, keys} of one key, or of the server: its clock, the number of the last request in the
    journal, how many keys there are. It changes nothing and waits for nothing."""
    resident = None if name is None else _here(desk, name)
    return {"clock": _clock(desk, resident), "requests": desk.journal.last, "keys": len(desk.node.worlds)}


def _here(desk: Desk, name: str) -> Resident | None:
    try:
        return desk.node.worlds.here(name)
    except NotHereError:
        return None


def _clock(desk: Desk, resident: Resident | None) -> dict[str, Any]:
    clock, due_ms = desk.timekeeper.clock(resident), desk.timekeeper.next_due_ms(resident)
    now_ms = (resident or desk.node.worlds.server).now_ms()
    own = None if resident is None else resident.world.clock is not None
    return clock_record(clock, now_ms, due_ms, own)
