"""A server in real time, once the tasks that were bought are under way: their ends, and what is left to see then."""

import time

from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.server.probes import callbacks
from contract_tests.server.probes.auditor import AUDITED
from contract_tests.server.probes.callbacks import judge_retries
from contract_tests.server.probes.calling import Noted, Talk, judge_early, judge_one, too_early
from contract_tests.server.probes.endings import fetched
from contract_tests.server.probes.listing import BATCH, LIST, items
from contract_tests.server.probes.live import FAILED, REAL, paying, talk_of
from contract_tests.server.probes.probe import Need, Setting, probe
from contract_tests.server.probes.shelf import Bought, Item, Shelf
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Case
from contract_tests.server.talk.listener import Box
from contract_tests.server.talk.target import UnmetError

_LONGEST_S = 1_800.0
_LEFT_S = 60.0
"""Of the run's time, for what comes after the waiting."""
_CALLBACK_S = 10.0
"""How long after the end of its task a callback is waited for."""
_QUIET_S = 9.0
"""How long after the last attempt one too many is waited for: the next delay would be 8 s."""
_LOOK_S = 0.25


@probe("TASK-ENDS", *AUDITED, "RESULT-LINK-WORKS", needs=REAL)
def to_the_end(setting: Setting) -> None:
    """Poll all that was bought until it has ended, or the time for waiting is over."""
    shelf, case = paying(setting)
    shelf.get(Item.PLAIN)
    started, ends = time.monotonic(), _patience_ends(setting)
    while shelf.open and time.monotonic() < ends:
        case.let_pass(setting.target.settings.poll_s)
        if shelf.look():
            shelf.reckon()
    shelf.reckon()
    _fetch_all(setting, shelf)
    for seen in shelf.auditor.tasks.values():
        if seen.ended is not None:
            setting.target.memory.end(seen.id)
    if shelf.open:
        ids = ", ".join(seen.id for seen in shelf.open)
        raise UnmetError(f"after {time.monotonic() - started:.0f} s there was no end of {ids}: raise --deadline")
    if all(seen.is_open for seen in shelf.auditor.tasks.values()):
        raise UnmetError("no task could be read to its end")
    setting.judge.that("TASK-ENDS", True, "")


def _fetch_all(setting: Setting, shelf: Shelf) -> None:
    for seen in shelf.auditor.tasks.values():
        for link in reading.links(seen.ended) if seen.status == "completed" else ():
            setting.judge.that("RESULT-LINK-WORKS", *fetched(setting, link), "200 and a file, for 24 hours")


def _patience_ends(setting: Setting) -> float:
    """When to stop waiting, in monotonic time: early enough that something is left for what follows."""
    now = time.monotonic()
    left = setting.target.ends_s - now
    return now + min(_LONGEST_S, max(left - _LEFT_S, left / 2))


@probe("BILLING-RELEASED-ON-FAILURE", "BILLING-FAILURE-NOT-CHARGED", *FAILED, needs=REAL)
def failed(setting: Setting) -> None:
    """The task whose video leads nowhere has failed, as the auditor has seen; else nothing is known of failures."""
    bought = setting.shelf.ended(Item.FAILING)
    status = reading.at(bought.seen.ended, "status")
    if status != "failed":
        raise UnmetError(f"the task whose video leads nowhere ended {status}: this server did not fetch it")


_CALLED = ("CALLBACK-SENT", "CALLBACK-ONLY-AT-THE-END", "CALLBACK-BODY-IS-THE-TASK", "CALLBACK-URL-UNTOUCHED")
_CALLING = REAL | {Need.CALLBACKS}


@probe(*_CALLED, "CALLBACK-KEEPS-THE-KEY", "CALLBACK-STOPS-ON-SUCCESS", needs=_CALLING)
def accepted_callback(setting: Setting) -> None:
    """The callback of the plain task, which was answered with 204: one, and no other."""
    shelf, case = paying(setting)
    bought, talk = shelf.ended(Item.PLAIN), talk_of(setting, case)
    box = _waited(bought, case, 1, _CALLBACK_S)
    since = judge_one(talk, box, "one callback once the task has ended")
    talk.require("CALLBACK-STOPS-ON-SUCCESS", len(since) <= 1, box, "no other attempt after a 204")


_RETRIED = ("CALLBACK-RETRIED", "CALLBACK-RETRY-DELAYS", "CALLBACK-GIVES-UP", "CALLBACK-SAME-BODY")
_OTHER_STATUS, _LOST, _TIMEOUT = (
    "CALLBACK-OTHER-STATUS-IS-RETRIED",
    "CALLBACK-LOST-CONNECTION-IS-RETRIED",
    "CALLBACK-TIMEOUT",
)


@probe("CALLBACK-SENT", *_RETRIED, _OTHER_STATUS, needs=_CALLING)
def refused_callback(setting: Setting) -> None:
    """The callback of a task whose receiver never accepts it, by 500, 404 and 500: every attempt."""
    shelf, case = paying(setting)
    bought, talk = shelf.ended(Item.FAILING), talk_of(setting, case)
    box, others = _all_attempts(talk, bought, _CALLBACK_S), _boxes(shelf, Item.LARGE)
    if len(box.deliveries) == 2 and any(len(other.deliveries) > 2 for other in others):
        talk.require(_OTHER_STATUS, False, box, "another attempt after 404")
    else:
        judge_retries(talk, box, *others)


def _boxes(shelf: Shelf, item: Item) -> list[Box]:
    """The one that something came for, if there is one."""
    bought = shelf.items.get(item)
    return [bought.box] if bought is not None and bought.box is not None and bought.box.deliveries else []


