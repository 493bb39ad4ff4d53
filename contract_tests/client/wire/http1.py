"""HTTP/1.1 as the wire needs it: requests read strictly, the fake asked, heads written as they are to be."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import h11

from contract_tests.client.behaviours.deviation import Answer, Headers

_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)
_CHUNK = 65_536
_BODY_LIMIT = 64 * 1024 * 1024


class NotHttpError(Exception):
    """What came is no request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; names of headers in lower case. `rest`: bytes that came after it."""

    method: str
    target: str
    headers: Headers
    body: bytes
    keeps_alive: bool
    rest: bytes

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> Request | None:
    """The next request of a connection; None where the client has left. Raises NotHttpError, OSError."""
    connection = h11.Connection(h11.SERVER)
    if rest:
        connection.receive_data(rest)
    try:
        head = await _event(connection, reader, writer)
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(event := await _event(connection, reader, writer), h11.Data):
            body += event.data
            if len(body) > _BODY_LIMIT:
                raise NotHttpError("a body of more than 64 MiB")
    except h11.RemoteProtocolError as error:
        raise NotHttpError(str(error)) from error
    return _request(head, bytes(body), connection.trailing_data[0]) if isinstance(event, h11.EndOfMessage) else None


async def _event(connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> object:
    """The next thing that came."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        if connection.they_are_waiting_for_100_continue:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.send(h11.InformationalResponse(status_code=100, headers=[]))
        connection.receive_data(await reader.read(_CHUNK))
    return event


def _request(head: h11.Request, body: bytes, rest: bytes) -> Request:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    asked = {value.strip().lower() for name, text in headers if name == "connection" for value in text.split(",")}
    keeps_alive = head.http_version == b"1.1" and "close" not in asked
    return Request(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, body, keeps_alive, rest)


async def asked_of(port: int, request: Request, target: str, body: bytes) -> Answer:
    """What the fake on this port of loopback answers. Raises OSError where it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        connection = h11.Connection(h11.CLIENT)
        kept = [(name, value) for name, value in request.headers if name not in _HOP_BY_HOP]
        length = [("content-length", str(len(body)))] if body else []
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*kept, *length)]
        head = h11.Request(method=request.method, target=target, headers=[*raw, (b"connection", b"close")])
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        return await _answer(connection, reader)
    except (h11.RemoteProtocolError, h11.LocalProtocolError) as error:
        raise ConnectionError(f"the fake could not answer: {error}") from error
    finally:
        writer.close()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
            return Answer(head.status_code, [one for one in raw if one[0].lower() != "connection"], bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("the fake closed the connection")


def head_of(status: int, headers: Headers) -> bytes:
    """The head of an answer in bytes."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
