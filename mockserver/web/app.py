"""The composition root: the parts of one server, put together. Nothing here outlives an Application."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from mockserver import __version__
from mockserver.contract.document import Document, load, load_any
from mockserver.contract.operation import Request as RequestContract
from mockserver.contract.overlay import Overlay, load_overlay, overlaid
from mockserver.contract.registry import Registry
from mockserver.data import data
from mockserver.log import Log
from mockserver.log.memory import MemoryLog
from mockserver.runtime.clock import Clock
from mockserver.runtime.courier import Courier, Receipt
from mockserver.runtime.node import Node
from mockserver.runtime.target import TargetPolicy
from mockserver.simulation.command import AddScenario
from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.simulation.scenario import Scenario
from mockserver.simulation.world import Settings
from mockserver.web import control, guard
from mockserver.web.api import Api
from mockserver.web.blobs import Blobs
from mockserver.web.body import TaskBodies
from mockserver.web.exchange import json_answer
from mockserver.web.files import FilesApi
from mockserver.web.inputs import UploadedInputs
from mockserver.web.intake import Intake
from mockserver.web.journal import Journal
from mockserver.web.links import SAVED as FILES_PREFIX
from mockserver.web.links import FileLinks
from mockserver.web.media import PREFIX as MEDIA_PREFIX
from mockserver.web.media import file_routes, journaled, media_route
from mockserver.web.options import Options
from mockserver.web.order import Pace
from mockserver.web.request_id import RequestIds
from mockserver.web.script import ScriptError, Scripts
from mockserver.web.stream import EventStream
from mockserver.web.wire import ApiApp, Receive, Scope, Send

CONTROL_PREFIX = "/_mock"
OVERLAY_ENDING = ".overlay.yaml"
SAMPLES = data("fixtures", "media")
DEFAULT_URL = "http://127.0.0.1:8787"


class OptionsError(Exception):
    """An option can't be used; says which and why."""


