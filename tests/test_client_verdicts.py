"""Verdicts on made-up runs: what is asked in proportion to the client, and what a careful one may do."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract_tests.client.behaviours.behaviour import PLAIN, Behaviour, parsed
from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.behaviours.grid import behaviour_of
from contract_tests.client.behaviours.troubles import Answers
from contract_tests.client.fitting import Fitting
from contract_tests.client.run import REAL, Ending, Habit, Run, shows_a_crash
from contract_tests.client.verdicts import broken, undecided
from contract_tests.client.wire.journal import Entry, entry_of, operation_of
from contract_tests.contract.contract import built_in

TASK = "task-unified-1757169743-7cvnl5zw"
QUERY, LINK, CREATE = f"/v1/tasks/{TASK}", f"/media/{TASK}/0.mp4", "/v1/videos/generations"
WELL = Ending(0, 1.0)
BADLY = Ending(1, 1.0)
UNTIMED = settings(deadline=None)
"""A busy machine is no failure."""


def entry(at_s: float, method: str, path: str, status: int = 200, **more: Any) -> Entry:
    record = {
        "sequence": 1,
        "at_ms": at_s * 1000,
        "real_ms": at_s * 1000,
        "method": method,
        "path": path,
        "query": "",
        "headers": {"host": "127.0.0.1:1"},
        "body": None,
        "status": status,
        "answer": None,
        "answer_headers": {},
        "fault": None,
        "task_id": TASK,
        "operation": operation_of(method, path, built_in()),
        "key_in": [],
        "other_key": None,
        "made": status >= 300,
        "port": None,
    }
    return entry_of({**record, **more}, virtual=False)


def submission(at_s: float = 0.0, status: int = 200, **more: Any) -> Entry:
    return entry(at_s, "POST", CREATE, status, answer={"id": TASK, "status": "pending"}, **more)


def query(at_s: float, state: str, **more: Any) -> Entry:
    results = {"results": ["http://localhost:1" + LINK]} if state == "completed" else {}
    return entry(at_s, "GET", QUERY, answer={"id": TASK, "status": state, **results}, **more)


def fetch(at_s: float, status: int = 200, **more: Any) -> Entry:
    return entry(at_s, "GET", LINK, status, **more)


def run(*entries: Entry, ending: Ending = WELL, behaviour: Behaviour = PLAIN, **more: Any) -> Run:
    return Run(behaviour, entries, ending, REAL, intents=1, **more)


@UNTIMED
@given(reads=st.integers(1, 20), status=st.sampled_from([403, 404, 410, 500]))
def test_a_dead_link_may_be_read_afresh(reads: int, status: int) -> None:
    again = [one for at in range(reads) for one in (query(at + 1.0, "completed"), fetch(at + 1.5, status))]
    behaviour = parsed(f"link-dies:status={status}")
    assert not broken(run(submission(), *again, ending=BADLY, behaviour=behaviour))


@UNTIMED
@given(reads=st.integers(2, 20))
def test_a_finished_task_is_not_read_again_without_a_reason(reads: int) -> None:
    again = [query(at + 1.0, "completed") for at in range(reads + 1)]
    assert broken(run(submission(), *again)) == ("CLIENT-STOPS-AT-TERMINAL",)


@UNTIMED
@given(tries=st.integers(1, 20), pause_s=st.floats(0.2, 5), at_once=st.integers(1, 5))
def test_a_library_that_repeats_once_by_itself_is_no_busy_loop(tries: int, pause_s: float, at_once: int) -> None:
    lost = [
        query(number * pause_s + again / 1_000, "", fault="reset")
        for number in range(tries)
        for again in range(at_once + 1)
    ]
    found = broken(run(submission(), *lost, ending=BADLY))
    assert (at_once > 1) or "CLIENT-NO-BUSY-LOOP" not in found
    assert (at_once < 4) or "CLIENT-NO-BUSY-LOOP" in found or tries < 2


@UNTIMED
@given(moved_s=st.integers(0, 20), valid_s=st.integers(0, 1))
def test_a_link_that_was_dead_when_it_was_told_is_no_lateness(moved_s: int, valid_s: int) -> None:
    """While one query is answered, those of other tasks move the clock on."""
    ended_ms = 1_000 + moved_s * 1_000
    behaviour = parsed(f"link-expires:seconds={valid_s}")
    entries = (submission(), query(1.0, "completed"), fetch(3.0 + moved_s, 410))
    tasks = {TASK: {"ended_ms": ended_ms}}
    assert not broken(run(*entries, ending=BADLY, behaviour=behaviour, tasks=tasks))


@pytest.mark.parametrize(("tried_s", "found"), [(1.1, ()), (9.0, ("CLIENT-FETCHES-IN-TIME",))])
def test_who_tried_in_time_and_got_nothing_is_not_late(tried_s: float, found: tuple[str, ...]) -> None:
    """Each look for a link that works moves the clock, too."""
    behaviour = parsed("link-dies:status=403+link-expires:seconds=4")
    entries = (submission(), query(1.0, "completed"), fetch(tried_s, 403), query(9.5, "completed"), fetch(10.0, 403))
    tasks = {TASK: {"ended_ms": 1_000}}
    assert tuple(dict.fromkeys(broken(run(*entries, ending=BADLY, behaviour=behaviour, tasks=tasks)))) == found


def test_nobody_knows_what_another_process_was_told() -> None:
    lost = submission(fault="closed_after_accept")
    for ending in (WELL, BADLY):
        assert not broken(run(lost, ending=ending, told={TASK: "completed"}))


@UNTIMED
@given(own_s=st.floats(0.05, 15))
def test_a_wait_is_longer_than_what_the_client_does_anyway(own_s: float) -> None:
    fitting = Fitting()
    fitting.habit = Habit(repeat_s={Operation.QUERY: own_s})
    [fitted] = fitting.fitted(behaviour_of("query-busy")).deviations
    assert isinstance(fitted, Answers)
    first = query(0, "pending", status=429, answer_headers={"retry-after": str(fitted.wait)})
    heedless = run(submission(), first, query(own_s, "pending"), query(2 * own_s, "completed"))
    heedful = run(submission(), first, query(fitted.wait, "pending"), query(fitted.wait + own_s, "completed"))
    assert "CLIENT-RETRY-AFTER" in broken(heedless)
    assert "CLIENT-RETRY-AFTER" not in broken(heedful)


def test_who_waits_longer_than_any_retry_after_is_not_judged_by_it() -> None:
    fitting = Fitting()
    fitting.habit = Habit(repeat_s={Operation.QUERY: 40.0})
    assert "waits 40 s by itself" in fitting.why_not(behaviour_of("query-busy"))
    assert not fitting.why_not(behaviour_of("submission-busy"))


def test_a_long_wait_may_be_cut_at_30_s() -> None:
    first = query(0, "pending", status=429, answer_headers={"retry-after": "600"})
    assert not broken(run(submission(), first, query(30, "completed")))
    assert broken(run(submission(), first, query(20, "completed"))) == ("CLIENT-RETRY-AFTER",)


@UNTIMED
@given(every_s=st.floats(0.2, 5), held=st.lists(st.integers(0, 9), max_size=4), held_s=st.floats(0.3, 6))
def test_a_ticker_that_fires_once_after_a_wait_is_no_haste(every_s: float, held: list[int], held_s: float) -> None:
    """As Go's does: one tick that fell into the wait is kept, and comes right after it."""
    tick, at_s, queries = 0, 0.0, []
    for number in range(10):
        is_kept = int(at_s / every_s) > tick
        tick = int(at_s / every_s) + (not is_kept)
        taken_s = at_s if is_kept else tick * every_s
        queries.append(query(taken_s, "processing"))
        at_s = taken_s + (held_s if number in held else 0.01)
    whole = run(submission(), *queries, query(at_s + every_s, "completed"))
    assert not broken(replace(whole, habit=Fitting(whole).habit))


