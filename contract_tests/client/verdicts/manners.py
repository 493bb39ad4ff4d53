"""How a client asks: requests that are valid, a key that stays where it belongs, patience between the tries."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.behaviours.troubles import MOVED, Vanishes
from contract_tests.client.run import Run, is_definite, is_running
from contract_tests.client.verdicts.judgement import Judgement, Pair, groups, longest, pairs_of, repeated
from contract_tests.client.wire.journal import Entry
from contract_tests.contract.document import Schema
from contract_tests.contract.request import Requests

_INVALID = frozenset({400, 401, 405, 413, 415, 422})
REFUSALS_ALLOWED = 3
_QUICK_REPEATS_ALLOWED = 3
_AT_ONCE_S = 0.25
"""Of a client that wants several tasks, a submission this soon was sent beside the other, not after its answer."""
_NO_PAUSE = 1.3
"""What takes no longer than this many times one step of the client without a pause has no pause either."""
_LONGEST_STEP_S = 0.5
"""Whoever needs longer for one step can't be told from one who pauses: 0.2 s, as tests are asked to pause, is
then less than what steps differ by."""
_WAIT_CAP_S = 30.0
"""The provider's own clients wait no longer than this, whatever they are told."""


def request_valid(run: Run) -> Iterator[Judgement]:
    for entry in run.entries:
        moved = entry.record["path"].startswith(MOVED)  # who follows without the key is refused, and right
        if entry.kind is Operation.FETCH or entry.is_made or not entry.status or moved:
            continue
        invalid = entry.status in _INVALID or entry.code in ("not_found", "idempotency_conflict")
        unknown = entry.code in ("task_not_found", "permission_denied") and not run.behaviour.has(Vanishes)
        received = f"{entry}: {entry.error.get('message', '')}"
        yield Judgement("CLIENT-REQUEST-VALID", not (invalid or unknown), received, entries=(entry,))


def request_meant(run: Run) -> Iterator[Judgement]:
    for entry in run.submissions:
        requests = run.contract.requests
        odd = list(_misplaced(requests, entry.record["body"], requests.schema, ""))
        allowed = f"the names of the document: {', '.join(sorted(requests.properties))}"
        yield Judgement("CLIENT-REQUEST-MEANT", not odd, "; ".join(odd), allowed, (entry,))


def _misplaced(requests: Requests, value: Any, schema: Schema, place: str) -> Iterator[str]:
    """Members that the document allows, and that can't do what their author wanted."""
    known = requests.properties_of(schema)
    for name, part in value.items() if isinstance(value, dict) else ():
        where = f"{place}.{name}" if place else str(name)
        if name in known:
            yield from _misplaced(requests, part, known[name], where)
            continue
        if name in requests.properties:
            yield f"{where} does nothing there; {name} belongs at the top"
        elif near := _near(str(name), known or requests.properties):
            yield f"{where} is no name of the document; near: {near}"
        yield from _misplaced(requests, part, {}, where)


def _near(name: str, names: Iterable[str]) -> str:
    """The known name that was meant, if any: in another spelling, or off by a letter or two."""
    plain = {known.replace("_", ""): known for known in names}
    found = get_close_matches(name.replace("_", "").replace("-", "").lower(), plain, 1, 0.85)
    return plain[found[0]] if found else ""


def key_stays(run: Run) -> Iterator[Judgement]:
    apis = {entry.host for entry in run.submissions}
    for entry in run.entries:
        sent = _where_the_key_was(entry, apis)
        if sent or entry.kind is Operation.FETCH:
            received = f"{entry} with the key in {', '.join(sent)}"
            yield Judgement("CLIENT-KEY-STAYS", not sent, received, "no key", (entry,))


def _where_the_key_was(entry: Entry, apis: set[str]) -> list[str]:
    """Though it must not be there. A result that was moved to the API's own host may be asked for with the key."""
    carried = entry.record["key_in"]
    at_the_api = entry.record["path"].startswith(MOVED) and entry.host in apis
    if entry.kind is not Operation.FETCH or at_the_api:
        return [place for place in carried if place == "URL"]
    named = [one for one in ("authorization", "x-api-key") if one in entry.record["headers"]]
    return list(dict.fromkeys([*named, *carried]))


def key_not_printed(run: Run) -> Iterator[Judgement]:
    if run.key:
        holds = run.key not in run.ending.output
        yield Judgement("CLIENT-KEY-NOT-PRINTED", holds, "the whole key in the output", entries=run.entries[-1:])


def redirects(run: Run) -> Iterator[Judgement]:
    """Also whether a result that was moved was fetched from there."""
    followed = {entry.record["path"] for entry in run.entries}
    for entry in run.entries:
        led = 300 <= entry.status < 400
        elsewhere = entry.record["path"].startswith(MOVED) and entry.kind is not Operation.FETCH
        if elsewhere and entry.host == "localhost":
            holds = not entry.record["key_in"]
            received = f"{entry} on another host, with the key"
            yield Judgement("CLIENT-REDIRECTS", holds, received, "no key for another host", (entry,))
        elif led and entry.kind is Operation.FETCH and run.ending.exit_code is not None:
            holds = f"{MOVED}{entry.record['path']}" in followed or run.ending.is_error
            yield Judgement("CLIENT-REDIRECTS", holds, f"{run.ending} after {entry}", "follow it, or fail", (entry,))


