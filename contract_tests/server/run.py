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
from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.contract.silence import silences
from contract_tests.judge import Judge
from contract_tests.report import Report
from contract_tests.server.course import Course, course
from contract_tests.server.plan import Plan, plan
from contract_tests.server.probes import callbacks
from contract_tests.server.probes.probe import Need, Setting, fault_of
from contract_tests.server.probes.shelf import Shelf
from contract_tests.server.schema import judge_schema
from contract_tests.server.standing import UnreachableError, known_profile, missing_of, require_this_api
from contract_tests.server.talk.budget import Budget
from contract_tests.server.talk.control import Control, ControlError
from contract_tests.server.talk.listener import Listener
from contract_tests.server.talk.memory import Memory
from contract_tests.server.talk.target import Settings, SilentServerError, Target

LAYERS = (Layer.BEHAVIOUR, Layer.CALLBACK, Layer.SCHEMA)
EXAMPLES = 15
"""Drawn requests an operation, in the schema layer."""


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
    shelf: Shelf
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    cases: dict[str, int] = field(default_factory=dict)
    aborted: str = ""

    def setting(self) -> Setting:
        listener = None if Need.CALLBACKS in self.missing else self.listener
        patient = not self.options.quick
        return Setting(
            self.target, self.judge, self.profile, self.options.seed, self.shelf, listener, is_patient=patient
        )

    @property
    def course(self) -> Course:
        """Which probes run, in which order."""
        whole = course(self.options.layers, self.options.only, has_control=self.control is not None)
        return whole.without(self.judge.silent)

    @property
    def asks_schema(self) -> bool:
        only = self.options.only
        return Layer.SCHEMA in self.options.layers and (not only or any(one.startswith("SCHEMA-") for one in only))

    @property
    def is_paid(self) -> bool:
        """Whether somebody's money is behind the key."""
        return self.target.budget.cap_uc is not None

    def plan(self) -> Plan:
        """What would be bought, and what it costs at most."""
        highest, probes = self.options.settings.highest_uc(), self.course.probes
        able = (one for one in probes if highest is not None and not one.needs.intersection(self.missing))
        return plan(able, highest or 0, self.target.budget)

    def report(self) -> Report:
        elapsed = (datetime.now(UTC) - self.started).total_seconds()
        contract = self.options.settings.contract
        facts = {
            "model": f"{contract.model} ({contract.source})",
            "profile": self.profile,
            "requests": f"{self.target.requests}",
            "credits reserved at most": f"{self.target.budget.spent_uc / UC_PER_CREDIT:g}"
            if self.is_paid
            else "play money",
        }
        if self.options.callback_url and Need.CALLBACKS in self.missing:
            facts["callbacks"] = f"what was sent to {self.options.callback_url} did not arrive here"
        facts |= {f"cases of {operation}": f"{count}" for operation, count in self.cases.items()}
        return Report(
            "Server",
            self.options.settings.url,
            self.started,
            elapsed,
            self.options.seed,
            self.judge.results(),
            facts,
            tuple(exchange.safe() for exchange in tuple(self.target.exchanges)),
            self.aborted,
        )


@contextmanager
def opened(options: Options) -> Iterator[Run]:
    """Everything that a run needs, closed at its end. Raises UnreachableError, ForeignMemoryError."""
    with ExitStack() as stack:
        asked = [one for one in checks(*options.layers) if not options.only or one.id in options.only]
        judge = Judge(asked, replay=options.replay_of, silent=silences(options.settings.contract))
        budget = Budget()
        target = Target(options.settings, judge, budget, Memory(options.settings.url, options.state))
        stack.callback(target.close)
        require_this_api(target)
        control = _control(options, stack)
        health = control.health() if control else None
        judge.strict, budget.cap_uc = control is not None, _cap_uc(options, is_mock=control is not None)
        if control is not None:
            target.steer(control)
            stack.callback(control.give_back, target.made_up)
            _require_worlds(control, options.settings.run)
        listener = _listener(options, control, stack)
        profile = options.profile or known_profile((health or {}).get("profile"))
        missing = frozenset(missing_of(options, target, listener, profile))
        yield Run(options, judge, target, control, listener, profile, missing, Shelf(judge, target.contract))


def judge_server(run: Run, tell: Tell) -> Report:
    """Judge it all. Stops early, and says so, where the server falls silent or the time is over; whatever else
    happens, there is a report."""
    run.target.ends_s = time.monotonic() + run.options.deadline_s
    if run.control is None:
        run.target.budget.hold_to(run.plan().most_uc)
    try:
        _judge_all(run, tell)
    except SilentServerError as error:
        run.aborted = str(error)
    except Exception as error:
        run.aborted = fault_of(error)
    return run.report()


def _judge_all(run: Run, tell: Tell) -> None:
    course, done = run.course, 0
    parts = len(course.probes) + 1
    for one in course.first:
        tell(one.name, done, parts)
        one.run(run.setting(), run.missing)
        done += 1
    with _timeout_beside(run):
        if run.asks_schema:
            tell("schema", done, parts)
            run.cases = judge_schema(run.setting(), run.missing, run.options.examples, run.target.ends_s)
    for one in course.later:
        done += 1
        tell(one.name, done, parts)
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
    """The control API, if there is one and it may be used; it holds the clock from now on. Raises
    UnreachableError."""
    if not options.control:
        return None
    control = Control(options.settings.url, options.control_token, options.settings.timeout_s)
    stack.callback(control.close)
    if control.health() is None:
        return None
    try:
        control.hold_clock()
    except ControlError as error:
        raise UnreachableError(f"there is a control API, but it can't be used: {error}; try --no-control") from error
    return control


def _require_worlds(control: Control, run: str) -> None:
    """Every case has an account of its own. Raises UnreachableError where a mock takes its own keys only."""
    try:
        control.account(f"sk-contract-{run}", credits=0)
    except ControlError as error:
        told = f"this mock has no account for a key that the run makes up: {error}; try --no-control"
        raise UnreachableError(told) from error


def _cap_uc(options: Options, *, is_mock: bool) -> int | None:
    if options.max_credits is None:
        return None if is_mock else 0
    return round(options.max_credits * UC_PER_CREDIT)


def _listener(options: Options, control: Control | None, stack: ExitStack) -> Listener | None:
    """A receiver that the server can reach: beside a mock, or behind a public address that leads here. Raises
    UnreachableError where it can't listen."""
    if control is None and not options.callback_url and options.certificate is None:
        return None
    contract = options.settings.contract
    listener = Listener(
        control.now_s if control else time.time,
        options.certificate,
        port=options.callback_port,
        public_url=options.callback_url,
        read=lambda body: contract.told(contract.query, body),
    )
    try:
        return stack.enter_context(listener)
    except OSError as error:
        raise UnreachableError(
            f"can't listen on --callback-port {options.callback_port}: {error.strerror}"
        ) from error
