"""Replay files that were sent here to be looked into. They are nobody's world: nothing of them is served or kept."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.log.replay import ReplayError
from mockserver.simulation.timeline import deliveries_of
from mockserver.simulation.world import World
from mockserver.web.api.identity import tenant_of
from mockserver.web.control.desk import Desk, WrongError, json_response, limit_asked, offset_asked, whole_asked
from mockserver.web.control.records import book_record, file_record, life_record
from mockserver.web.looking.tape import Track, read, told

REPLAYS_LIMIT = 4
"""Files that are kept at a time; the oldest goes."""
_TASKS_LIMIT = 1_000


class ReplayCalls:
    def __init__(self, desk: Desk) -> None:
        self._replays: dict[str, list[Track]] = {}
        self._count = 0
        self._turn = asyncio.Lock()

    async def add_replay(self, request: Request, body: bytes) -> Response:
        try:
            tracks = await asyncio.to_thread(read, body.split(b"\n"))
        except ReplayError as error:
            raise WrongError(400, "invalid_request", f"The replay file: {error}") from error
        self._count += 1
        name = f"replay-{self._count}"
        if len(self._replays) >= REPLAYS_LIMIT:
            del self._replays[next(iter(self._replays))]
        self._replays[name] = tracks
        worlds = [{"tenant": one.name, "commands": len(one.commands)} for one in tracks]
        return json_response({"id": name, "worlds": worlds}, status=201)

    async def get_replay(self, request: Request, body: Any) -> Response:
        """One world of a file as it was after so many of its commands."""
        track = self._track(request)
        at = whole_asked(request, "at", len(track.commands), most=len(track.commands))
        async with self._turn:
            world = await asyncio.to_thread(_moved, track, at)
            return json_response({**_state(world), "at": at, "commands": len(track.commands)})

    async def list_replay_commands(self, request: Request, body: Any) -> Response:
        track, offset = self._track(request), offset_asked(request)
        listed = list(told(track.commands[offset : offset + limit_asked(request)], offset))
        return json_response({"total": len(track.commands), "commands": listed})

    async def remove_replay(self, request: Request, body: Any) -> Response:
        self._tracks(request)
        del self._replays[request.path_params["replay_id"]]
        return json_response({"done": True})

    def _tracks(self, request: Request) -> list[Track]:
        tracks = self._replays.get(request.path_params["replay_id"])
        if tracks is None:
            raise WrongError(404, "replay_not_found", "No replay file has this id, or no longer")
        return tracks

    def _track(self, request: Request) -> Track:
        """The world of `key`, or of the name that the file has for it; the first one where none is asked for."""
        tracks, key = self._tracks(request), request.query_params.get("key")
        names = None if key is None else (key, tenant_of(key))
        track = next((one for one in tracks if names is None or one.name in names), None)
        if track is None:
            raise WrongError(404, "replay_not_found", "This replay file has no such key")
        return track


def _moved(track: Track, at: int) -> World:
    try:
        return track.at(at)
    except Exception as error:  # a file may say anything: that is no failure of the mock
        track.begin()
        raise WrongError(400, "invalid_request", f"These commands can't be carried out: {error!r}"[:500]) from error


def _state(world: World) -> dict[str, Any]:
    now_ms, name = world.now_ms, world.name
    newest = list(reversed(world.tasks.values()))[:_TASKS_LIMIT]
    return {
        "tenant": name,
        "now_ms": now_ms,
        "tasks": [life_record(name, task, now_ms, deliveries_of(world, task.id)) for task in newest],
        "total": len(world.tasks),
        "book": book_record(world),
        "files": [file_record(name, file, now_ms) for file in world.files.values()],
    }