def _all_attempts(talk: Talk, bought: Bought, patience_s: float) -> Box:
    """What came for a receiver that never accepts. Raises UnmetError where nobody knows which attempt is which."""
    box = _waited(bought, talk.case, 4, patience_s)
    if len(judge_early(talk, box)) < len(box.deliveries):
        raise UnmetError("a callback came before the end of its task, so which attempt is which is not known")
    talk.require("CALLBACK-SENT", bool(box.deliveries), box, "a callback once the task has ended")
    return box


@probe(_LOST, _OTHER_STATUS, _TIMEOUT, "CALLBACK-NO-REDIRECT", needs=_CALLING)
def failing_receiver(setting: Setting) -> None:
    """The callback of a task whose receiver fails in other ways: a lost connection, a redirect, silence."""
    shelf, case = paying(setting)
    bought, talk = shelf.ended(Item.LARGE), talk_of(setting, case)
    box = _all_attempts(talk, bought, _CALLBACK_S + setting.is_patient * callbacks.timeout_s(setting))
    came, elsewhere = len(box.deliveries), talk.listener.elsewhere
    if not setting.is_patient:
        setting.judge.not_judged(_TIMEOUT, Need.PATIENCE.value)
    others = _boxes(shelf, Item.FAILING)
    if came <= 1 and not any(len(other.deliveries) > 1 for other in others):
        raise UnmetError("a callback that failed is not tried again, whatever its receiver answers")
    talk.require(_LOST, came > 1, box, "another attempt after a connection that was cut")
    talk.require("CALLBACK-NO-REDIRECT", not elsewhere.deliveries, elsewhere, "nothing where a redirect leads")
    if came > 1 and not elsewhere.deliveries:
        talk.require(_OTHER_STATUS, came > 2, box, "another attempt after a redirect")
    if came > 2 and setting.is_patient:
        talk.require(_TIMEOUT, came > 3, box, "another attempt after the time-out")
        callbacks.judge_timeout(talk, box)


def _waited(bought: Bought, case: Case, attempts: int, patience_s: float) -> Box:
    """What came within so long after the end, and what came a while after that. Raises UnmetError without a callback
    URL."""
    box = bought.box
    if box is None:
        raise UnmetError("the task was submitted without a callback URL")
    if bought.is_shared:
        raise UnmetError("a repeated submission made a task of its own, which calls back at the same URL")
    ends = (bought.ended_s or time.monotonic()) + patience_s
    while len(box.deliveries) < attempts and time.monotonic() < ends:
        case.let_pass(_LOOK_S)
    last_s = max((one.clock_s for one in box.deliveries), default=time.time())
    case.let_pass(max(0.0, last_s + _QUIET_S - time.time()))
    return box


@probe("CALLBACK-AFTER-BILLING", needs=_CALLING)
def billed_before_called(setting: Setting) -> None:
    """When the callback of the plain task came, the credits showed at least its charge. One that never comes is
    another check's finding."""
    shelf, _ = paying(setting)
    bought = shelf.ended(Item.PLAIN)
    before, reserved = bought.before, bought.seen.reserved_uc
    if reading.at(bought.seen.ended, "status") != "completed" or before is None or reserved is None:
        raise UnmetError("needs a completed task, and the credits before it")
    if bought.box is None or setting.judge.is_found("BILLING-CHARGED-ON-COMPLETION"):
        raise UnmetError("needs a callback URL, and a task that is charged")
    for delivery in bought.box.deliveries:
        noted = delivery.noted.balance if isinstance(delivery.noted, Noted) else None
        if noted is not None and not too_early(delivery):
            moved = noted.used - before.used
            setting.judge.that("CALLBACK-AFTER-BILLING", moved >= reserved, _used(moved), _used(reserved))


def _used(amount_uc: int) -> str:
    return f"used_credits moved by {amount_uc / UC_PER_CREDIT:g} since the submission"


@probe("LIST-OWN-ONLY", "BATCH-OWN-ONLY", needs=REAL | {Need.OTHER_KEY, Need.OBSERVED})
def apart(setting: Setting) -> None:
    """The other account is shown nothing of what this one has bought."""
    ours, stranger = setting.shelf.get(Item.PLAIN).id, setting.case(other=True)
    for check_id, answer in (
        ("LIST-OWN-ONLY", stranger.send("GET", LIST)),
        ("BATCH-OWN-ONLY", stranger.send("POST", BATCH, json={"task_ids": [ours]})),
    ):
        if answer.status != 200:
            raise UnmetError(f"the second API key was answered {answer.told}")
        shown = [one.get("id") for one in items(answer)]
        setting.judge.that(check_id, ours not in shown, f"{shown}", "nothing of another account")


@probe(
    "TASK-END-IS-FINAL",
    "TASK-END-KEEPS-ITS-BODY",
    "TASK-STAYS",
    "RESULT-LINK-WORKS",
    "BILLING-STANDS-STILL",
    needs=REAL,
)
def afterwards(setting: Setting) -> None:
    """At last, what has ended is looked at once more, results are there for whoever comes again, and the credits
    stand still."""
    shelf, _ = paying(setting)
    shelf.ended(Item.PLAIN, Item.FAILING, Item.LARGE)
    shelf.look_again()
    _fetch_all(setting, shelf)
    shelf.reckon()
    shelf.reckon()


CALLED = (accepted_callback, failing_receiver, refused_callback, billed_before_called)
LATE = (to_the_end, failed, apart, *CALLED)
"""What needs tasks that were bought, most of it their end."""
