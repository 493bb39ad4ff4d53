"""Callbacks: a receiver that answers by a script, and what the server makes of it."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.document import callback_rules
from contract_tests.judge import Judge
from contract_tests.server.listener import HANG, RESET, Box, Delivery, Listener
from contract_tests.server.probe import Need, Setting, probe
from contract_tests.server.target import Case

TOLERANCE_S = 0.5
"""How far a gap between attempts may be off."""
_TIMEOUT_TOLERANCE_S = 1.5
"""A delivery's time-out runs in real time, on a machine that may be busy."""
_QUIET_S = 120
"""How long the attempts of a callback are waited for: long enough to see one too many."""
_OTHER_STATUSES = (301, 400, 404, 410, 503)
_SUCCESSES = (200, 201, 204, 299)


@dataclass(frozen=True, slots=True)
class Talk:
    """A case whose tasks call back."""

    setting: Setting
    listener: Listener
    case: Case

    @property
    def judge(self) -> Judge:
        return self.setting.judge

    def ended(self, box: Box, how: str = "complete", code: str | None = None) -> str:
        """Submit with this box as callback, and end the task. The time stands still, deliveries are awaited."""
        task_id = self.submitted(box)
        self.setting.control.end(task_id, how, code)
        self.let_pass(0)
        return task_id

    def submitted(self, box: Box) -> str:
        return str(self.case.submit(callback_url=box.url).at("id"))

    def let_pass(self, seconds: float) -> None:
        self.case.let_pass(seconds)

    def require(self, check_id: str, holds: bool, box: Box, documented: str) -> None:
        """Judge, with what the receiver got as the evidence."""
        self.judge.that(check_id, holds, told(box), documented)


def told(box: Box) -> str:
    """What the receiver got, in one line."""
    if not box.deliveries:
        return "no callback"
    first = box.deliveries[0].clock_s
    times = ", ".join(f"+{one.clock_s - first:g} s" for one in box.deliveries)
    return f"{len(box.deliveries)} attempts at {times}"


def calling(setting: Setting) -> Talk:
    if setting.listener is None:
        raise AssertionError("a probe of callbacks has to say that it needs them")
    granted = None if setting.target.control is None else 10_000
    return Talk(setting, setting.listener, setting.case(credits=granted))


_NEEDS = frozenset({Need.CONTROL, Need.CALLBACKS})


@probe(
    "CALLBACK-SENT", "CALLBACK-ONLY-AT-THE-END", "CALLBACK-BODY-IS-THE-TASK", "CALLBACK-URL-UNTOUCHED", needs=_NEEDS
)
def deliveries(setting: Setting) -> None:
    """Completed, failed or cancelled: one POST, after the end, to the very URL, with what a query answers."""
    talk = calling(setting)
    for how in ("complete", "fail", "cancel"):
        box = talk.listener.box()
        task_id = talk.submitted(box)
        setting.control.to_next()
        talk.require("CALLBACK-ONLY-AT-THE-END", not box.deliveries, box, "nothing before the task has ended")
        setting.control.end(task_id, how)
        talk.let_pass(0)
        talk.require("CALLBACK-SENT", len(box.deliveries) == 1, box, f"one callback after {how}")
        for delivery in box.deliveries[:1]:
            judge_delivery(talk, delivery, box, task_id)


def judge_delivery(talk: Talk, delivery: Delivery, box: Box, task_id: str) -> None:
    target = box.url.removeprefix(talk.listener.url)
    talk.judge.that("CALLBACK-URL-UNTOUCHED", delivery.target == target, delivery.target, target)
    kind = delivery.headers.get("content-type", "").partition(";")[0]
    form = (delivery.method, kind)
    talk.judge.that("CALLBACK-SENT", form == ("POST", "application/json"), f"{form}", "POST of application/json")
    body, query = _json(delivery.body), talk.case.task(task_id).body
    talk.judge.that("CALLBACK-BODY-IS-THE-TASK", body == query, body, f"{query}")
    leaks = [name for name, value in delivery.headers.items() if talk.case.key in value]
    talk.judge.that("CALLBACK-KEEPS-THE-KEY", not leaks, f"the API key in {leaks}", "the key goes to nobody")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


@probe("CALLBACK-AFTER-BILLING", needs=_NEEDS)
def billing_first(setting: Setting) -> None:
    """When the callback comes, the credits show the charge, or the release."""
    talk = calling(setting)
    read = _credits_of(talk.case)
    for how in ("complete", "fail", "cancel"):
        box = talk.listener.box()
        box.on_arrival = read
        talk.ended(box, how)
        used, remaining = read()
        for delivery in box.deliveries:
            settled = delivery.noted == (used, remaining)
            received = f"used {delivery.noted[0]}, remaining {delivery.noted[1]} on arrival"
            talk.judge.that(
                "CALLBACK-AFTER-BILLING", settled, received, f"used {used}, remaining {remaining}, as later"
            )


def _credits_of(case: Case) -> Callable[[], tuple[Any, Any]]:
    def read() -> tuple[Any, Any]:
        answer = case.credits()
        return answer.at("data", "user", "used_credits"), answer.at("data", "user", "remaining_credits")

    return read