@UNTIMED
@given(step_s=st.floats(0.03, 0.4), pause_s=st.sampled_from([0.0, 0.2, 3.0]))
def test_starting_a_program_is_no_pause(step_s: float, pause_s: float) -> None:
    gap_s = step_s + pause_s
    assume(abs(gap_s - REAL.least_poll_s) > 1e-6)  # on the very edge, rounding decides
    queries = [query(1 + number * gap_s, "processing") for number in range(6)]
    end_s = 1 + 6 * gap_s
    whole = run(submission(), *queries, query(end_s, "completed"), fetch(end_s + step_s))
    fitting = Fitting(whole)
    assert broken(replace(whole, habit=fitting.habit)) == (
        ("CLIENT-POLL-CADENCE",) if gap_s < REAL.least_poll_s else ()
    )
    fitting.learn(whole)
    assert broken(replace(whole, habit=fitting.habit)) == (("CLIENT-POLL-CADENCE",) if pause_s == 0 else ())


@pytest.mark.parametrize("ports", [(7, 7, 7, 7, 7, 7), (1, 2, 3, 4, 5, 6)], ids=["one connection", "one for each"])
def test_what_a_step_takes_tells_nothing_where_the_connection_stays_open(ports: tuple[int, ...]) -> None:
    """A program that made a new client for its results, on a busy machine, and paused all the same."""
    queries = [query(1 + number * 0.25, "processing", port=port) for number, port in enumerate(ports)]
    whole = run(submission(), *queries, query(2.5, "completed"), fetch(2.73), ending=WELL)
    found = broken(replace(whole, habit=Habit(steps_s=(0.23, 0.23))))
    assert found == (("CLIENT-POLL-CADENCE",) if len(set(ports)) > 1 else ())
    busy = [query(1 + number * 0.12, "processing", status=503, port=port) for number, port in enumerate(ports)]
    late = run(submission(), *busy, query(2.5, "completed"), fetch(2.73))
    found = broken(replace(late, habit=Habit(steps_s=(0.23, 0.23))))
    assert found == (("CLIENT-NO-BUSY-LOOP",) if len(set(ports)) > 1 else ())


