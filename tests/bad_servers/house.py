"""A bad server: the fake behind one change of its document, its world, its courier or what goes over the wire."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
import yaml
from msgspec import structs

from mockserver.runtime.delivery.lanes import Dispatch
from mockserver.runtime.resident import Resident
from mockserver.simulation.clock import Mode
from mockserver.web.api.identity import tenant_asking
from mockserver.web.app import Application
from mockserver.web.options import Options
from tests.documents import OPENAPI, document

CREATE, TASKS, CREDITS = "/v1/videos/generations", "/v1/tasks/", "/v1/credits"
LIST, BATCH, MODELS = "/v1/tasks", "/v1/tasks/batch", "/v1/models"
Body = dict[str, Any]


@dataclass(slots=True)
class Wire:
    """One request and its answer on their way through; a hook may change both."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: str = ""
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    is_cut: bool = False
    """Whether the connection ends in the middle of the answer."""

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "")

    @property
    def creates(self) -> bool:
        return self.method == "POST" and self.path == CREATE

    @property
    def created(self) -> bool:
        """A submission that was accepted."""
        return self.creates and self.status == 200

    @property
    def shows(self) -> bool:
        """A query of a task that was answered with it."""
        return self.method == "GET" and self.path.startswith(TASKS) and self.status == 200

    @property
    def lists(self) -> bool:
        """A list of tasks, or several at once, that was answered."""
        return self.path in (LIST, BATCH) and self.status == 200

    @property
    def json(self) -> Any:
        return json.loads(self.answer)

    @json.setter
    def json(self, value: Any) -> None:
        self.answer = json.dumps(value).encode()


Pass = Callable[[Wire], Awaitable[None]]
Hook = Callable[[Wire, Pass], Awaitable[None]]
"""Has the request and a way to pass it on to the fake; what is in the wire afterwards goes out."""


