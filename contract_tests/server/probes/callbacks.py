"""Callbacks: a receiver that answers by a script, and what the server makes of it."""

import itertools

from contract_tests.server.probes.auditor import TERMINAL
from contract_tests.server.probes.calling import Talk, calling, judge_gaps, judge_one, judge_settled, told
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.talk import reading
from contract_tests.server.talk.listener import HANG, RESET, Box
from contract_tests.server.talk.reading import Balance
from contract_tests.server.talk.target import UnmetError

_TIMEOUT_TOLERANCE_S = 1.5
"""A delivery's time-out runs in real time, on a machine that may be busy."""
_QUIET_S = 120
"""How long the attempts of a callback are waited for: long enough to see one too many."""
_SETTLED_S = 60
"""After this time every bill is settled, and no reading of it is stale."""
_OTHER_STATUSES = (301, 400, 404, 410, 503)
_SUCCESSES = (200, 201, 204, 299)
_ENDS = ("complete", "fail", "cancel")
_MANY = 135
"""Callbacks of a crowd: what befalls one in twenty by chance is missed in one run of a thousand (0.95 ** 135)."""
_STEPS = 40
_STEP_S = 0.5
_NEEDS = frozenset({Need.CONTROL, Need.CALLBACKS})


@probe(
    "CALLBACK-SENT",
    "CALLBACK-ONLY-AT-THE-END",
    "CALLBACK-BODY-IS-THE-TASK",
    "CALLBACK-URL-UNTOUCHED",
    "CALLBACK-KEEPS-THE-KEY",
    needs=_NEEDS,
)
def deliveries(setting: Setting) -> None:
    """Completed, failed or cancelled: one POST, after the end, to the very URL, with what a query answers."""
    talk = calling(setting)
    for how in _ENDS:
        box = talk.box()
        task_id = talk.submitted(box)
        setting.control.to_next()
        setting.control.end(task_id, how)
        talk.let_pass(0)
        judge_one(talk, box, f"one callback after {how}")
    lost = [f"{one.method} {one.target}" for one in talk.listener.strays]
    setting.judge.that("CALLBACK-URL-UNTOUCHED", not lost, f"at no callback URL of this run: {lost}")


@probe("CALLBACK-SENT", "CALLBACK-ONLY-AT-THE-END", needs=_NEEDS)
def by_itself(setting: Setting) -> None:
    """A task that nobody ends calls back at its end: its way there is taken in small steps."""
    talk = calling(setting)
    box = talk.box()
    task_id = talk.submitted(box)
    for _ in range(_STEPS):
        talk.let_pass(_STEP_S)
        if reading.known(talk.case.task(task_id).at("status"), TERMINAL):
            break
    else:
        return
    talk.let_pass(_STEP_S)
    judge_one(talk, box, "one callback once the task has ended")


@probe("CALLBACK-SENT", "CALLBACK-BODY-IS-THE-TASK", needs=_NEEDS)
def many_callbacks(setting: Setting) -> None:
    """A crowd of tasks, so that what befalls few callbacks is seen too."""
    talk = calling(setting)
    boxes = [talk.listener.box() for _ in range(_MANY)]
    for box in boxes:
        talk.submitted(box)
    talk.let_pass(_SETTLED_S)
    talk.let_pass(_QUIET_S)
    documented = f"one callback each, of {_MANY} (what befalls one in 20 by chance passes in 1 of 1000 runs)"
    for number, box in enumerate(boxes, 1):
        if not box.deliveries and not reading.known(talk.case.task(box.task_id).at("status"), TERMINAL):
            raise UnmetError("needs tasks that end by themselves")
        received = f"{told(box)} for task {number} of {_MANY}, {box.task_id}"
        setting.judge.that("CALLBACK-SENT", len(box.deliveries) == 1, received, documented)
        others = {talk.listener.id_of(one) for one in box.deliveries} - {box.task_id, ""}
        setting.judge.that("CALLBACK-BODY-IS-THE-TASK", not others, f"{others}", box.task_id)


@probe("CALLBACK-AFTER-BILLING", needs=_NEEDS)
def billing_first(setting: Setting) -> None:
    """When the callback comes, the credits show the charge, or the release."""
    talk = calling(setting)
    for how in _ENDS:
        box = talk.box()
        before = _balance(talk)
        answer = talk.case.submit(callback_url=box.url)
        reserved = reading.amount_uc(answer.at("usage", "credits_reserved"))
        reserved = setting.price_uc() if reserved is None else reserved
        talk.listener.expect(box, answer.task_id)
        setting.control.end(answer.task_id, how)
        talk.let_pass(0)
        later = [_balance(talk)]
        talk.let_pass(_SETTLED_S)
        judge_settled(talk, box, _billed(before, reserved, how), [*later, _balance(talk)])


def _balance(talk: Talk) -> Balance | None:
    return reading.balance(talk.case.credits().body)


