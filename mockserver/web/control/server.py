"""The server as a whole: what runs, everything forgotten, the replay file, events."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mockserver.log import DamagedError
from mockserver.log.replay import Header, write_header
from mockserver.runtime.loader import Birth
from mockserver.runtime.worlds import SERVER
from mockserver.web.control.desk import Desk, flag_asked, json_response
from mockserver.web.control.state import state
from mockserver.web.nodes.asking import is_part, one_after_the_other, question, side_by_side

_PIECE_BYTES = 64 * 1024
_FRESH = {"cache-control": "no-store"}


class ServerCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_health(self, request: Request, body: Any) -> Response:
        return json_response({**self._desk.health(), "now_ms": self._desk.timekeeper.now_ms(None)})

    async def reset(self, request: Request, body: Any) -> Response:
        key = (body or {}).get("key")
        if key is None:
            await self._desk.start_over()
            await self._share(request)
        else:
            name = self._desk.name_of(key, request)
            await self._desk.node.forget(name)
            self._desk.forget_exchanges(name)
        return json_response({"done": True})

    async def _share(self, request: Request) -> None:
        """Let the scenarios given at start be those of every node again."""
        members = self._desk.members
        if members is not None and is_part(request):
            await members.read_commons()
        elif members is not None:
            await members.put_out_of_force(None)
            await members.put_in_force([one.name for one in self._desk.node.commons.scenarios])

    async def stream_events(self, request: Request, body: Any) -> Response:
        """Whoever asks for the head alone (HEAD) listens to nothing."""
        name, is_asked_for = self._desk.name_asked(request), flag_asked(request, "pulse")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=_FRESH)
        if is_asked_for:
            events = self._desk.pulse.subscribe(name, lambda: state(self._desk, name))
        else:
            events = self._desk.stream.subscribe(name)
            if name is None:
                events = side_by_side(events, self._others(request))
        return StreamingResponse(events, media_type="text/event-stream", headers=_FRESH)

    async def get_log(self, request: Request, body: Any) -> Response:
        name = self._desk.name_asked(request)
        if name is not None:
            await self._desk.fetch(name)  # what can't be read is said before the answer has begun
        names = self._desk.node.worlds.names() if name is None else [name]
        others = self._others(request) if name is None else []
        own = _in_pieces(self._replay_file(names or ([] if others or is_part(request) else [SERVER])))
        return StreamingResponse(one_after_the_other(own, others), media_type="application/jsonl")

    def _others(self, request: Request) -> list[AsyncIterator[bytes]]:
        """The same from the other nodes."""
        members = self._desk.members
        if members is None or is_part(request):
            return []
        return members.streams(question(request, request.scope["query_string"]))

    async def _replay_file(self, names: list[str]) -> AsyncIterator[bytes]:
        """The logs of these worlds, line by line."""
        desk, worlds = self._desk, self._desk.node.worlds
        for name in names:
            try:
                resident = await worlds.fetch(name)
            except DamagedError:
                continue
            birth = Birth(resident.world.settings, resident.now_ms())
            if resident.is_open:
                await desk.node.round.closed()
                birth = await worlds.loader.birth(name)
            yield write_header(
                Header(
                    version=desk.version,
                    settings=birth.settings,
                    started_ms=birth.started_ms,
                    profile=desk.registry.profile,
                    public_url=desk.public_url(),
                )
            )
            if resident.is_open:
                async for line in desk.node.history(resident):
                    yield line + b"\n"


async def _in_pieces(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines gathered to pieces of some size: each costs a write."""
    piece: list[bytes] = []
    size = 0
    async for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)