class BadServer:
    """A context manager; `url` answers inside. `spoil` changes the application before it serves."""

    def __init__(self, profile: str, folder: Path, bad: "Bad", **told: Any) -> None:
        self._bad = bad
        options: dict[str, Any] = {"clock": Mode.MANUAL, "allow_local_callbacks": True, "profile": profile, **told}
        options.setdefault("specs", bad.specs)
        if bad.document is not None:
            options["document"] = _written(folder, bad.document)
        self.app = Application(Options(**options))
        if bad.spoil is not None:
            bad.spoil(self.app)
        self._hook = bad.hook(self.app) if bad.hook is not None else None

    def __enter__(self) -> Self:
        # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say they are TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        self.url = self.app.public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ready = threading.Event()
        config = uvicorn.Config(
            self._serve, log_level="critical", interface="asgi3", proxy_headers=False, lifespan="on", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=[listener, ready], daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def _run(self, listener: Any, ready: threading.Event) -> None:
        async def serve() -> None:
            serving = asyncio.ensure_future(self._server.serve(sockets=[listener]))
            while not self._server.started:
                await asyncio.sleep(0.005)
            ready.set()
            await serving

        asyncio.run(serve())

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self._hook is None:
            await self.app(scope, receive, send)
            return
        wire = await _read(scope, receive)

        async def forward(passed: Wire) -> None:
            await _forward(self.app, scope, passed)

        await self._hook(wire, forward)
        headers = {name: value for name, value in wire.answer_headers.items() if name != "content-length"}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        raw.append((b"content-length", b"%d" % (len(wire.answer) + wire.is_cut)))
        await send({"type": "http.response.start", "status": wire.status, "headers": raw})
        await send({"type": "http.response.body", "body": wire.answer})


async def _read(scope: Any, receive: Any) -> Wire:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Wire(scope["method"], scope["path"], headers, body, scope["query_string"].decode("latin-1"))


async def _forward(app: Application, scope: Any, wire: Wire) -> None:
    """Ask the fake in process, with whatever the hook has made of the request."""
    requests = [{"type": "http.request", "body": wire.body, "more_body": False}]
    gone = asyncio.Event()
    wire.answer = b""

    async def receive() -> Any:
        if requests:
            return requests.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            wire.status = message["status"]
            wire.answer_headers = {
                name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            wire.answer += message.get("body", b"")

    headers = [(name.encode(), value.encode("latin-1")) for name, value in wire.headers.items()]
    target = {"path": wire.path, "raw_path": wire.path.encode(), "query_string": wire.query.encode("latin-1")}
    await app({**scope, **target, "headers": headers}, receive, send)


# --- what a bad server is made of

Spoil = Callable[[Application], None]
MakeHook = Callable[[Application], Hook]
Alter = Callable[[Body], None]


@dataclass(frozen=True, slots=True)
class Bad:
    """One broken promise: `owner` is the check that finds it, `also` what can't hold either once it is broken."""

    what: str
    owner: str
    also: frozenset[str] = frozenset()
    document: Alter | None = None
    spoil: Spoil | None = None
    hook: MakeHook | None = None
    profile: str = "documented"
    specs: tuple[Path, ...] = ()
    model: str | None = None
    """What it is judged by, where that is not the built-in model."""


@contextmanager
def served(bad: Bad, folder: Path, **options: Any) -> Any:
    """The address of a bad server, with these options of the fake beside its own."""
    with BadServer(bad.profile, folder, bad, **options) as server:
        yield server.url


def _written(folder: Path, alter: Alter) -> Path:
    """The contract with a change, as a file."""
    raw = deepcopy(document("evolink"))
    alter(raw)
    path = folder / "evolink.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def operation(raw: Body) -> Any:
    return raw["paths"][CREATE]["post"]


def callback(raw: Body) -> Any:
    (path,) = operation(raw)["callbacks"]["taskEnded"].values()
    return path["post"]["x-evolink-callback"]


def answers(change: Callable[[Wire], None]) -> MakeHook:
    """A hook that changes answers of the API; it sees every exchange and keeps what it likes in its closure."""

    def make(_: Application) -> Hook:
        async def hook(wire: Wire, forward: Pass) -> None:
            await forward(wire)
            change(wire)

        return hook

    return make


def requests(change: Callable[[Wire], None]) -> MakeHook:
    """A hook that changes requests before the fake sees them."""

    def make(_: Application) -> Hook:
        async def hook(wire: Wire, forward: Pass) -> None:
            change(wire)
            await forward(wire)

        return hook

    return make


def bodies(change: Callable[[Body], None], *, of: str = "shows") -> MakeHook:
    """A hook that changes the body of a kind of answer (a property of Wire); of a task, in its callbacks too."""

    def changed(wire: Wire) -> None:
        if getattr(wire, of):
            body = wire.json
            change(body)
            wire.json = body

    def make(app: Application) -> Hook:
        if of == "shows":
            _change_callbacks(app, change)
        return answers(changed)(app)

    return make


def _change_callbacks(app: Application, change: Callable[[Body], None]) -> None:
    courier = app.node.mailroom.courier
    send = courier.send
    courier.send = lambda dispatch: send(rewritten(dispatch, change))  # type: ignore[method-assign]


def rewritten(dispatch: Dispatch, change: Callable[[Body], None]) -> Dispatch:
    """The same attempt with another body."""

    def render() -> bytes:
        body = json.loads(dispatch.render())
        change(body)
        return json.dumps(body).encode()

    return structs.replace(dispatch, render=render)


# --- where the fake keeps things


def newcomers(spoil: Callable[[Resident], None]) -> Spoil:
    """Changes each world before its first command."""

    def spoil_all(app: Application) -> None:
        visitor = app.node.worlds.visitor

        def spoiled(name: str, now_ms: int) -> Resident:
            resident = visitor(name, now_ms)
            spoil(resident)
            return resident

        app.node.worlds.visitor = spoiled  # type: ignore[method-assign]

    return spoil_all


def asking(app: Application, wire: Wire) -> Resident:
    """Who asks, as the fake knows it."""
    name = tenant_asking({b"authorization": wire.key.encode("latin-1")})
    assert name is not None
    return app.node.worlds.here(name)


__all__ = [
    "OPENAPI",
    "Bad",
    "Wire",
    "answers",
    "asking",
    "bodies",
    "callback",
    "newcomers",
    "operation",
    "requests",
    "rewritten",
    "served",
]
