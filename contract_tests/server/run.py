"""One run against one server: what to judge, in which order, and when to stop."""

import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract_tests.check import Layer, checks
from contract_tests.document import CREATE, UC_PER_CREDIT, example_request, highest_price_uc
from contract_tests.judge import Judge
from contract_tests.report import Report
from contract_tests.server import access, callbacks, endings, life, lifecycle, listing, money
from contract_tests.server.budget import Budget
from contract_tests.server.control import Control
from contract_tests.server.listener import Listener
from contract_tests.server.memory import Memory
from contract_tests.server.probe import Need, Probe, Setting, plan
from contract_tests.server.schema import judge_schema
from contract_tests.server.target import Settings, SilentServerError, Target

LAYERS = (Layer.BEHAVIOUR, Layer.CALLBACK, Layer.SCHEMA)
EXAMPLES = 15
"""Drawn requests an operation, in the schema layer."""
_PROBES: dict[Layer, tuple[Probe, ...]] = {
    Layer.BEHAVIOUR: (
        life.whole_life,
        *access.PROBES,
        *money.PROBES,
        *listing.PROBES,
        *endings.PROBES,
        lifecycle.lifecycle,
    ),
    Layer.CALLBACK: (*callbacks.PROBES, life.called_back),
    Layer.SCHEMA: (),
}


def all_probes() -> tuple[Probe, ...]:
    """Every talk with a server, the one included that waits for a time-out."""
    return (*(one for layer in LAYERS for one in _PROBES[layer]), callbacks.timeout)


Tell = Callable[[str, int, int], None]
"""Told what is judged now, how many parts are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to judge. `max_credits` None means: none on a server with real money, no limit on a mock."""

    settings: Settings
    profile: str | None = None
    seed: int = 0
    max_credits: float | None = None
    layers: tuple[Layer, ...] = LAYERS
    only: frozenset[str] = frozenset()
    control: bool = True
    control_token: str | None = None
    quick: bool = False
    deadline_s: float = 600.0
    examples: int = EXAMPLES
    callback_url: str = ""
    callback_port: int = 0
    certificate: ssl.SSLContext | None = None
    replay: str = ""
    """The command of this run, for findings to narrow."""
    state: Path | None = None

    def replay_of(self, check_id: str) -> str:
        return f"{self.replay} --check {check_id}" if self.replay else ""


class UnreachableError(Exception):
    """Nothing answers at this address: there is nothing to judge."""


@dataclass(slots=True)
class Run:
    """What `judge_server` works with; made by `opened`."""

    options: Options
    judge: Judge
    target: Target
    control: Control | None
    listener: Listener | None
    profile: str
    missing: frozenset[Need]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    cases: dict[str, int] = field(default_factory=dict)
    aborted: str = ""

    def setting(self) -> Setting:
        return Setting(self.target, self.judge, self.profile, self.options.seed, self.listener)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """All of the layers; or, where only some checks are asked for, those that may judge them."""
        chosen = tuple(one for layer in self.options.layers for one in _PROBES[layer])
        return tuple(one for one in chosen if self.options.only.intersection(one.judges)) or chosen

    @property
    def is_paid(self) -> bool:
        """Whether somebody's money is behind the key."""
        return self.target.budget.cap_uc is not None

    def plan(self) -> tuple[int, float]:
        """Paid submissions, and the credits that they cost at most."""
        return plan(self.probes, self.missing, highest_price_uc(self.options.settings.video_seconds))

    def report(self) -> Report:
        elapsed = (datetime.now(UTC) - self.started).total_seconds()
        facts = {
            "profile": self.profile,
            "requests": f"{self.target.requests}",
            "credits reserved at most": f"{self.target.budget.spent_uc / UC_PER_CREDIT:g}"
            if self.is_paid
            else "play money",
        }
        facts |= {f"cases of {operation}": f"{count}" for operation, count in self.cases.items()}
        return Report(
            "Server",
            self.options.settings.url,
            self.started,
            elapsed,
            self.options.seed,
            self.judge.results(),
            facts,
            tuple(exchange.safe() for exchange in self.target.exchanges),
            self.aborted,
        )


