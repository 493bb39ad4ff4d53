"""Reports to write out: drawn ones with anything in their texts, and plain ones to read."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from contract_tests.check import Check, Evidence, Layer
from contract_tests.exchange import Exchange
from contract_tests.judge import Finding, Outcome, Result
from contract_tests.report import Report

DRAWN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Bounded by the number of examples: a busy machine is no failure."""
STARTED = datetime(2026, 11, 23, 5, 20, tzinfo=UTC)
NASTY = (
    "<script>alert(1)</script>",
    "</pre><img src=x onerror=alert(1)>",
    "]]>",
    "&amp;<!--",
    "{{ 7 * 7 }}",
    "[bold red]x[/]",
    ":smile:",
    "\x1b[2J\x9b31m",
    "\x00\ud800\udfff\ufffe\uffff",
    "\u202egnp.exe",
    "a\r\nb\tc\u2028d",
    'it\'s "quoted" `and` `more',
)
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=()), max_size=40))
seconds = st.floats(0, 1e6, allow_nan=False)
headers = st.dictionaries(st.sampled_from(["content-type", "X-A", "location"]), texts, max_size=2)


def check(name: str = "TASK-ENDS", *, layer: Layer = Layer.BEHAVIOUR, firm: bool = True) -> Check:
    evidence = Evidence.DOCUMENTED if firm else Evidence.ASSUMED
    return Check(name, layer, "A task ends.", "getTask, 200, `status`", evidence)


def exchange(**fields: Any) -> Exchange:
    plain = {
        "method": "GET",
        "url": "http://127.0.0.1:8787/v1/tasks/task-unified-1-a",
        "request_headers": {"Authorization": "Bearer sk-plain-key"},
        "request_body": "",
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"status":"pending"}',
    }
    return Exchange(**plain | fields)


def finding(of: Check, **fields: Any) -> Finding:
    plain = {"received": "pending", "documented": "completed or failed", "steps": (exchange(),)}
    return Finding(check=of, **plain | fields)


def result(outcome: Outcome, **fields: Any) -> Result:
    of = fields.pop("check", None) or check(firm=outcome is not Outcome.WARNED)
    if outcome is Outcome.ACCEPTED:
        return Result(of, outcome, 3, finding(of, **fields), reason="known since May")
    if outcome in (Outcome.BROKEN, Outcome.WARNED):
        return Result(of, outcome, 3, finding(of, **fields))
    if outcome is Outcome.HELD:
        return Result(of, outcome, 3)
    return Result(of, outcome, 0, reason=fields.get("reason", "nothing came to it"), remedy=fields.get("remedy", ""))


def report(*results: Result, **fields: Any) -> Report:
    plain = {"title": "Server", "subject": "http://127.0.0.1:8787", "started": STARTED, "elapsed_s": 1.5, "seed": 7}
    return Report(**plain | fields, results=results)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    return exchange(
        url=draw(st.one_of(st.just("http://[half"), texts.map(lambda text: f"http://127.0.0.1/{text}"))),
        method=draw(st.sampled_from(["GET", "POST", "M<X>"])),
        request_headers=draw(headers) | {"authorization": "Bearer sk-plain-key"},
        request_body=draw(texts),
        status=draw(st.sampled_from([None, 200, 404, 999])),
        headers=draw(headers),
        body=draw(texts),
        started_s=draw(seconds),
        elapsed_s=draw(seconds),
        failure=draw(texts),
    )


@st.composite
def results(draw: st.DrawFn) -> Result:
    outcome = draw(st.sampled_from(Outcome))
    steps = tuple(draw(st.lists(exchanges(), max_size=2)))
    notes = tuple(draw(st.lists(texts, max_size=2)))
    drawn = {
        "received": draw(texts),
        "documented": draw(texts),
        "steps": steps,
        "notes": notes,
        "replay": draw(texts),
        "when": tuple(draw(st.lists(texts, max_size=2))),
    }
    layered = check(layer=draw(st.sampled_from(Layer)), firm=outcome is not Outcome.WARNED)
    has_finding = outcome in (Outcome.BROKEN, Outcome.WARNED, Outcome.ACCEPTED)
    fields = drawn if has_finding else {"reason": draw(texts), "remedy": draw(texts)}
    return result(outcome, check=layered, **fields)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    return report(
        *draw(st.lists(results(), max_size=3)),
        title=draw(texts),
        subject=draw(texts),
        facts=draw(st.dictionaries(texts, texts, max_size=2)),
        exchanges=tuple(draw(st.lists(exchanges(), max_size=2))),
        aborted=draw(st.sampled_from(["", *NASTY])),
        seed=draw(st.integers()),
    )
