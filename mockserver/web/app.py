"""The composition root: the parts of one server, put together. Nothing here outlives an Application."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

from msgspec import structs
from starlette.applications import Starlette

from mockserver import __version__
from mockserver.contract.document.document import Document, load
from mockserver.contract.document.fault import Fault
from mockserver.contract.registry import Registry
from mockserver.data import data
from mockserver.log import LogError
from mockserver.runtime.clock import Clock
from mockserver.runtime.delivery.courier import Courier, Receipt
from mockserver.runtime.delivery.target import TargetPolicy
from mockserver.runtime.limits import Limits
from mockserver.runtime.node import Node
from mockserver.runtime.timekeeper import Timekeeper
from mockserver.simulation.event import Fired
from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.simulation.scenario import Scenario
from mockserver.simulation.world import Settings
from mockserver.web.api.api import Api
from mockserver.web.api.body import TaskBodies
from mockserver.web.api.identity import names_of
from mockserver.web.api.intake import Intake
from mockserver.web.api.order import Pace
from mockserver.web.api.request_id import RequestIds
from mockserver.web.api.script import ScriptError, Scripts
from mockserver.web.control import guard
from mockserver.web.control.calls import ToldOfControl, noting
from mockserver.web.control.desk import Desk, error_body
from mockserver.web.control.routes import FILE_LIMIT, handlers, routes
from mockserver.web.control.stream import EventStream
from mockserver.web.dashboard.page import is_open, page_routes
from mockserver.web.files.api import FilesApi
from mockserver.web.files.blobs import Blobs
from mockserver.web.files.inputs import UploadedInputs
from mockserver.web.files.links import SAVED as FILES_PREFIX
from mockserver.web.files.links import FileLinks
from mockserver.web.files.media import PREFIX as MEDIA_PREFIX
from mockserver.web.files.media import file_routes, journaled, media_route
from mockserver.web.hints.adviser import Adviser
from mockserver.web.hints.hint import Hint
from mockserver.web.http.cors import Cors, allowing
from mockserver.web.http.exchange import json_answer, send_answer
from mockserver.web.http.heads import Heads
from mockserver.web.http.wire import ApiApp, Receive, Scope, Send
from mockserver.web.journal import Journal
from mockserver.web.links import PublicUrl
from mockserver.web.liveness import PATH as LIVENESS_PATH
from mockserver.web.liveness import liveness_route
from mockserver.web.looking.pulse import Pulse
from mockserver.web.nodes.membership import Membership
from mockserver.web.options import Options
from mockserver.web.place import Place, place_of
from mockserver.web.veil import Veil

CONTROL_PREFIX = "/_mock"
REPLAYS_PATH = f"{CONTROL_PREFIX}/replays"
_OPEN_PATHS = frozenset({"/", "/openapi.json", LIVENESS_PATH})
"""What anybody may read: no more than the API itself shows."""
SAMPLES = data("fixtures", "media")
_GOOD = range(200, 300)
DEFAULT_URL = "http://127.0.0.1:8787"


class OptionsError(Exception):
    """An option can't be used; says which and why."""


