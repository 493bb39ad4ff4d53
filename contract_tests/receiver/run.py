"""A whole run against one receiver: what has to work first, the named cases, drawn sequences, hostile senders."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from contract_tests.check import Layer, checks
from contract_tests.contract.contract import Contract, built_in
from contract_tests.contract.silence import of_receivers
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.receiver import grid, probes, sequences, suspects
from contract_tests.receiver.bodies import ANSWERS
from contract_tests.receiver.bounds import AbortedError, Bounds, UntoldError
from contract_tests.receiver.delivery import Sender, fit, shown
from contract_tests.receiver.hooks import HookError, Hooks
from contract_tests.receiver.hostile import HOSTILE
from contract_tests.receiver.probes import Probe
from contract_tests.receiver.stock import Stock
from contract_tests.receiver.trial import EFFECT, IN_TIME, Trial
from contract_tests.report import Report

CASES, ROUNDS = 25, 3
"""Drawn sequences; and how often the cases are played in which a race may show."""
FOUNDATION = "completed"
Tell = Callable[[str, int, int], None]
Replay = Callable[[str], str]
"""From the name of a case, or the text of a sequence, to the command that plays it."""
_BOUNDS, _NO_HOOKS = Bounds(), Hooks()
_MUDDLED = "a broken promise that is listed keeps this one from being told", "its being mended"
_NO_FOUNDATION = (
    "a plain callback of a completed task is not accepted, so nothing else can be told",
    "its being mended",
)


def _quiet(text: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def _unrepeated(_: str) -> str:
    """No command plays it."""
    return ""


def judge_receiver(  # noqa: PLR0913 - one for each thing that may be asked otherwise
    url: str,
    *,
    seed: int,
    profile: str = "documented",
    cases: int = CASES,
    only: tuple[str, ...] = (),
    hooks: Hooks = _NO_HOOKS,
    bounds: Bounds = _BOUNDS,
    ca_file: str | None = None,
    tell: Tell = _quiet,
    replay: Replay = _unrepeated,
    contract: Contract | None = None,
) -> Report:
    """Send callbacks good and bad to this URL, and judge what becomes of them.

    The seed decides the drawn sequences; `only` plays just these, names of the grid or texts of sequences. Ids of
    tasks are new in every run, as a receiver may remember them; the tasks are those of the contract's model, else of
    the built-in one. `tell` hears of the progress: what is tried, how many cases are done and of how many. Raises
    UnfitUrlError, and CaseError for a text that names nothing.
    """
    started, clock, aborted = datetime.now(UTC), time.monotonic(), ""
    plan = Plan.of(only) if only else Plan(cases=cases, seed=seed)
    contract = contract or built_in()
    plan = plan if contract.speech is None else plan.without(grid.OWN_WORDS)
    judge = Judge(checks(Layer.RECEIVER), silent=of_receivers(contract))
    fit(url)
    with Stock(profile, secrets.randbits(63), contract) as stock, asyncio.Runner() as runner:
        sender = Sender(url, timeout_s=bounds.timeout_s, ca_file=ca_file)
        trial = Trial(judge, sender, stock.take, hooks, bounds)
        try:
            runner.run(_reach(url, bounds.timeout_s))
            _Course(trial, runner, tell, replay).play(plan)
        except (AbortedError, HookError) as error:
            aborted = str(error)
        finally:
            runner.run(sender.close())
    return Report(
        title="Callback receiver",
        subject=shown(url),
        started=started,
        elapsed_s=time.monotonic() - clock,
        seed=seed,
        results=judge.results(),
        facts={"model": f"{contract.model} ({contract.source})", "profile": profile}
        | {name: str(count) for name, count in trial.counts.items()}
        | _patience(trial),
        exchanges=tuple(exchange.safe() for exchange in trial.exchanges),
        aborted=aborted,
    )


def _patience(trial: Trial) -> dict[str, str]:
    """What is worth knowing of a receiver whose effects are slow."""
    slow = trial.settle_s > trial.bounds.settle_s
    return {"waited for effects": f"{trial.settle_s:.1f} s (--settle {trial.bounds.settle_s:g})"} if slow else {}


async def _reach(url: str, timeout_s: float) -> None:
    """Raises AbortedError where nobody listens."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
        await writer.wait_closed()
    except OSError as error:
        raise AbortedError(f"nobody answers at {shown(url)}: {error or 'no connection in time'}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played: cases of the grid by name, before and after sequences; these as drawn, or as given."""

    early: tuple[str, ...] = tuple(grid.EARLY)
    late: tuple[str, ...] = tuple(grid.AT_ONCE_CASES) * ROUNDS + tuple(grid.LATE_CASES) + tuple(HOSTILE)
    given: tuple[sequences.Case, ...] = ()
    cases: int = 0
    seed: int = 0

    @classmethod
    def of(cls, names: Iterable[str]) -> "Plan":
        """Just these. Raises CaseError."""
        listed = [name for name in names if name in grid.CASES]
        again = [name for name in listed for _ in range(ROUNDS if name in grid.AT_ONCE_CASES else 1)]
        given = tuple(sequences.case_of(name) for name in names if name not in grid.CASES)
        return cls(early=tuple(again), late=(), given=given)

    def without(self, names: frozenset[str]) -> "Plan":
        """The same without these cases."""
        early, late = (tuple(one for one in asked if one not in names) for asked in (self.early, self.late))
        return replace(self, early=early, late=late)


@dataclass(slots=True)
class _Course:
    """One run in its order."""

    trial: Trial
    runner: asyncio.Runner
    tell: Tell
    replay: Replay
    done: int = 0
    total: int = 0

    def play(self, plan: Plan) -> None:
        self.total = len(plan.early) + len(plan.late) + len(plan.given) + 2
        self._tell("completed tasks")
        if not self._has_foundation():
            for check in self.trial.judge.checks:
                self.trial.judge.not_judged(check.id, *_NO_FOUNDATION)
            return
        self._named(plan.early)
        for case in plan.given:
            self._finds(str(case), Probe((), partial(sequences.play, case=case)))
        self._tell("drawn sequences")
        self._drawn(plan)
        self._named(plan.late)
        self._confirm()

    def _has_foundation(self) -> bool:
        """Whether the simplest callbacks of all are accepted. One that leaves no trace makes the trial blind."""
        trial = self.trial
        self._finds(FOUNDATION, Probe((ANSWERS, EFFECT), probes.foundation, "completed tasks, one after the other"))
        if trial.judge.is_found(EFFECT):
            trial.blind = "a completed task does not show in the receiver's state"
        return not (trial.judge.is_found(ANSWERS) or trial.judge.is_found(IN_TIME))

    def _named(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._tell(name)
            if self.trial.is_over:
                raise AbortedError(f"not done within {self.trial.bounds.run_s:g} s")
            if self._finds(name, grid.CASES[name]):
                self._stay_alive()

    def _drawn(self, plan: Plan) -> None:
        if not plan.cases:
            return
        found = sequences.explore(
            self.trial, self.runner.run, cases=plan.cases, seed=plan.seed, found_by=self._will_replay
        )
        if found:
            self._stay_alive()

    def _confirm(self) -> None:
        """Last: by now it is known how often plain callbacks fail."""
        judge = suspects.Confirmation()
        for (_, what), suspect in sorted(self.trial.suspects.items(), key=lambda one: one[0]):
            self._finds(suspect.case, Probe((), partial(judge.judge, suspect), what))

    def _tell(self, text: str) -> None:
        self.tell(text, self.done, self.total)
        self.done += 1

    def _will_replay(self, name: str) -> None:
        self.trial.judge.replay = lambda _: self.replay(name)

    def _finds(self, name: str, probe: Probe) -> bool:
        trial = self.trial
        trial.begin(name)
        try:
            self.runner.run(probe.run(trial))
        except UntoldError:
            for check_id in probe.owns:
                trial.judge.not_judged(check_id, *_MUDDLED)
        except BrokenPromiseError as broken:
            self._will_replay(name)
            trial.judge.found(broken, trial.steps, trial.notes, [f"{name}: {probe.line}"] if probe.line else [name])
            return True
        return False

    def _stay_alive(self) -> None:
        """Raises AbortedError if what was just sent was the end of the receiver."""
        if not self.runner.run(self.trial.is_alive()):
            raise AbortedError("the receiver no longer answers")
