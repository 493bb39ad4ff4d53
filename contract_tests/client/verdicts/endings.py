"""How a client ends: in time, with success only for what it was told, with an error for what went wrong."""

from collections.abc import Iterator

from contract_tests.client.behaviours.fates import Callbacks, LinkExpires, RunsAgain
from contract_tests.client.behaviours.openings import Opening
from contract_tests.client.behaviours.troubles import LinkDies
from contract_tests.client.run import Run, is_running
from contract_tests.client.verdicts.judgement import MOST_RENEWALS, Judgement, afterwards
from contract_tests.client.verdicts.manners import no_busy_loop, refusal_is_final
from contract_tests.client.wire.journal import TERMINAL

_LINK_MARGIN_MS = 2_000
_PATIENT_QUERIES = 30


def stops_at_terminal(run: Run) -> Iterator[Judgement]:
    ended, most = [entry for entry in run.queries if entry.state in _terminal(run)], run.pace.reads_after_end
    for entry in {entry.task_id: entry for entry in reversed(ended)}.values():
        more = afterwards(run, entry.task_id)
        hangs = is_done_and_hangs(run)
        again = f", {more.renewals} for a link that works" if more.renewals else ""
        received = f"{len(more.idle)} more queries{again} after {entry}; {run.ending}"
        holds = len(more.idle) <= most and more.renewals <= MOST_RENEWALS and not hangs
        allowed = f"an end; {most} more without a reason are let pass"
        yield Judgement("CLIENT-STOPS-AT-TERMINAL", holds, received, allowed, (entry, *more.idle[:4]))


def _terminal(run: Run) -> frozenset[str]:
    """The states that end a task by its document."""
    return TERMINAL if run.contract.says_cancelled else TERMINAL - {"cancelled"}


def is_done_and_hangs(run: Run) -> bool:
    """Whether a program that had to be stopped had nothing left to wait for."""
    fetched = all(entry.is_healthy for entry in run.fetches)
    return run.ending.late and run.has_done_its_job and fetched and not run.behaviour.has(LinkDies, LinkExpires)


def ends_in_time(run: Run) -> Iterator[Judgement]:
    terminal = any(TERMINAL.intersection(entry.told.values()) for entry in run.entries)
    busy = any(not one.holds for one in (*no_busy_loop(run), *refusal_is_final(run)))
    goes_on = len(run.polls) >= _PATIENT_QUERIES and is_running(run.entries[-1])  # which it may
    if not terminal and not busy and not goes_on and (not run.ending.late or is_never(run)):
        holds = run.ending.exit_code is not None
        yield Judgement("CLIENT-ENDS-IN-TIME", holds, str(run.ending), "an end", run.entries[-3:])


def is_never(run: Run) -> bool:
    """Whether a program that was stopped had more time than any time-out of its own may take."""
    real = run.pace.never_s > 0 or run.behaviour.has(Callbacks)
    return run.ending.seconds >= (run.pace.never_s or 600.0 if real else 0.0)


def delegates(run: Run) -> bool:
    """Whether it leaves the end to whoever listens at its callback URL, and does not wait for it."""
    return run.names_a_callback and not run.queries and not run.told


def failure_is_error(run: Run) -> Iterator[Judgement]:
    if run.is_bad_news and not run.has_done_its_job and run.ending.exit_code is not None:
        told = ", ".join(f"the callback of {task_id}" for task_id in run.told_failed)
        received = f"{run.ending} although {run.bad_news or f'{told} told a failure'}"
        entries = run.entries[-3:] if run.bad_news is None else (run.bad_news,)
        yield Judgement(_owner_of_failure(run), run.ending.is_error, received, "an exit code other than 0", entries)


def _owner_of_failure(run: Run) -> str:
    """A status that this model's own document does not have is a matter of its own."""
    if run.contract.says_cancelled:
        return "CLIENT-FAILURE-IS-ERROR"
    says = run.bad_news is not None and "cancelled" in run.bad_news.told.values()
    return "CLIENT-KNOWS-CANCELLED" if says else "CLIENT-FAILURE-IS-ERROR"


def success_needs_completed(run: Run) -> Iterator[Judgement]:
    if run.ending.is_success and not run.is_bad_news and not delegates(run):
        received = f"{run.ending}; told completed: {len(run.completed)} of {run.wanted}"
        holds = run.may_have_done_its_job
        yield Judgement("CLIENT-SUCCESS-NEEDS-COMPLETED", holds, received, entries=run.entries[-3:])


def completed_is_success(run: Run) -> Iterator[Judgement]:
    fetched = all(entry.is_healthy for entry in run.fetches) and not run.behaviour.has(LinkExpires, LinkDies)
    told = run.has_done_its_job and not run.is_bad_news and not conflicts(run)
    owned = run.behaviour.has(Opening, RunsAgain)
    if told and fetched and run.ending.exit_code is not None and not owned:
        entries = run.entries[-3:]
        yield Judgement("CLIENT-COMPLETED-IS-SUCCESS", run.ending.is_success, str(run.ending), "exit 0", entries)


def conflicts(run: Run) -> bool:
    """Whether a repeated submission met its first one: what came of it is then for the user to find out."""
    return any(entry.status == 409 for entry in run.submissions)


def fetches_in_time(run: Run) -> Iterator[Judgement]:
    """An answer may tell an end that came after it was asked for: queries of other tasks move the clock as well. Who
    asked for a link in time and got nothing is late by no fault of its own: to look for another one moves it, too."""
    refused: set[str] = set()
    for entry in run.fetches:
        until_ms, seen = run.links_valid_until_ms(entry.task_id), run.first_seen(entry.task_id)
        if until_ms is None or seen is None:
            continue
        known_ms = max(seen.record["at_ms"], run.tasks[str(entry.task_id)]["ended_ms"])
        late_s, link = (entry.record["at_ms"] - until_ms) / 1000, entry.record["path"]
        if late_s < 0 and not entry.is_healthy:
            refused.add(link)
        if known_ms + _LINK_MARGIN_MS > until_ms or link in refused:
            continue
        received = f"fetched {late_s:.1f} s after the link had expired; known since {seen}"
        yield Judgement("CLIENT-FETCHES-IN-TIME", late_s < 0, received, "before", (seen, entry))


def lost_result_is_error(run: Run) -> Iterator[Judgement]:
    last = {entry.target: entry for entry in run.fetches}
    for entry in last.values():
        is_lost = entry.status >= 400 or entry.is_lost or entry.fault == "stalled"
        if is_lost and run.ending.exit_code is not None:
            received = f"{run.ending} after {entry}"
            allowed = "an exit code other than 0"
            yield Judgement("CLIENT-LOST-RESULT-IS-ERROR", run.ending.is_error, received, allowed, (entry,))
