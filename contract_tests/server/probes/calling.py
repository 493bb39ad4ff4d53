"""A case whose tasks call back, and what is judged of each callback that came, wherever and whenever it came."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.judge import Judge
from contract_tests.server.probes.auditor import TERMINAL
from contract_tests.server.probes.probe import PLENTY, Setting
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Case
from contract_tests.server.talk.listener import Box, Delivery, Listener
from contract_tests.server.talk.reading import Balance

_TOLERANCE_S, _REAL_TOLERANCE_S = 0.5, 0.9
"""How far a gap between attempts may be off: on a clock that is held, and in real time on the way through a
network."""
_MOST_LAG_S = 0.15
"""Who is this late himself, with one thing, does not know how late others are: an attempt takes many."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What the server showed while a callback was waiting for its answer; None where it showed nothing."""

    status: str | None
    balance: Balance | None


@dataclass(frozen=True, slots=True)
class Talk:
    """A case whose tasks call back."""

    setting: Setting
    listener: Listener
    case: Case

    @property
    def judge(self) -> Judge:
        return self.setting.judge

    def box(self, *script: int | str) -> Box:
        """A callback URL that notes what the server shows when something arrives."""
        box = self.listener.box(*script)
        box.on_arrival = self.noting(box)
        return box

    def noting(self, box: Box) -> Callable[[Delivery], Noted]:
        def note(delivery: Delivery) -> Noted:
            task_id = box.task_id or self.listener.id_of(delivery)
            status = reading.at(self.case.peek_task(task_id), "status") if task_id else None
            balance = reading.balance(self.case.peek_credits())
            known = reading.known(status, self.setting.contract.statuses)
            return Noted(status if known else None, balance)

        return note

    def submitted(self, box: Box, **fields: Any) -> str:
        """The id of a task with this box as callback. Raises UnmetError."""
        task_id = self.case.buy(callback_url=box.url, **fields)
        self.listener.expect(box, task_id)
        return task_id

    def ended(self, box: Box, how: str = "complete", code: str | None = None) -> str:
        """Submit with this box as callback, and end the task. The time stands still, deliveries are awaited."""
        task_id = self.submitted(box)
        self.setting.control.end(task_id, how, code)
        self.let_pass(0)
        return task_id

    def let_pass(self, seconds: float) -> None:
        self.case.let_pass(seconds)

    def require(self, check_id: str, holds: bool, box: Box, documented: str) -> None:
        """Judge, with what the receiver got as the evidence."""
        self.judge.that(check_id, holds, told(box), documented)


def calling(setting: Setting) -> Talk:
    if setting.listener is None:
        raise AssertionError("a probe of callbacks has to say that it needs them")
    return Talk(setting, setting.listener, setting.case(credits=PLENTY))


def told(box: Box) -> str:
    """What the receiver got, in one line."""
    if not box.deliveries:
        return "no callback"
    first = box.deliveries[0].clock_s
    times = ", ".join(f"+{one.clock_s - first:.3g} s" for one in box.deliveries)
    return f"{len(box.deliveries)} attempts at {times}"


def too_early(delivery: Delivery) -> bool:
    """Whether the task was shown to be under way when its callback came."""
    noted = delivery.noted
    return isinstance(noted, Noted) and noted.status is not None and noted.status not in TERMINAL


def judge_early(talk: Talk, box: Box) -> list[Delivery]:
    """Nothing comes before the end; what came since is returned."""
    early = [one for one in box.deliveries if too_early(one)]
    received = f"a callback while the task was {early[0].noted.status}" if early else ""
    talk.judge.that("CALLBACK-ONLY-AT-THE-END", not early, received, "nothing before the task has ended")
    return [one for one in box.deliveries if one not in early]


def judge_one(talk: Talk, box: Box, documented: str) -> list[Delivery]:
    """One callback, after the end; all that came since is returned. One that came before the end is not said to be
    missing: it came too early."""
    since = judge_early(talk, box)
    if since or not box.deliveries:
        talk.require("CALLBACK-SENT", len(since) == 1, box, documented)
    for delivery in since[:1]:
        judge_delivery(talk, delivery, box)
    return since


def judge_delivery(talk: Talk, delivery: Delivery, box: Box) -> None:
    that = talk.judge.that
    that("CALLBACK-URL-UNTOUCHED", delivery.target in box.targets, delivery.target, box.targets[0])
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = f"{delivery.method} of {kind or 'no media type'}"
    that("CALLBACK-SENT", form == "POST of application/json", form, "POST of application/json")
    body, query = _json(delivery.body), talk.case.task(box.task_id).raw
    that("CALLBACK-BODY-IS-THE-TASK", body == query, body, f"{query}")
    leaks = [name for name, value in delivery.headers.items() if talk.case.key in value]
    that("CALLBACK-KEEPS-THE-KEY", not leaks, f"the API key in {leaks}", "the key goes to nobody")


def judge_gaps(talk: Talk, boxes: Sequence[Box], delays: list[float]) -> None:
    """The first box is shown. A gap counts as far as it is off in all of them: a machine may be busy for a moment."""
    is_real = talk.setting.target.control is None
    lag_s = talk.listener.lag_s(boxes[0].deliveries[0].clock_s) if is_real and boxes[0].deliveries else 0.0
    if lag_s > _MOST_LAG_S:
        busy = f"this machine was too busy to time anything: {lag_s:.2f} s late itself"
        return talk.judge.not_judged("CALLBACK-RETRY-DELAYS", busy, "a run on a machine that is less busy")
    tolerance_s = _REAL_TOLERANCE_S if is_real else _TOLERANCE_S
    close = all(
        min(abs(gap - delay) for gap in gaps) <= tolerance_s
        for gaps, delay in zip(_gaps(boxes), delays, strict=False)
    )
    expected = f"gaps of {', '.join(f'{delay:g}' for delay in delays)} s, within {tolerance_s:g} s"
    return talk.require("CALLBACK-RETRY-DELAYS", close, boxes[0], expected)


def _gaps(boxes: Sequence[Box]) -> Iterator[list[float]]:
    """The first gap of each box, then the second of each that has one, and so on. A delay counts from the failure."""
    each = [
        [later.clock_s - former.answered_s for former, later in itertools.pairwise(box.deliveries)] for box in boxes
    ]
    for gaps in itertools.zip_longest(*each):
        yield [gap for gap in gaps if gap is not None]


def judge_settled(talk: Talk, box: Box, expected: Balance | None, later: list[Balance | None]) -> None:
    """When the callback comes the credits show the bill. What they should show is reckoned, not read: a reading
    may be as late as the bill. A bill that never comes is another check's finding."""
    if expected is None or expected not in later:
        return
    for delivery in box.deliveries:
        noted = delivery.noted.balance if isinstance(delivery.noted, Noted) else None
        if noted is not None and not too_early(delivery):
            received = f"used {in_credits(noted.used)}, remaining {in_credits(noted.remaining)} on arrival"
            wanted = f"used {in_credits(expected.used)}, remaining {in_credits(expected.remaining)}, as later"
            talk.judge.that("CALLBACK-AFTER-BILLING", noted == expected, received, wanted)


def in_credits(amount_uc: int) -> str:
    return f"{amount_uc / 10_000:g}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