class Application:
    """One mock server as an ASGI application. `public_url` is where its result links lead; a `courier` of another
    class sends callbacks in another way."""

    def __init__(self, options: Options, courier: type[Courier] = Courier) -> None:
        self.options, self._courier, self.heads = options, courier, Heads()
        self._urls = PublicUrl(options.public_url or DEFAULT_URL, follows=options.links_follow_host)
        self._control_document = load(data("openapi", "control.yaml"))
        self.registry = registry_of(options)
        self._links = FileLinks(self._urls.now, self._other_urls)
        self._blobs = Blobs(options.bounds.files_kept_bytes)
        self._bodies = TaskBodies(self.registry, self._urls.now, self._urls.tell)
        self._policy = TargetPolicy(allow_local=options.allow_local_callbacks)
        self.scripts = Scripts.of(self.registry, self._control_document)
        self._scenarios = [_scenario_file(path, self.scripts) for path in options.scenarios]
        self.adviser: Adviser | None = None
        self.control_told: ToldOfControl | None = None
        place = self._make_log()
        self.journal = Journal(
            options.bounds.journal_entries,
            options.bounds.journal_body_bytes,
            Veil((*options.only_keys, *([options.control_token] if options.control_token else []))),
            by_time=place.shared is not None,
        )
        self.node = self._make_node(place)
        self.membership = self._make_membership(place)
        self.stream = EventStream(self.node.listeners, options.bounds.event_listeners)
        self.pulse = Pulse(self.node.listeners, options.bounds.event_listeners)
        if options.hints:
            self.adviser = Adviser(self.node.worlds, options.bounds.tenants)
            self.adviser.listeners.append(self._tell_hint)
        self._add_scenarios()
        self.api = self._make_api()
        header = self.registry.request_id_header
        self._request_ids = RequestIds(header, options.seed) if header else None
        ids, cors = self._request_ids, Cors(options.cors)
        self.api_app = ApiApp(self.api, self.node, self.journal, ids, self.adviser, urls=self._urls, cors=cors)
        self._starlette = self._make_starlette()
        self._media = allowing(cors, journaled(self._starlette, self.node, self.journal, self.adviser))

    @property
    def public_url(self) -> str:
        return self._urls.fixed

    @public_url.setter
    def public_url(self, url: str) -> None:
        self._urls.fixed = url

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
        return not path.startswith((CONTROL_PREFIX, MEDIA_PREFIX, FILES_PREFIX)) and path not in _OPEN_PATHS

    def limit_of(self, path: str) -> int:
        """How many bytes a request body at this path may have."""
        if self.takes_directly(path):
            return self.api_app.limit_of(path)
        return FILE_LIMIT if path == REPLAYS_PATH else self.options.bounds.body_bytes

    async def start(self) -> None:
        """Raises LogError where this node can't be one of those that share a log."""
        self.node.start()
        if self.adviser is not None:
            self.adviser.start(asyncio.get_running_loop())
        if self.membership is not None:
            await self.membership.start()
            await self.membership.put_in_force(self._add_scenarios())

    async def leave(self) -> None:
        """Hand over to other nodes what is to be handed over; what comes from now on is passed on to them."""
        if self.membership is not None:
            await self.membership.leave()

    async def stop(self) -> None:
        if self.adviser is not None:
            self.adviser.stop()
        self.end_streams()
        await self.leave()
        await self.node.stop()
        if self.membership is not None:
            await self.membership.stop()

    def end_streams(self) -> None:
        """Let everybody go who listens to what happens."""
        self.stream.close()
        self.pulse.close()

    def health(self) -> dict[str, Any]:
        """What runs here; see the schema Health of control.yaml."""
        bounds = self.options.bounds
        return {
            "status": "ok",
            "version": __version__,
            **self.options.told(),
            "models": self.registry.models,
            "clock": self.node.clock.mode,
            "worlds": {"known": len(self.node.worlds), "loaded": self.node.worlds.loaded - 1},
            **({} if self.membership is None else {"node": self.membership.health()}),
            "bounds": {name: getattr(bounds, name) for name in bounds.__struct_fields__},
        }

    async def start_over(self) -> None:
        """Forget everything but the options: the scenarios given at start are in force again."""
        await self.node.forget_everything()
        self.journal.forget()
        if self.adviser is not None:
            self.adviser.forget()
        if self._request_ids is not None:
            self._request_ids.restart()
        self._blobs.forget()
        self._add_scenarios()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except LogError as error:
            await send({"type": "lifespan.startup.failed", "message": f"--log {self.options.log_shown}: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Control and media. Control is guarded; whether the server lives, anybody may ask."""
        if scope["path"] in _OPEN_PATHS or is_open(scope["path"], self.options.control_token):
            await self._starlette(scope, receive, send)
            return
        if not scope["path"].startswith(CONTROL_PREFIX):
            await self._media(scope, receive, send)
            return
        if self.control_told is not None:
            send = noting(scope, send, self.control_told)
        headers = dict(scope["headers"])
        objection = guard.objection(headers, token=self.options.control_token, loopback=self.options.loopback)
        if objection is None:
            await self._starlette(scope, receive, send)
            return
        status, message = objection
        told = error_body("permission_denied", self.journal.veil.over(message))
        await send_answer(send, json_answer(status, told))

    def _add_scenarios(self) -> list[str]:
        """Those given at start; a log that goes on has them already, with what they have met. Returns the names of
        those that are new."""
        added = []
        known = {one.name: one for one in self.node.commons.scenarios}
        for scenario in self._scenarios:
            same = known.get(scenario.name)
            if same is None or scenario.as_shared(same.edition) != same:
                self.node.commons.add(scenario)
                added.append(scenario.name)
        return added

    def _other_urls(self) -> Iterable[str]:
        return self._urls.known() | set(() if self.membership is None else self.membership.public_urls)

    def _settings(self) -> Settings:
        options, bounds = self.options, self.options.bounds
        return Settings(
            name="",
            seed=options.seed,
            credits_uc=round(options.credits * UC_PER_CREDIT),
            tasks_limit=bounds.tasks_per_tenant,
            scenarios_limit=bounds.scenarios,
        )

    def _make_log(self) -> Place:
        try:
            return place_of(self.options, self._settings())
        except LogError as error:
            raise OptionsError(f"--log {self.options.log_shown}: {error}") from error

    def _make_membership(self, place: Place) -> Membership | None:
        return None if place.shared is None else Membership(self, place.shared)

    def _make_node(self, place: Place) -> Node:
        options, bounds = self.options, self.options.bounds

        def make_courier(report: Callable[[Receipt], None]) -> Courier:
            return self._courier(
                self._policy,
                partial(self._report, report),
                parallel=bounds.callbacks_parallel,
                parallel_per_receiver=bounds.callbacks_parallel_per_receiver,
                queue_limit=bounds.callbacks_waiting,
                ca_file=str(options.callback_ca) if options.callback_ca else None,
            )

        try:
            return Node(
                settings=self._settings(),
                limits=Limits(worlds=bounds.tenants, loaded=bounds.tenants_loaded, names=names_of(options.only_keys)),
                log=place.log,
                clock=Clock(options.clock, speed=options.speed),
                render=self._bodies.callback,
                make_courier=make_courier,
            )
        except LogError as error:
            raise OptionsError(f"--log {options.log_shown}: {error}") from error

    def _report(self, report: Callable[[Receipt], None], receipt: Receipt) -> None:
        """To the world first, then, when what came of it is told, to whoever may have a hint."""
        report(receipt)
        if self.adviser is not None and receipt.status not in _GOOD:
            self.node.round.then(partial(self.adviser.reported, receipt))

    def _tell_hint(self, hint: Hint) -> None:
        """A hint goes where events go; whose it is the listener is told beside it."""
        told = cast(Fired, structs.replace(hint, tenant=None))
        for listener in tuple(self.node.listeners):
            listener(hint.tenant or "", told)

    def _make_api(self) -> Api:
        pace = Pace(task_seconds=self.options.task_seconds)
        inputs = UploadedInputs(self.registry, self.node, self._links)
        intake = Intake(self.registry, self.scripts, self._policy, pace, inputs, self.node.worlds.share)
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
        desk = Desk(
            node=self.node,
            timekeeper=Timekeeper(self.node),
            registry=self.registry,
            control_document=self._control_document,
            scripts=self.scripts,
            journal=self.journal,
            adviser=self.adviser,
            stream=self.stream,
            pulse=self.pulse,
            health=self.health,
            version=__version__,
            public_url=lambda: self.public_url,
            only_keys=bool(self.options.only_keys),
            start_over=self.start_over,
            members=self.membership,
        )
        media = media_route(self.node, self.registry, SAMPLES)
        files = file_routes(self.node, self.registry, self._blobs, SAMPLES)
        control = [*routes(self._control_document, desk), *page_routes(), liveness_route()]
        return Starlette(routes=[*control, media, *files], exception_handlers=handlers(self.journal.veil))


def registry_of(options: Options) -> Registry:
    """The built-in document with those of `specs` mounted beside it. Raises DocumentError."""
    mounted, left_out = _specs(options)
    files = load(data("openapi", "files.yaml"))
    return Registry(_built_in(options), options.profile, mounted, files, left_out)


def _specs(options: Options) -> tuple[list[Document], list[Fault]]:
    """What is mounted, and what is left out of it. Raises DocumentError."""
    if not options.specs:
        return [], []
    from mockserver.contract.document.overlay import load_overlay
    from mockserver.contract.reading.specs import read_specs

    common = [load_overlay(file) for file in sorted(data("openapi", "overlays").glob("*.yaml"))]
    specs = read_specs(options.specs, common, strict=options.strict)
    return specs.documents, specs.left_out


def _built_in(options: Options) -> Document:
    return load(options.document or data("openapi", "evolink.yaml"))


def _scenario_file(path: Path, scripts: Scripts) -> Scenario:
    """A scenario from a YAML or JSON file. Raises OptionsError with file and place."""
    from mockserver.contract.reading import yaml12

    try:
        return scripts.scenario(yaml12.read(path.read_bytes()))
    except (OSError, ValueError, RecursionError, ScriptError) as error:
        raise OptionsError(f"{path}: {error}") from error
