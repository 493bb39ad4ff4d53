"""What must not hurt a client: what the document leaves open, trouble that passes, a task that takes its time."""

from collections.abc import Iterator

from contract_tests.client.behaviours.fates import RunsAgain
from contract_tests.client.behaviours.openings import Opening
from contract_tests.client.run import Run, is_running, is_trouble
from contract_tests.client.verdicts.judgement import Judgement, afterwards

_GIVES_UP_S = 15.0
"""Who has waited this long for one answer may have come to the end of all its patience."""
_LONG_WAIT_S = 30.0
"""Who is told to wait longer than the provider's own clients do may give up instead."""


def survives(run: Run) -> Iterator[Judgement]:
    """What the document leaves open is no reason to end otherwise than in the plain course."""
    healthy = all(entry.is_healthy for entry in run.entries) and not run.is_bad_news and not run.fails_anyway
    openings = run.behaviour.openings
    quiet = len(openings) == len(run.behaviour.deviations) and all(one.is_quiet for one in openings)
    if not (quiet and healthy and openings and run.submissions) or run.ending.exit_code is None:
        return
    for owner in dict.fromkeys(one.owner for one in openings):
        entries = run.entries[-3:]
        yield Judgement(owner, not run.ending.is_error, str(run.ending), "exit 0, as in the plain course", entries)


def knows_cancelled(run: Run) -> Iterator[Judgement]:
    """Not the end itself, which other verdicts judge, but that it is one; a status like any other where the document
    of the model lists it."""
    if run.contract.says_cancelled:
        return
    for entry in run.queries:
        if entry.state == "cancelled":
            idle = afterwards(run, entry.task_id).idle
            received = f"{len(idle)} more queries after {entry}; {run.ending}"
            yield Judgement("CLIENT-KNOWS-CANCELLED", len(idle) <= 1, received, "an end", (entry, *idle[:4]))
            return


def runs_again(run: Run) -> Iterator[Judgement]:
    healthy = all(entry.is_healthy for entry in run.entries) and not run.fails_anyway
    if run.behaviour.has(RunsAgain) and healthy and run.ending.exit_code is not None:
        entries = run.entries[-3:]
        yield Judgement(
            "CLIENT-RUNS-AGAIN", run.ending.is_success, str(run.ending), "exit 0, as the first run", entries
        )


def retries_transient(run: Run) -> Iterator[Judgement]:
    troubled = [entry for entry in run.polls if is_trouble(entry) or entry.fault == "stalled"]
    if not troubled or run.ending.exit_code is None:
        return
    last, before = run.polls[-1], run.polls[-2:-1]
    short = is_trouble(last) and (last.wait_s or 0.0) <= _LONG_WAIT_S
    stalled = last.fault == "stalled" and run.ending.ended_s - last.at_s < _GIVES_UP_S
    gave_up = (short or stalled) and not any(is_trouble(one) or one.fault == "stalled" for one in before)
    holds = not (gave_up and run.ending.is_error and not run.completed and not run.told)
    received = f"{run.ending} right after {last}"
    yield Judgement("CLIENT-RETRIES-TRANSIENT", holds, received, "at least one more query", (last,))


def survives_unreadable(run: Run) -> Iterator[Judgement]:
    unread = [entry for entry in run.polls if entry.is_unreadable]
    if unread and run.ending.exit_code is not None:
        died = run.ending.crashed and run.polls[-1] is unread[-1] and run.entries[-1] is unread[-1]
        received = f"{run.ending}, with an error that nobody caught, right after {unread[-1]}"
        allowed = "one more query, or an error that says what happened"
        yield Judgement("CLIENT-SURVIVES-UNREADABLE", not died, received, allowed, (unread[-1],))


def waits_long_enough(run: Run) -> Iterator[Judgement]:
    healthy = all(one.is_healthy for one in run.entries)
    if not run.queries or run.ending.exit_code is None or not healthy or run.behaviour.has(Opening):
        return
    last, pace = run.queries[-1], run.pace
    waited_s = last.at_s - run.submissions[0].at_s if run.submissions else 0.0
    few = not pace.patience_polls or len(run.queries) < pace.patience_polls
    short = few and waited_s < pace.patience_s
    gave_up = is_running(last) and run.ending.is_error and not run.told
    if gave_up and pace.patience_polls and (run.names_a_callback or not short):
        return  # how long it would wait between queries that are not made this often, nobody knows
    received = f"{run.ending} after {len(run.queries)} queries in {waited_s:.1f} s, the last told {last.state}"
    allowed = f"{pace.patience_s:g} s" + (f", or {pace.patience_polls} queries" if pace.patience_polls else "")
    yield Judgement("CLIENT-WAITS-LONG-ENOUGH", not (gave_up and short), received, allowed, (last,))