@probe("CALLBACK-RETRIED", "CALLBACK-RETRY-DELAYS", "CALLBACK-GIVES-UP", "CALLBACK-SAME-BODY", needs=_NEEDS)
def retries(setting: Setting) -> None:
    """A receiver that always answers 500: three retries after 1, 2 and 4 s, then silence."""
    talk, delays = calling(setting), callback_rules()["retry_delays_seconds"]
    box = talk.listener.box(*[500] * 20)
    talk.ended(box, "fail", "generation_timeout")
    talk.let_pass(_QUIET_S)
    attempts = 1 + len(delays)
    talk.require("CALLBACK-RETRIED", len(box.deliveries) >= attempts, box, f"{attempts} attempts")
    talk.require("CALLBACK-GIVES-UP", len(box.deliveries) <= attempts, box, f"{attempts} attempts, and no more")
    judge_gaps(talk, box, delays)
    bodies = {delivery.body for delivery in box.deliveries}
    talk.judge.that("CALLBACK-SAME-BODY", len(bodies) <= 1, f"{len(bodies)} different bodies", "each time the same")


def judge_gaps(talk: Talk, box: Box, delays: list[float]) -> None:
    times = [delivery.clock_s for delivery in box.deliveries]
    gaps = [later - former for former, later in itertools.pairwise(times)]
    close = all(abs(gap - delay) <= TOLERANCE_S for gap, delay in zip(gaps, delays, strict=False))
    expected = f"gaps of {', '.join(f'{delay:g}' for delay in delays)} s, within {TOLERANCE_S:g} s"
    talk.require("CALLBACK-RETRY-DELAYS", close, box, expected)


@probe("CALLBACK-STOPS-ON-SUCCESS", "CALLBACK-OTHER-STATUS-IS-RETRIED", needs=_NEEDS)
def receiver_answers(setting: Setting) -> None:
    """Any 2xx ends it, anything else is tried again; and a success after failures ends it too."""
    talk = calling(setting)
    stops = [talk.listener.box(status) for status in _SUCCESSES] + [talk.listener.box(500, 200)]
    goes_on = [talk.listener.box(status) for status in _OTHER_STATUSES]
    for box in (*stops, *goes_on):
        talk.ended(box)
    talk.let_pass(10)
    for box, attempts in zip(stops, (1, 1, 1, 1, 2), strict=True):
        expected = f"{attempts} attempts for the answers {box.script}"
        talk.require("CALLBACK-STOPS-ON-SUCCESS", len(box.deliveries) <= attempts, box, expected)
    for box in goes_on:
        expected = f"a second attempt after {box.script[0]}"
        talk.require("CALLBACK-OTHER-STATUS-IS-RETRIED", len(box.deliveries) >= 2, box, expected)


@probe("CALLBACK-LOST-CONNECTION-IS-RETRIED", needs=_NEEDS)
def lost_connection(setting: Setting) -> None:
    talk = calling(setting)
    box = talk.listener.box(RESET)
    talk.ended(box)
    talk.let_pass(10)
    talk.require("CALLBACK-LOST-CONNECTION-IS-RETRIED", len(box.deliveries) == 2, box, "a second attempt")


@probe("CALLBACK-NO-REDIRECT", needs=_NEEDS)
def redirects(setting: Setting) -> None:
    """A 3xx is a failure like any other: nobody goes where it leads."""
    talk = calling(setting)
    elsewhere = talk.listener.box()
    talk.ended(talk.listener.box(*[elsewhere.url] * 20))
    talk.let_pass(10)
    talk.require("CALLBACK-NO-REDIRECT", not elsewhere.deliveries, elsewhere, "no request where the redirect leads")


@probe("CALLBACK-TIMEOUT", needs=_NEEDS | {Need.PATIENCE})
def timeout(setting: Setting) -> None:
    """A receiver that never answers is left after 10 s, and tried again."""
    talk, limit = calling(setting), float(callback_rules()["timeout_seconds"])
    box = talk.listener.box(HANG)
    talk.ended(box)
    talk.let_pass(limit + 2)
    left = [delivery.left_s for delivery in box.deliveries if delivery.left_s is not None]
    in_time = bool(left) and abs(left[0] - limit) <= _TIMEOUT_TOLERANCE_S
    received = f"hung up after {left[0]:.1f} s" if left else told(box)
    talk.judge.that("CALLBACK-TIMEOUT", in_time, received, f"{limit:g} s, within {_TIMEOUT_TOLERANCE_S:g} s")
    talk.require("CALLBACK-TIMEOUT", len(box.deliveries) == 2, box, "a second attempt after the time-out")


@probe("CALLBACK-FORBIDDEN-TARGET")
def forbidden_targets(setting: Setting) -> None:
    """Callbacks go by https to public addresses, and their URL is not too long."""
    case = setting.case()
    long = f"https://example.com/{'x' * 2048}"
    for url in (
        "http://example.com/hook",
        "https://10.1.2.3/hook",
        "https://172.16.0.1/hook",
        "https://172.31.255.254/hook",
        "https://192.168.1.1/hook",
        "ftp://example.com/hook",
        long,
    ):
        answer = case.submit_invalid(callback_url=url)
        refused = (answer.status, answer.code) == (400, "invalid_request")
        received = f"{answer.status} {answer.code} for {url[:60]}"
        setting.judge.that("CALLBACK-FORBIDDEN-TARGET", refused, received, "400 invalid_request")


PROBES = (
    forbidden_targets,
    deliveries,
    billing_first,
    retries,
    receiver_answers,
    lost_connection,
    redirects,
)
"""Without `timeout`, which waits for 10 real seconds: a run lets it wait beside the others."""