def _billed(before: Balance | None, reserved: int, how: str) -> Balance | None:
    """What the credits show after this end of a task."""
    if before is None or how != "complete":
        return before
    return Balance(before.remaining - reserved, before.used + reserved)


@probe("CALLBACK-RETRIED", "CALLBACK-RETRY-DELAYS", "CALLBACK-GIVES-UP", "CALLBACK-SAME-BODY", needs=_NEEDS)
def retries(setting: Setting) -> None:
    """A receiver that always answers 500: three retries after 1, 2 and 4 s, then silence."""
    talk = calling(setting)
    box = talk.listener.box(*[500] * 20)
    talk.ended(box, "fail", "generation_timeout")
    talk.let_pass(_QUIET_S)
    judge_retries(talk, box)


def judge_retries(talk: Talk, box: Box, *others: Box) -> None:
    """All that came for a receiver that always fails, long enough after; and the delays of others that failed too."""
    delays = talk.setting.callback_rules()["retry_delays_seconds"]
    attempts = 1 + len(delays)
    talk.require("CALLBACK-RETRIED", len(box.deliveries) >= attempts, box, f"{attempts} attempts")
    talk.require("CALLBACK-GIVES-UP", len(box.deliveries) <= attempts, box, f"{attempts} attempts, and no more")
    judge_gaps(talk, (box, *others), delays)
    bodies = {delivery.body for delivery in box.deliveries}
    talk.judge.that("CALLBACK-SAME-BODY", len(bodies) <= 1, f"{len(bodies)} different bodies", "each time the same")


@probe("CALLBACK-STOPS-ON-SUCCESS", "CALLBACK-OTHER-STATUS-IS-RETRIED", needs=_NEEDS)
def receiver_answers(setting: Setting) -> None:
    """Any 2xx ends it, anything else is tried again; and a success after failures ends it too."""
    talk = calling(setting)
    stops = [talk.listener.box(status) for status in _SUCCESSES] + [talk.listener.box(500, 200)]
    goes_on = [talk.listener.box(status) for status in _OTHER_STATUSES]
    for box in itertools.chain(stops, goes_on):
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
    elsewhere = talk.listener.elsewhere
    talk.ended(talk.listener.box(*[elsewhere.url] * 20))
    talk.let_pass(10)
    talk.require("CALLBACK-NO-REDIRECT", not elsewhere.deliveries, elsewhere, "no request where the redirect leads")


@probe("CALLBACK-TIMEOUT", needs=_NEEDS | {Need.PATIENCE})
def timeout(setting: Setting) -> None:
    """A receiver that never answers is left after 10 s, and tried again."""
    talk = calling(setting)
    box = talk.listener.box(HANG)
    talk.ended(box)
    talk.let_pass(timeout_s(setting) + 2)
    judge_timeout(talk, box)
    talk.require("CALLBACK-TIMEOUT", len(box.deliveries) == 2, box, "a second attempt after the time-out")


def timeout_s(setting: Setting) -> float:
    return float(setting.callback_rules()["timeout_seconds"])


def judge_timeout(talk: Talk, box: Box) -> None:
    """When the sender gave up on a receiver that did not answer."""
    limit = timeout_s(talk.setting)
    left = [delivery.left_s for delivery in box.deliveries if delivery.left_s is not None]
    in_time = bool(left) and abs(left[0] - limit) <= _TIMEOUT_TOLERANCE_S
    received = f"hung up after {left[0]:.1f} s" if left else told(box)
    talk.judge.that("CALLBACK-TIMEOUT", in_time, received, f"{limit:g} s, within {_TIMEOUT_TOLERANCE_S:g} s")


_LOOPBACK = "https://127.0.0.1/hook"
"""A server on this machine may be one for development, which is told to call it back."""
_FORBIDDEN = (
    "http://example.com/hook",
    "https://10.1.2.3/hook",
    "https://172.16.0.1/hook",
    "https://172.31.255.254/hook",
    "https://192.168.1.1/hook",
    "ftp://example.com/hook",
    f"https://example.com/{'x' * 2048}",
)


@probe("CALLBACK-FORBIDDEN-TARGET", needs={Need.KEY})
def forbidden_targets(setting: Setting) -> None:
    """Callbacks go by https to public addresses, and their URL is not too long."""
    case = setting.case(credits=PLENTY)
    setting.require_valid_taken(case)
    for url in _FORBIDDEN if setting.target.is_local else (*_FORBIDDEN, _LOOPBACK):
        setting.refused("CALLBACK-FORBIDDEN-TARGET", case, url[:60], callback_url=url)


PROBES = (
    forbidden_targets,
    deliveries,
    by_itself,
    billing_first,
    retries,
    receiver_answers,
    lost_connection,
    redirects,
    many_callbacks,
)
"""Without `timeout`, which waits for 10 real seconds: a run lets it wait beside the others."""
