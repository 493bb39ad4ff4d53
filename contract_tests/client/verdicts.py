"""What a run says about each check: pure functions from a run to judgements."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

from contract_tests.client.behaviour import Answers, LinkExpires, UnknownFields, Vanishes
from contract_tests.client.journal import TERMINAL, Entry, Kind
from contract_tests.client.run import Run, is_refusal, is_trouble

Item = TypeVar("Item")
_INVALID = frozenset({400, 401, 405, 413, 415, 422})
_REQUESTS_LIMIT = 600
_REFUSALS_ALLOWED, _REFUSALS_LIMIT = 3, 10
_QUICK_REPEATS_ALLOWED = 3
"""Some libraries repeat a GET by themselves, once, when a connection that was kept open turns out to be closed."""
_AT_ONCE_S = 0.25
"""Of a client that wants several tasks, a submission this soon was sent beside the other, not after its answer."""
_PAUSE_S = 0.05
"""Shorter than this is no pause."""
_AFTER_TERMINAL_ALLOWED = 1
"""Many fetch the finished task once more to read its results."""
_LINK_MARGIN_MS = 2_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check, judged once. `entries` are the lines of the journal that show it."""

    check_id: str
    holds: bool
    received: str = ""
    documented: str = ""
    entries: tuple[Entry, ...] = ()


def judgements(run: Run) -> Iterator[Judgement]:
    """Every check that this run has a say in."""
    for verdict in _VERDICTS:
        yield from verdict(run)


def broken(run: Run) -> tuple[str, ...]:
    """The ids of the checks that do not hold."""
    return tuple(one.check_id for one in judgements(run) if not one.holds)


def hopeless(run: Run) -> str:
    """Why it makes no sense to wait for the end of a program that did this; empty while it does."""
    last = run.entries[-1] if run.entries else None
    if len(run.entries) >= _REQUESTS_LIMIT:
        return f"it has sent {_REQUESTS_LIMIT} requests"
    if last is not None and len(_after_terminal(run, last.task_id)) > 4:
        return "it goes on asking for a task that has ended"
    if any(len(_longest(group, is_refusal)) >= _REFUSALS_LIMIT for group in _repeated(run)):
        return "it goes on asking what was refused"
    return ""


def _request_valid(run: Run) -> Iterator[Judgement]:
    scripted = {one.status for one in run.behaviour.deviations if isinstance(one, Answers)}
    for entry in run.entries:
        if entry.kind is Kind.FETCH:
            continue
        invalid = entry.status in _INVALID - scripted or entry.code in ("not_found", "idempotency_conflict")
        unknown = entry.code in ("task_not_found", "permission_denied") and not run.behaviour.has(Vanishes)
        answer = entry.record["answer"]
        message = answer.get("error", {}).get("message", "") if isinstance(answer, dict) else ""
        yield Judgement("CLIENT-REQUEST-VALID", not (invalid or unknown), f"{entry}: {message}", entries=(entry,))


def _pays_once(run: Run) -> Iterator[Judgement]:
    if run.intents is None or not run.submissions:
        return
    keys = ["none" if entry.idempotency_key is None else entry.idempotency_key for entry in run.submissions]
    received = f"{len(run.charged)} charges for {run.wanted} intended; Idempotency-Key: {', '.join(keys)}"
    yield Judgement("CLIENT-PAYS-ONCE", len(run.charged) <= run.wanted, received, entries=run.submissions)


def _key_stays(run: Run) -> Iterator[Judgement]:
    """In the journal a key in a URL shows its last four characters."""
    for entry in run.entries:
        carriers = ("authorization", "x-api-key") if entry.kind is Kind.FETCH else ()
        sent = [name for name in carriers if name in entry.record["headers"]]
        sent += ["the key in the URL"] if run.key and f"=…{run.key[-4:]}" in entry.record["query"] else []
        if sent or entry.kind is Kind.FETCH:
            yield Judgement("CLIENT-KEY-STAYS", not sent, f"{entry} with {', '.join(sent)}", entries=(entry,))


def _key_not_printed(run: Run) -> Iterator[Judgement]:
    if run.key:
        holds = run.key not in run.ending.output
        yield Judgement("CLIENT-KEY-NOT-PRINTED", holds, "the whole key in the output", entries=run.entries[-1:])


def _retry_after(run: Run) -> Iterator[Judgement]:
    for first, then in _pairs(_repeated(run)):
        wait_s = first.wait_s
        if wait_s is None or wait_s <= 0:
            continue
        waited_s = then.at_s - first.at_s
        if run.wanted > 1 and waited_s < _AT_ONCE_S and first.idempotency_key is None:
            continue
        received = f"asked again after {waited_s:.2f} s; Retry-After: {first.record['answer_headers']['retry-after']}"
        holds = waited_s >= wait_s * 0.95 - 0.05
        yield Judgement("CLIENT-RETRY-AFTER", holds, received, f"not before {wait_s:.1f} s", (first, then))