@contextmanager
def opened(options: Options) -> Iterator[Run]:
    """Everything that a run needs, closed at its end. Raises UnreachableError, ForeignMemoryError."""
    with ExitStack() as stack:
        asked = [one for one in checks(*options.layers) if not options.only or one.id in options.only]
        judge, budget = Judge(asked, replay=options.replay_of), Budget()
        target = Target(options.settings, judge, budget, Memory(options.settings.url, options.state))
        stack.callback(target.close)
        _require_an_answer(target)
        control = _control(options, stack)
        health = control.health() if control else None
        judge.strict, budget.cap_uc = control is not None, _cap_uc(options, is_mock=control is not None)
        if control is not None:
            target.steer(control)
            stack.callback(control.give_back, target.made_up)
        listener = _listener(options, control, stack)
        profile = options.profile or (health or {}).get("profile", "documented")
        missing = frozenset(_missing(options, target, listener, profile))
        yield Run(options, judge, target, control, listener, profile, missing)


def judge_server(run: Run, tell: Tell) -> Report:
    """Judge it all. Stops early, and says so, where the server falls silent or the time is over."""
    run.target.ends_s = ends_s = time.monotonic() + run.options.deadline_s
    try:
        _probe_all(run, tell)
        with _timeout_beside(run):
            if Layer.SCHEMA in run.options.layers:
                tell("schema", len(run.probes), len(run.probes) + 1)
                run.cases = judge_schema(run.setting(), examples=run.options.examples, ends_s=ends_s)
    except SilentServerError as error:
        run.aborted = str(error)
    return run.report()


def _probe_all(run: Run, tell: Tell) -> None:
    for number, one in enumerate(run.probes):
        tell(one.name, number, len(run.probes) + 1)
        one.run(run.setting(), run.missing)


@contextmanager
def _timeout_beside(run: Run) -> Iterator[None]:
    """Ten real seconds of waiting for a time-out, beside what does not move the clock: the schema layer."""
    only = run.options.only
    if Layer.CALLBACK not in run.options.layers or (only and "CALLBACK-TIMEOUT" not in only):
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(callbacks.timeout.run, run.setting(), run.missing)
        yield
        waiting.result()


def _control(options: Options, stack: ExitStack) -> Control | None:
    """The control API, if there is one and it may be used; it holds the clock from now on."""
    if not options.control:
        return None
    control = Control(options.settings.url, options.control_token, options.settings.timeout_s)
    stack.callback(control.close)
    if control.health() is None:
        return None
    control.hold_clock()
    return control


def _cap_uc(options: Options, *, is_mock: bool) -> int | None:
    if options.max_credits is None:
        return None if is_mock else 0
    return round(options.max_credits * UC_PER_CREDIT)


def _require_an_answer(target: Target) -> None:
    exchange = target.send(target.build("GET", "/v1/credits"))
    if exchange.status is None:
        raise UnreachableError(f"{target.settings.url} does not answer: {exchange.failure}")


def _listener(options: Options, control: Control | None, stack: ExitStack) -> Listener | None:
    """A receiver that the server can reach: beside a mock, or behind a public address that leads here."""
    if control is None and not options.callback_url:
        return None
    return stack.enter_context(
        Listener(
            control.now_s if control else time.time,
            options.certificate,
            port=options.callback_port,
            public_url=options.callback_url,
        )
    )


def _missing(options: Options, target: Target, listener: Listener | None, profile: str) -> Iterator[Need]:
    if target.control is None:
        yield Need.CONTROL
        if options.settings.other_key is None:
            yield Need.OTHER_KEY
    if listener is None or not _is_reachable(target, listener):
        yield Need.CALLBACKS
    if profile != "observed":
        yield Need.OBSERVED
    if options.quick:
        yield Need.PATIENCE


def _is_reachable(target: Target, listener: Listener) -> bool:
    """Whether a mock takes a callback URL on this machine: asked by an account that has no credits."""
    if target.control is None:
        return True
    case = target.case()
    target.control.account(case.key, credits=0)
    body = example_request() | {"callback_url": listener.box().url}
    return case.send("POST", CREATE, json=body).status == 402
