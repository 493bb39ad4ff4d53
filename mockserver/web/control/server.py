"""The server as a whole: what runs, everything forgotten, the replay file, events."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mockserver.log import AwayError, DamagedError, MovedError
from mockserver.log.replay import Header, write_header
from mockserver.runtime.loader import Birth
from mockserver.runtime.worlds import SERVER
from mockserver.web.control.desk import Desk, flag_asked, json_response
from mockserver.web.control.state import state
from mockserver.web.nodes.asking import Stream, is_part, question, side_by_side
from mockserver.web.nodes.coverage import NO_GAP, Gap
from mockserver.web.nodes.membership import Membership

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
            members = self._desk.members
            if name is None and members is not None and not is_part(request):
                others = members.streams(question(request, request.scope["query_string"]))
                events = side_by_side(events, others)
        return StreamingResponse(events, media_type="text/event-stream", headers=_FRESH)

    async def get_log(self, request: Request, body: Any) -> Response:
        name, members = self._desk.name_asked(request), self._desk.members
        if name is not None:
            await self._desk.fetch(name)  # what can't be read is said before the answer has begun
            lines = _in_pieces(self._replay_file([name]))
        elif members is None or is_part(request):
            lines = _in_pieces(self._replay_file(self._names(is_alone=members is None)))
        else:
            if (gap := await members.whole(request.scope["headers"])) != NO_GAP:
                raise AwayError(_moving(gap))
            lines = self._of_all(members, members.streams(question(request, request.scope["query_string"])))
        return StreamingResponse(lines, media_type="application/jsonl")

    async def _of_all(self, members: Membership, others: list[Stream]) -> AsyncIterator[bytes]:
        """The logs of every node. It breaks off where keys went from node to node meanwhile: no file is short in
        silence."""
        own, names = members.own, self._names(is_alone=not others)
        parts: list[AsyncIterable[bytes]] = [_in_pieces(self._replay_file(names)), *others]
        for part in parts:
            async for piece in part:
                yield piece
        if (gap := members.gap((own, *(one.told for one in others)))) != NO_GAP:
            raise MovedError(_moving(gap))

    def _names(self, *, is_alone: bool) -> list[str]:
        """The worlds of this node. A file has one at least: the server's where nobody has any."""
        return self._desk.node.worlds.names() or ([SERVER] if is_alone else [])

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


def _moving(gap: Gap) -> str:
    """What a file can't say of the keys that it would lack."""
    return f"keys go from node to node ({', '.join(sorted(gap.owners))})"


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