def _poll_cadence(run: Run) -> Iterator[Judgement]:
    groups = _groups(run.queries, lambda entry: entry.task_id)
    pairs = [(one, two) for one, two in _pairs(groups) if _is_running(one)]
    if not pairs:
        return
    least_s, most_s = run.pace.least_poll_s, run.pace.most_poll_s
    quick = [(one, two) for one, two in pairs if two.at_s - one.at_s < least_s]
    slow = [(one, two) for one, two in pairs if most_s is not None and two.at_s - one.at_s > most_s]
    wrong = slow or (quick if len(quick) > 1 or len(pairs) == 1 else [])
    gaps = ", ".join(f"{two.at_s - one.at_s:.2f} s" for one, two in wrong[:5])
    allowed = f"at least {least_s:g} s between two queries" + (f", at most {most_s:g} s" if most_s else "")
    shown = tuple(dict.fromkeys(entry for pair in wrong[:3] for entry in pair)) if wrong else ()
    yield Judgement("CLIENT-POLL-CADENCE", not wrong, f"queries {gaps} apart", allowed, shown)


def _no_busy_loop(run: Run) -> Iterator[Judgement]:
    for group in _repeated(run):
        pairs = [(one, two) for one, two in pairwise(group) if not one.is_healthy and not is_refusal(one)]
        if not pairs:
            continue
        quick = [two for one, two in pairs if two.at_s - one.at_s < _PAUSE_S]
        received = f"{len(quick)} of {len(pairs)} repeats of what failed came without a pause"
        busy = len(quick) > _QUICK_REPEATS_ALLOWED and 2 * len(quick) > len(pairs)
        yield Judgement("CLIENT-NO-BUSY-LOOP", not busy, received, entries=tuple(quick[:5]))


def _refusal_is_final(run: Run) -> Iterator[Judgement]:
    for group in _repeated(run):
        refused = _longest(group, is_refusal)
        if refused:
            received = f"{len(refused)} times in a row: {refused[0]}"
            holds = len(refused) <= _REFUSALS_ALLOWED
            yield Judgement("CLIENT-REFUSAL-IS-FINAL", holds, received, entries=tuple(refused[:5]))


def _stops_at_terminal(run: Run) -> Iterator[Judgement]:
    ended = [entry for entry in run.queries if entry.state in TERMINAL]
    for entry in {entry.task_id: entry for entry in reversed(ended)}.values():
        more = _after_terminal(run, entry.task_id)
        hangs = run.ending.exit_code is None and len({one.task_id for one in ended}) >= run.wanted
        received = f"{len(more)} more queries after {entry}; {run.ending}"
        holds = len(more) <= _AFTER_TERMINAL_ALLOWED and not hangs
        yield Judgement("CLIENT-STOPS-AT-TERMINAL", holds, received, entries=(entry, *more[:4]))


def _ends_in_time(run: Run) -> Iterator[Judgement]:
    terminal = any(TERMINAL.intersection(entry.told.values()) for entry in run.entries)
    busy = any(not one.holds for one in (*_no_busy_loop(run), *_refusal_is_final(run)))
    if not terminal and not busy:
        holds = run.ending.exit_code is not None
        yield Judgement("CLIENT-ENDS-IN-TIME", holds, str(run.ending), entries=run.entries[-3:])


def _failure_is_error(run: Run) -> Iterator[Judgement]:
    if run.is_bad_news and not run.has_done_its_job and run.ending.exit_code is not None:
        told = ", ".join(f"the callback of {task_id}" for task_id in run.told_failed)
        received = f"{run.ending} although {run.bad_news or f'{told} told a failure'}"
        entries = run.entries[-3:] if run.bad_news is None else (run.bad_news,)
        yield Judgement("CLIENT-FAILURE-IS-ERROR", run.ending.is_error, received, entries=entries)


def _success_needs_completed(run: Run) -> Iterator[Judgement]:
    if run.ending.is_success and not run.is_bad_news:
        received = f"{run.ending}; told completed: {len(run.completed)} of {run.wanted}"
        yield Judgement("CLIENT-SUCCESS-NEEDS-COMPLETED", run.has_done_its_job, received, entries=run.entries[-3:])


def _completed_is_success(run: Run) -> Iterator[Judgement]:
    fetched = all(entry.is_healthy for entry in run.fetches) and not run.behaviour.has(LinkExpires)
    told = run.has_done_its_job and not run.is_bad_news and not _conflicts(run)
    if told and fetched and run.ending.exit_code is not None and not run.behaviour.has(UnknownFields):
        yield Judgement(
            "CLIENT-COMPLETED-IS-SUCCESS", run.ending.is_success, str(run.ending), entries=run.entries[-3:]
        )