@UNTIMED
@given(pause_s=st.sampled_from([0.2, 0.5, 3.0]), step_s=st.floats(0.01, 3))
def test_a_pause_is_one_however_long_a_step_takes(pause_s: float, step_s: float) -> None:
    """Of a program that begins anew for each request, on a busy machine."""
    gap_s = pause_s + step_s
    queries = [query(1 + number * gap_s, "processing", port=number) for number in range(6)]
    end_s = 1 + 6 * gap_s
    whole = run(submission(), *queries, query(end_s, "completed", port=6), fetch(end_s + step_s))
    assert not broken(replace(whole, habit=Habit(steps_s=(step_s, step_s))))


def test_a_time_out_of_its_own_is_not_judged() -> None:
    stalled = entry(1, "GET", QUERY, 0, fault="stalled")
    late = run(submission(), stalled, ending=Ending(None, 31.0, stopped="late", late=True))
    assert not broken(late)
    assert "raise --time-limit" in undecided(late)
    never = run(submission(), stalled, ending=Ending(None, 601.0, stopped="late", late=True))
    assert broken(never) == ("CLIENT-ENDS-IN-TIME",)


@pytest.mark.parametrize(
    ("code", "submissions", "found"),
    [
        ("content_policy_violation", 2, ()),
        ("content_policy_violation", 3, ("CLIENT-FAILURE-IS-FINAL",)),
        ("invalid_parameters", 4, ("CLIENT-FAILURE-IS-FINAL",)),
        ("service_error", 4, ()),
        ("request_cancelled", 4, ()),
    ],
)
def test_what_has_to_be_changed_is_not_submitted_again(code: str, submissions: int, found: tuple[str, ...]) -> None:
    tried = [one for at in range(submissions) for one in (submission(10.0 * at), query(10.0 * at + 5, "failed"))]
    tasks = {f"{TASK}{number}": {"failure": code} for number in range(submissions)}
    ended = run(*tried, ending=BADLY, tasks=tasks)
    assert tuple(one for one in broken(ended) if one != "CLIENT-STOPS-AT-TERMINAL") == found


def test_a_repeat_with_the_same_key_is_no_new_submission() -> None:
    replayed = {"idempotency-replayed": "true"}
    again = [submission(number, answer_headers=replayed) for number in (1.0, 2.0, 3.0)]
    ended = run(submission(), *again, ending=BADLY, tasks={TASK: {"failure": "content_policy_violation"}})
    assert not broken(ended)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"options": {"callback_url": "https://hooks.example.com"}}, "options.callback_url does nothing there"),
        ({"imageUrls": []}, "imageUrls is no name of the document; near: image_urls"),
        ({"promt": "x"}, "promt is no name of the document; near: prompt"),
    ],
)
def test_what_does_nothing_in_a_request_is_told_with_its_place(body: dict[str, Any], place: str) -> None:
    from contract_tests.client.verdicts.manners import request_meant

    [judgement] = request_meant(run(entry(0, "POST", CREATE, body=body)))
    assert not judgement.holds
    assert place in judgement.received


def test_an_unknown_name_like_no_other_is_no_matter() -> None:
    assert not broken(
        run(entry(0, "POST", CREATE, body={"seed": 1, "metadata": {"order": 7}}), query(1, "completed"))
    )


@pytest.mark.parametrize(
    ("output", "crashed"),
    [
        ("Traceback (most recent call last):\n  File\nKeyError: 'id'", True),
        ("polling\nTraceback (most recent call last):\n  File\nValueError", True),
        ("ERROR:root:no answer\nTraceback (most recent call last):\n  File\nValueError\n", False),
        ("SyntaxError: x\n    at JSON.parse (<anonymous>)\n\nNode.js v20.1.0\n", True),
        ("failed: SyntaxError: x\n    at JSON.parse (<anonymous>)\n", False),
        ("parse error: Invalid numeric literal at line 1, column 10\n", True),
        ("parse error: Invalid numeric literal at line 1, column 10\nno id, giving up\n", False),
        ("failed: the answer was no JSON", False),
        ("", False),
    ],
)
def test_a_crash_is_told_from_an_error(output: str, crashed: bool) -> None:
    assert shows_a_crash(output) == crashed


def test_half_a_result_is_no_success() -> None:
    cut = (submission(), query(1, "completed"), fetch(2, fault="truncated_body"))
    assert broken(run(*cut)) == ("CLIENT-LOST-RESULT-IS-ERROR",)
    assert not broken(run(*cut, ending=BADLY))
    assert not broken(run(*cut, fetch(3)))


@pytest.mark.parametrize(("host", "found"), [("127.0.0.1:1", []), ("localhost:1", ["CLIENT-KEY-STAYS"])])
def test_the_key_may_follow_a_result_to_the_host_of_the_api(host: str, found: list[str]) -> None:
    headers = {"host": host, "authorization": "Bearer sk-of-this-test"}
    moved = entry(3, "GET", f"/moved{LINK}", headers=headers, key_in=["authorization"], operation=Operation.FETCH)
    told = broken(run(submission(), query(1, "completed"), fetch(2, 307), moved))
    assert [one for one in told if one == "CLIENT-KEY-STAYS"] == found
