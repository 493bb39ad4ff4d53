"""What a run says about each check: pure functions from a run to judgements."""

from collections.abc import Iterator
from dataclasses import replace

from contract_tests.client.behaviours.troubles import Redirects
from contract_tests.client.run import Run, is_definite, is_running
from contract_tests.client.verdicts import endings, manners, money, survival
from contract_tests.client.verdicts.judgement import MOST_RENEWALS, Judgement, Verdict, afterwards, longest, repeated

__all__ = ["Judgement", "broken", "hopeless", "judgements", "undecided"]

_REQUESTS_LIMIT = 600
_REFUSALS_LIMIT = 10
_IDLE_LIMIT = 4
_WHATEVER_HAPPENS = ("CLIENT-PAYS-ONCE", "CLIENT-KEY-STAYS", "CLIENT-KEY-NOT-PRINTED")
"""No document speaks of redirects: what a client makes of one is a matter of taste, but for these, and for what it
does without any redirect, too."""

_VERDICTS: tuple[Verdict, ...] = (
    manners.request_valid,
    manners.request_meant,
    money.pays_once,
    money.failure_is_final,
    manners.key_stays,
    manners.key_not_printed,
    manners.redirects,
    manners.retry_after,
    manners.poll_cadence,
    manners.no_busy_loop,
    manners.refusal_is_final,
    endings.stops_at_terminal,
    endings.ends_in_time,
    endings.failure_is_error,
    endings.success_needs_completed,
    endings.completed_is_success,
    survival.survives,
    survival.knows_cancelled,
    survival.runs_again,
    survival.retries_transient,
    survival.survives_unreadable,
    survival.waits_long_enough,
    endings.fetches_in_time,
    endings.lost_result_is_error,
)


def judgements(run: Run) -> Iterator[Judgement]:
    """Every check that this run has a say in."""
    redirected = run.behaviour.has(Redirects)
    for verdict in _VERDICTS:
        for one in verdict(run):
            is_taste = redirected and not one.holds and one.check_id not in (*_WHATEVER_HAPPENS, *run.found)
            yield replace(one, check_id="CLIENT-REDIRECTS") if is_taste else one


def broken(run: Run) -> tuple[str, ...]:
    """The ids of the checks that do not hold."""
    return tuple(one.check_id for one in judgements(run) if not one.holds)


def undecided(run: Run) -> str:
    """Why this run could not say all that it was played for; empty where it could."""
    waits = bool(run.entries) and (run.entries[-1].wait_s or 0.0) > run.ending.seconds
    if run.ending.late and not waits and not broken(run):
        never = f"; from {run.pace.never_s:g} on it is taken for never" if run.pace.never_s else ""
        return f"still running after {run.ending.seconds:.0f} s: raise --time-limit above its own time-outs{never}"
    if run.ending.is_success and endings.delegates(run):
        return "it leaves the end to whoever listens at its callback URL, which `contract-tests receiver` judges"
    return ""


def hopeless(run: Run) -> str:
    """Why it makes no sense to wait for the end of a program that did this; empty while it does."""
    last = run.entries[-1] if run.entries else None
    asked_s = last.at_s - run.entries[0].at_s if last is not None and is_running(last) else 0.0
    if asked_s >= run.pace.enough_s:
        return f"it goes on asking for a task that goes on, after {asked_s:.0f} s"
    if len(run.entries) >= _REQUESTS_LIMIT:
        return f"it has sent {_REQUESTS_LIMIT} requests"
    after = afterwards(run, last.task_id) if last is not None else None
    if after is not None and len(after.idle) > _IDLE_LIMIT:
        return "it goes on asking for a task that has ended"
    if after is not None and after.renewals > MOST_RENEWALS:
        return "it goes on reading the task again for a link that works"
    if any(len(longest(group, is_definite)) >= _REFUSALS_LIMIT for group in repeated(run)):
        return "it goes on asking what was refused"
    return ""