class Application:
    """One mock server as an ASGI application. `public_url` is where its result links lead; a `courier` of another
    class sends callbacks in another way."""

    def __init__(self, options: Options, courier: type[Courier] = Courier) -> None:
        self.options, self._courier = options, courier
        self.public_url = options.public_url or DEFAULT_URL
        self._control_document = load(data("openapi", "control.yaml"))
        self.registry = registry_of(options)
        self.journal = Journal(options.bounds.journal_entries, options.bounds.journal_body_bytes)
        self._links, self._blobs = FileLinks(lambda: self.public_url), Blobs(options.bounds.files_kept_bytes)
        self._bodies = TaskBodies(self.registry, lambda: self.public_url, self._user_group)
        self._policy = TargetPolicy(allow_local=options.allow_local_callbacks)
        self.node = self._make_node()
        self.stream = EventStream(self.node.listeners, options.bounds.event_listeners)
        self.scripts = _scripts(self.registry, self._control_document)
        self._scenarios = [_scenario_file(path, self.scripts) for path in options.scenarios]
        self._add_scenarios()
        self.api = self._make_api()
        header = self.registry.request_id_header
        self._request_ids = RequestIds(header, options.seed) if header else None
        self.api_app = ApiApp(self.api, self.node, self.journal, self._request_ids)
        self._starlette = self._make_starlette()
        self._media = journaled(self._starlette, self.node, self.journal)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Straight to the generation API; only control and media take the way through a router."""
        if scope["type"] == "http":
            if self.takes_directly(scope["path"]):
                return self.api_app(scope, receive, send)
            return self._beside(scope, receive, send)
        return self._live(receive, send)

    @staticmethod
    def takes_directly(path: str) -> bool:
        """Whether a path is the generation API's, whose answers never have to wait."""
        return not path.startswith((CONTROL_PREFIX, MEDIA_PREFIX, FILES_PREFIX))

    async def start(self) -> None:
        self.node.start()

    async def stop(self) -> None:
        self.stream.close()
        await self.node.stop()

    def health(self) -> dict[str, Any]:
        """What runs here; see the schema Health of control.yaml."""
        bounds = self.options.bounds
        return {
            "status": "ok",
            "version": __version__,
            **self.options.told(),
            "models": self.registry.models,
            "clock": self.node.clock.mode,
            "bounds": {name: getattr(bounds, name) for name in bounds.__slots__},
        }

    def replay_file(self) -> Iterator[bytes]:
        """The log so far, line by line."""
        return self.node.replay_file(__version__, self.options.profile, self.public_url)

    async def start_over(self) -> None:
        """Forget everything but the options: the scenarios given at start are in force again."""
        await self.node.forget_everything()
        self.journal.forget()
        if self._request_ids is not None:
            self._request_ids.restart()
        self._blobs.forget()
        self._add_scenarios()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Control and media. Control is guarded."""
        if not scope["path"].startswith(CONTROL_PREFIX):
            await self._media(scope, receive, send)
            return
        headers = dict(scope["headers"])
        objection = guard.objection(headers, token=self.options.control_token, loopback=self.options.loopback)
        if objection is None:
            await self._starlette(scope, receive, send)
            return
        status, message = objection
        answer = json_answer(status, control.error_body("permission_denied", message))
        await send({"type": "http.response.start", "status": status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _user_group(self, tenant: str) -> str:
        return self.node.world.tenant(tenant).account.user_group

    def _add_scenarios(self) -> None:
        """Those given at start; a log that goes on has them already, with what they have met."""
        known = self.node.world.playbook.scenarios
        for scenario in self._scenarios:
            if known.get((None, scenario.name)) != scenario:
                self.node.execute(AddScenario(at_ms=self.node.catch_up(), scenario=scenario))

    def _make_node(self) -> Node:
        options, bounds = self.options, self.options.bounds

        def make_courier(report: Callable[[Receipt], None]) -> Courier:
            return self._courier(
                self._policy,
                report,
                parallel=bounds.callbacks_parallel,
                parallel_per_receiver=bounds.callbacks_parallel_per_receiver,
                queue_limit=bounds.callbacks_waiting,
                ca_file=str(options.callback_ca) if options.callback_ca else None,
            )

        settings = Settings(
            seed=options.seed,
            credits_uc=round(options.credits * UC_PER_CREDIT),
            tenants_limit=bounds.tenants,
            tasks_limit=bounds.tasks_per_tenant,
            scenarios_limit=bounds.scenarios,
        )
        return Node(
            settings=settings,
            log=_log(options, settings),
            clock=Clock(options.clock, speed=options.speed),
            render=self._bodies.detail,
            make_courier=make_courier,
        )

    def _make_api(self) -> Api:
        pace = Pace(task_seconds=self.options.task_seconds)
        inputs = UploadedInputs(self.registry, lambda: self.node.world.storage, self._links)
        intake = Intake(self.registry, self.scripts, self._policy, pace, inputs)
        return Api(
            node=self.node,
            registry=self.registry,
            intake=intake,
            bodies=self._bodies,
            files=self._make_files(intake),
            body_limit=self.options.bounds.body_bytes,
            upload_limit=self.options.bounds.upload_bytes,
            only_keys=self.options.only_keys,
        )

    def _make_files(self, intake: Intake) -> FilesApi:
        return FilesApi(
            node=self.node,
            registry=self.registry,
            intake=intake,
            blobs=self._blobs,
            links=self._links,
            samples=SAMPLES,
        )

    def _make_starlette(self) -> Starlette:
        handlers = control.Control(
            node=self.node,
            registry=self.registry,
            scripts=self.scripts,
            journal=self.journal,
            stream=self.stream,
            health=self.health,
            replay_file=self.replay_file,
            start_over=self.start_over,
        )
        media = media_route(self.node, self.registry, SAMPLES)
        files = file_routes(self.node, self.registry, self._blobs, SAMPLES)
        routes = [*control.routes(self._control_document, handlers), media, *files]
        return Starlette(routes=routes, exception_handlers={HTTPException: control.unrouted})


def registry_of(options: Options) -> Registry:
    """The built-in document with those of `specs` mounted beside it. Raises DocumentError, OptionsError."""
    built_in, *mounted = documents_of(options)
    return Registry(built_in, options.profile, mounted, load(data("openapi", "files.yaml")))


def documents_of(options: Options) -> list[Document]:
    """The built-in document, then the mounted ones. Raises DocumentError, OptionsError."""
    built_in = load(options.document or data("openapi", "evolink.yaml"))
    if not options.specs:
        return [built_in]
    common = [load_overlay(file) for file in sorted(data("openapi", "overlays").glob("*.yaml"))]
    return [built_in, *(_mounted(file, common) for path in options.specs for file in _spec_files(path))]


def _mounted(file: Path, overlays: list[Overlay]) -> Document:
    """A document with its overlays: those that come with the kit, then the one beside it."""
    beside = file.with_suffix(OVERLAY_ENDING)
    own = [load_overlay(beside)] if beside.is_file() else []
    return overlaid(load_any(file), [*overlays, *own])


def _spec_files(path: Path) -> list[Path]:
    """A file itself, or the documents of a folder in the order of their names."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if _is_document(file))
    if not files:
        raise OptionsError(f"--spec {path}: no .json, .yaml or .yml file is in this folder")
    return files


def _is_document(file: Path) -> bool:
    return file.suffix in (".json", ".yaml", ".yml") and not file.name.endswith(OVERLAY_ENDING)


def _log(options: Options, settings: Settings) -> Log:
    """Where the commands are kept. Raises OptionsError with what is wrong with the place."""
    kind, _, place = options.log.partition(":")
    if options.log == "memory":
        return MemoryLog(options.bounds.log_bytes // 2)
    if kind != "sqlite" or not place:
        raise OptionsError(f"--log: received {options.log!r}; allowed: memory, sqlite:PATH")
    import sqlite3

    from mockserver.log.sqlite import OtherBirthError, SqliteLog

    try:
        return SqliteLog(Path(place), msgspec.json.encode(settings))
    except (OtherBirthError, sqlite3.Error) as error:
        raise OptionsError(f"--log {options.log}: {error}") from error


def _scripts(registry: Registry, document: Document) -> Scripts:
    schemas = document.raw["components"]["schemas"]
    scenario = RequestContract(document, schemas["Scenario"], required=True)
    return Scripts(registry, scenario, RequestContract(document, schemas["Effect"], required=True))


def _scenario_file(path: Path, scripts: Scripts) -> Scenario:
    """A scenario from a YAML or JSON file. Raises OptionsError with file and place."""
    try:
        return scripts.scenario(yaml.safe_load(path.read_bytes()), None)
    except (OSError, yaml.YAMLError, ValueError, ScriptError) as error:
        raise OptionsError(f"{path}: {error}") from error
