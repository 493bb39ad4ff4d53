"""A whole run against one receiver: what has to work first, the named probes, drawn sequences, hostile senders."""

import asyncio
import secrets
import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from contract_tests.check import Layer, checks
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.receiver import sequences
from contract_tests.receiver.delivery import Sender, fit, shown
from contract_tests.receiver.hooks import HookError, Hooks
from contract_tests.receiver.hostile import HOSTILE
from contract_tests.receiver.probes import AT_THE_SAME_TIME, PROBES, Probe, foundation
from contract_tests.receiver.stock import Stock
from contract_tests.receiver.trial import ANSWERS, EFFECT, IN_TIME, AbortedError, Bounds, Trial, UntoldError
from contract_tests.report import Report

CASES = 25
Tell = Callable[[str, int, int], None]
_BOUNDS, _NO_HOOKS = Bounds(), Hooks()
_MUDDLED = "a broken promise that is listed keeps this one from being told"
_NO_FOUNDATION = "a plain callback of a completed task is not accepted, so nothing else can be told"


def _quiet(text: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def judge_receiver(
    url: str,
    *,
    seed: int,
    profile: str = "documented",
    cases: int = CASES,
    hooks: Hooks = _NO_HOOKS,
    bounds: Bounds = _BOUNDS,
    ca_file: str | None = None,
    tell: Tell = _quiet,
) -> Report:
    """Send callbacks good and bad to this URL, and judge what becomes of them.

    The seed decides the drawn sequences; ids of tasks are new in every run, as a receiver may remember them.
    `tell` hears of the progress: what is tried, how many probes are done and of how many. Raises UnfitUrlError.
    """
    started, clock, aborted = datetime.now(UTC), time.monotonic(), ""
    words = ("--profile", profile, "--seed", str(seed), "--cases", str(cases), *hooks.options, shown(fit(url)))
    replay = shlex.join(("contract-tests", "receiver", *words))
    judge = Judge(checks(Layer.RECEIVER), replay=lambda _: replay)
    with Stock(profile, secrets.randbits(63)) as stock, asyncio.Runner() as runner:
        sender = Sender(url, timeout_s=bounds.timeout_s, ca_file=ca_file)
        trial = Trial(judge, sender, stock.take, hooks, bounds)
        try:
            runner.run(_reach(url, bounds.timeout_s))
            _judge(trial, runner, cases, seed, tell)
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
        facts={"profile": profile} | {name: str(count) for name, count in trial.counts.items()},
        exchanges=tuple(exchange.safe() for exchange in trial.exchanges),
        aborted=aborted,
    )


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


def _judge(trial: Trial, runner: asyncio.Runner, cases: int, seed: int, tell: Tell) -> None:
    total = len(PROBES) + len(AT_THE_SAME_TIME) + len(HOSTILE) + 2
    tell("one completed task", 0, total)
    if not _has_foundation(trial, runner):
        for check in trial.judge.checks:
            trial.judge.not_judged(check.id, _NO_FOUNDATION)
        return
    _try_all(PROBES, trial, runner, tell, 1, total)
    tell("drawn sequences", 1 + len(PROBES), total)
    if sequences.explore(trial, runner.run, cases=cases, seed=seed):
        _stay_alive(trial, runner)
    _try_all(AT_THE_SAME_TIME + HOSTILE, trial, runner, tell, 2 + len(PROBES), total)


def _has_foundation(trial: Trial, runner: asyncio.Runner) -> bool:
    """Whether the simplest callback of all is accepted. One that leaves no trace makes the trial blind."""
    _finds(Probe((ANSWERS, EFFECT), foundation), trial, runner)
    if trial.judge.is_found(EFFECT):
        trial.blind = "a completed task does not show in the receiver's state"
    return not (trial.judge.is_found(ANSWERS) or trial.judge.is_found(IN_TIME))


def _try_all(
    probes: tuple[Probe, ...], trial: Trial, runner: asyncio.Runner, tell: Tell, done: int, total: int
) -> None:
    for number, probe in enumerate(probes, done):
        if trial.is_over:
            raise AbortedError(f"not done within {trial.bounds.run_s:g} s")
        tell(probe.owns[0], number, total)
        if _finds(probe, trial, runner):
            _stay_alive(trial, runner)


def _finds(probe: Probe, trial: Trial, runner: asyncio.Runner) -> bool:
    trial.begin()
    try:
        runner.run(probe.run(trial))
    except UntoldError:
        for check_id in probe.owns:
            trial.judge.not_judged(check_id, _MUDDLED)
    except BrokenPromiseError as broken:
        trial.judge.found(broken, trial.steps, trial.notes)
        return True
    return False


def _stay_alive(trial: Trial, runner: asyncio.Runner) -> None:
    """Raises AbortedError if what was just sent was the end of the receiver."""
    if not runner.run(trial.is_alive()):
        raise AbortedError("the receiver no longer answers")