def _survives_unknown_fields(run: Run) -> Iterator[Judgement]:
    healthy = all(entry.is_healthy for entry in run.entries) and not run.is_bad_news
    if run.behaviour.has(UnknownFields) and healthy and run.ending.exit_code is not None and run.submissions:
        holds = run.ending.is_success
        yield Judgement("CLIENT-SURVIVES-UNKNOWN-FIELDS", holds, str(run.ending), entries=run.entries[-3:])


def _retries_transient(run: Run) -> Iterator[Judgement]:
    troubled = [entry for entry in run.queries if is_trouble(entry)]
    if not troubled or run.ending.exit_code is None:
        return
    last = run.queries[-1]
    gave_up = is_trouble(last) and not (len(run.queries) > 1 and is_trouble(run.queries[-2]))
    holds = not (gave_up and run.ending.is_error and not run.completed)
    yield Judgement("CLIENT-RETRIES-TRANSIENT", holds, f"{run.ending} right after {last}", entries=(last,))


def _waits_long_enough(run: Run) -> Iterator[Judgement]:
    if not run.queries or run.ending.exit_code is None or not all(one.is_healthy for one in run.entries):
        return
    last = run.queries[-1]
    waited_s = last.at_s - run.submissions[0].at_s if run.submissions else 0.0
    short = (
        len(run.queries) < run.pace.patience_polls if run.pace.patience_s is None else waited_s < run.pace.patience_s
    )
    gave_up = _is_running(last) and run.ending.is_error and not run.told and not run.behaviour.has(UnknownFields)
    if gave_up and not short and run.pace.patience_s is None:
        return  # how long it would wait between queries that are not made this often, nobody knows
    received = f"{run.ending} after {len(run.queries)} queries in {waited_s:.1f} s, the last told {last.state}"
    yield Judgement("CLIENT-WAITS-LONG-ENOUGH", not (gave_up and short), received, entries=(last,))


def _fetches_in_time(run: Run) -> Iterator[Judgement]:
    for entry in run.fetches:
        until_ms, seen = run.links_valid_until_ms(entry.task_id), run.first_seen(entry.task_id)
        if until_ms is None or seen is None or seen.record["at_ms"] + _LINK_MARGIN_MS > until_ms:
            continue
        late_s = (entry.record["at_ms"] - until_ms) / 1000
        received = f"fetched {late_s:.1f} s after the link had expired; known since {seen}"
        yield Judgement("CLIENT-FETCHES-IN-TIME", late_s < 0, received, entries=(seen, entry))


def _lost_result_is_error(run: Run) -> Iterator[Judgement]:
    last = {entry.task_id: entry for entry in run.fetches}
    for entry in last.values():
        if entry.status >= 400 and run.ending.exit_code is not None:
            received = f"{run.ending} after {entry}"
            yield Judgement("CLIENT-LOST-RESULT-IS-ERROR", run.ending.is_error, received, entries=(entry,))


_VERDICTS: tuple[Callable[[Run], Iterable[Judgement]], ...] = (
    _request_valid,
    _pays_once,
    _key_stays,
    _key_not_printed,
    _retry_after,
    _poll_cadence,
    _no_busy_loop,
    _refusal_is_final,
    _stops_at_terminal,
    _ends_in_time,
    _failure_is_error,
    _success_needs_completed,
    _completed_is_success,
    _survives_unknown_fields,
    _retries_transient,
    _waits_long_enough,
    _fetches_in_time,
    _lost_result_is_error,
)


def _groups(entries: Sequence[Entry], of: Callable[[Entry], object]) -> list[list[Entry]]:
    groups: dict[object, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(of(entry), []).append(entry)
    return list(groups.values())


def _repeated(run: Run) -> list[list[Entry]]:
    """Requests that ask the same thing, in their order. Of several tasks that a client wants, maybe at the same time,
    each has a body or an idempotency key of its own."""
    return _groups(run.entries, lambda entry: entry.target if run.wanted == 1 else (entry.target, entry.intent))


def _pairs(groups: Sequence[Sequence[Entry]]) -> list[tuple[Entry, Entry]]:
    """Each request and the next one of its group."""
    return [pair for group in groups for pair in pairwise(group)]


def _is_running(entry: Entry) -> bool:
    return entry.state is not None and entry.state not in TERMINAL


def _after_terminal(run: Run, task_id: str | None) -> list[Entry]:
    """The queries of a task after the one that told its end."""
    queries = [entry for entry in run.queries if entry.task_id == task_id]
    ends = next((place for place, entry in enumerate(queries) if entry.state in TERMINAL), len(queries))
    return queries[ends + 1 :]


def _conflicts(run: Run) -> bool:
    """Whether a repeated submission met its first one: what came of it is then for the user to find out."""
    return any(entry.status == 409 for entry in run.submissions)


def _longest(items: list[Item], holds: Callable[[Item], bool]) -> list[Item]:
    """The longest stretch of items that all hold."""
    stretches = [list(group) for held, group in groupby(items, key=holds) if held]
    return max(stretches, key=len, default=[])