def retry_after(run: Run) -> Iterator[Judgement]:
    for first, then in pairs_of(repeated(run)):
        wait_s = first.wait_s
        if wait_s is None or wait_s <= 0 or first.kind is Operation.FETCH:
            continue
        waited_s, least_s = then.client_s - first.client_s, min(wait_s, _WAIT_CAP_S)
        if run.wanted > 1 and _gap_s(first, then) < _AT_ONCE_S and not first.idempotency_key:
            continue
        received = f"asked again after {waited_s:.2f} s; Retry-After: {first.record['answer_headers']['retry-after']}"
        holds = waited_s >= least_s * 0.95 - 0.05
        yield Judgement("CLIENT-RETRY-AFTER", holds, received, f"not before {least_s:.1f} s", (first, then))


def poll_cadence(run: Run) -> Iterator[Judgement]:
    queried = groups(run.queries, lambda entry: entry.task_id)
    pairs = [(one, two) for one, two in pairs_of(queried) if is_running(one)]
    if not pairs:
        return
    least_s, most_s = run.pace.least_poll_s, run.pace.most_poll_s
    quick = [pair for group in queried for pair in _too_quick(group, least_s)]
    slow = [(one, two) for one, two in pairs if most_s is not None and _gap_s(one, two) > most_s]
    is_usual = len(pairs) == 1 and run.habit.poll_s is not None and run.habit.poll_s < least_s
    wrong = slow or (quick if len(quick) > 1 or is_usual else []) or _without_pause(run, pairs)
    gaps = ", ".join(f"{_gap_s(one, two):.2f} s" for one, two in wrong[:5])
    let_pass = f"at least {least_s:g} s" + (f", at most {most_s:g} s" if most_s else "")
    allowed = f"3 to 5 s in the examples; {let_pass} between two queries is let pass"
    if wrong and not slow and not quick:
        allowed = f"a pause between two queries: one step of this program takes {run.habit.step_s:.2f} s without any"
    shown = tuple(dict.fromkeys(entry for pair in wrong[:3] for entry in pair))
    yield Judgement("CLIENT-POLL-CADENCE", not wrong, f"queries {gaps} apart", allowed, shown)


def _too_quick(queries: list[Entry], least_s: float) -> list[Pair]:
    """Queries of a running task without a pause between them. One right after a wait makes up for it: a ticker that
    goes on meanwhile has fired."""
    pairs = list(pairwise(queries))
    waited = [False, *(_gap_s(*pair) >= least_s for pair in pairs)]
    return [
        (one, two)
        for (one, two), made_up in zip(pairs, waited, strict=False)
        if is_running(one) and _gap_s(one, two) < least_s and not made_up
    ]


def _gap_s(one: Entry, two: Entry) -> float:
    return two.at_s - one.at_s


def _without_pause(run: Run, pairs: list[Pair]) -> list[Pair]:
    """All of them, if they are typically as short as what the same program does without any pause."""
    short = [pair for pair in pairs if _gap_s(*pair) < _least_pause_s(run, pair, 0.0)]
    return pairs if len(pairs) > 3 and 2 * len(short) > len(pairs) else []


def _least_pause_s(run: Run, pair: Pair, otherwise_s: float) -> float:
    """What is shorter than this is no pause for this client: starting a program takes its time as well. Between two
    requests over one connection none was started, and all the time that passed is a pause."""
    one, two = pair
    if one.port is not None and one.port == two.port:
        return otherwise_s
    return max(otherwise_s, _NO_PAUSE * min(run.habit.step_s or 0.0, _LONGEST_STEP_S))


def no_busy_loop(run: Run) -> Iterator[Judgement]:
    for group in repeated(run):
        pairs = [(one, two) for one, two in pairwise(group) if not one.is_healthy and not is_definite(one)]
        if not pairs:
            continue
        least_s = max(_least_pause_s(run, pair, run.pace.least_repeat_s) for pair in pairs)
        quick = _again_and_again(run, pairs)
        received = f"{len(quick)} of {len(pairs)} repeats of what failed came without a pause"
        busy = len(quick) > _QUICK_REPEATS_ALLOWED and 2 * len(quick) > len(pairs)
        allowed = f"at most {_QUICK_REPEATS_ALLOWED} repeats within {least_s:.2f} s"
        yield Judgement("CLIENT-NO-BUSY-LOOP", not busy, received, allowed, tuple(quick[:5]))


def _again_and_again(run: Run, pairs: list[Pair]) -> list[Entry]:
    """What came without a pause, but for the first after each pause: some libraries (aiohttp is one) repeat a GET by
    themselves, once, when its connection was lost."""
    quick = [_gap_s(*pair) < _least_pause_s(run, pair, run.pace.least_repeat_s) for pair in pairs]
    return [two for before, now, (_, two) in zip([False, *quick], quick, pairs, strict=False) if before and now]


def refusal_is_final(run: Run) -> Iterator[Judgement]:
    for group in repeated(run):
        refused = longest(group, is_definite)
        if refused:
            received = f"{len(refused)} times in a row: {refused[0]}"
            holds = len(refused) <= REFUSALS_ALLOWED
            allowed = f"once; up to {REFUSALS_ALLOWED} times is let pass"
            yield Judgement("CLIENT-REFUSAL-IS-FINAL", holds, received, allowed, tuple(refused[:5]))
