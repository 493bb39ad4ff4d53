"""The whole life of a task, in whatever time the server takes: what can be judged of any server, for one payment."""

import time
from typing import Any

from contract_tests.document import MODEL, UC_PER_CREDIT, callback_rules, price_uc
from contract_tests.server.auditor import TERMINAL, Auditor
from contract_tests.server.callbacks import calling, judge_delivery, judge_gaps
from contract_tests.server.endings import fetched
from contract_tests.server.probe import Need, Setting, probe
from contract_tests.server.target import Case

_LONGEST_S = 1_800.0
_SKEW_S = 5
"""How far the clock of a server that nobody controls may be off."""


_FIRST = ("TASK-ID-FORM", "TASK-CREATED-IS-NOW", "TASK-ESTIMATES-ITS-TIME", "BILLING-PRICE")
_COURSE = ("TASK-ENDS", "TASK-STATUS-ORDER", "TASK-PROGRESS-MONOTONE", "BILLING-RESERVED-ON-SUBMISSION", "TASK-STAYS")


@probe(*_FIRST, *_COURSE, "RESULT-LINK-WORKS", paid=1)
def whole_life(setting: Setting) -> None:
    """Submit, poll to the end, and compare every answer and balance with those before it."""
    case, auditor, memory = setting.case(), Auditor(setting.judge), setting.target.memory
    task_id = (
        _resumed(case, auditor) if memory.open and setting.target.control is None else _begun(setting, case, auditor)
    )
    body = _followed(case, auditor, task_id)
    auditor.balanced(case.credits().body)
    memory.end(task_id)
    for link in body.get("results") or ():
        setting.judge.that("RESULT-LINK-WORKS", *fetched(setting, link), "200 and a file")


def _resumed(case: Case, auditor: Auditor) -> str:
    """An earlier run paid for this task and was interrupted."""
    task_id = case.target.memory.open[0]
    auditor.resumed(case.task(task_id).body)
    return task_id


def _begun(setting: Setting, case: Case, auditor: Auditor) -> str:
    auditor.balanced(case.credits().body)
    before = _now_s(setting)
    body = case.submit().body
    _judge_first_answer(setting, body, before, _now_s(setting))
    auditor.submitted(body, MODEL)
    auditor.balanced(case.credits().body)
    return str(body.get("id"))


def _judge_first_answer(setting: Setting, body: dict[str, Any], before: float, after: float) -> None:
    that, parts = setting.judge.that, str(body.get("id")).split("-")
    formed = len(parts) == 4 and parts[:2] == ["task", "unified"] and parts[2].isdigit() and parts[3].isalnum()
    that("TASK-ID-FORM", formed, body.get("id"), "task-unified-<unix seconds>-<suffix>")
    created = body.get("created")
    now = isinstance(created, int) and int(before) - _SKEW_S <= created <= after + _SKEW_S
    that("TASK-CREATED-IS-NOW", now, f"created {created}", f"between {before:.0f} and {after:.0f}")
    estimated = (body.get("task_info") or {}).get("estimated_time")
    that("TASK-ESTIMATES-ITS-TIME", isinstance(estimated, int) and estimated > 0, estimated, "seconds")
    seconds = setting.target.settings.video_seconds
    told = (body.get("usage") or {}).get("credits_reserved")
    price = price_uc(setting.profile, seconds) / UC_PER_CREDIT
    that("BILLING-PRICE", told == price, f"credits_reserved {told}", f"{price:g} credits for {seconds:g} s")


def _now_s(setting: Setting) -> float:
    """What the server's clock shows: a mock tells, any other is taken to be right."""
    return time.time() if setting.target.control is None else setting.control.now_s()


@probe("CALLBACK-SENT", "CALLBACK-RETRIED", "CALLBACK-RETRY-DELAYS", paid=1, needs={Need.CALLBACKS})
def called_back(setting: Setting) -> None:
    """A task that calls back a receiver which never accepts: every attempt of it, in the server's own time."""
    talk, auditor = calling(setting), Auditor(setting.judge)
    delays = callback_rules()["retry_delays_seconds"]
    box = talk.listener.box(*[500] * 20)
    task_id = auditor.submitted(talk.case.submit(callback_url=box.url).body, MODEL).id
    if not _followed(talk.case, auditor, task_id):
        return
    talk.let_pass(3 * sum(delays))
    talk.require("CALLBACK-SENT", bool(box.deliveries), box, "a callback once the task has ended")
    for delivery in box.deliveries[:1]:
        judge_delivery(talk, delivery, box, task_id)
    attempts = 1 + len(delays)
    talk.require("CALLBACK-RETRIED", len(box.deliveries) >= attempts, box, f"{attempts} attempts")
    judge_gaps(talk, box, delays)
    setting.target.memory.end(task_id)


def _followed(case: Case, auditor: Auditor, task_id: str) -> dict[str, Any]:
    """The body of the task since it has ended."""
    poll_s = case.target.settings.poll_s
    for _ in range(int(_LONGEST_S / poll_s)):
        answer = case.task(task_id)
        case.judge.that("TASK-STAYS", answer.status == 200, f"{answer.status} {answer.code}", "200")
        if answer.status != 200 or auditor.queried(answer.body, task_id).status in TERMINAL:
            break
        case.let_pass(poll_s)
    seen = auditor.tasks[task_id]
    case.judge.that("TASK-ENDS", seen.ended is not None, f"{seen.status} after {_LONGEST_S:g} s", "an end")
    return seen.ended or {}
