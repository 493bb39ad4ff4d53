"""The whole life of a task on a mock, and what the first answer about a task tells."""

import re
from typing import Any

from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.server.probes.auditor import TERMINAL, Auditor
from contract_tests.server.probes.endings import fetched
from contract_tests.server.probes.probe import Need, Setting, probe
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Case

_FORM = re.compile(r"task-unified-[0-9]+-[\w.~-]+", re.ASCII)
"""What the suffix is like nobody says, but that it can stand in a path."""
_LONGEST_S = 1_800.0
_SKEW_S = 5
"""How far the clock of a server that nobody controls may be off."""

FIRST = ("TASK-ID-FORM", "TASK-CREATED-IS-NOW", "TASK-ESTIMATES-ITS-TIME", "BILLING-PRICE", "BILLING-RULE-NAMED")
COURSE = ("TASK-ENDS", "TASK-STATUS-ORDER", "TASK-PROGRESS-MONOTONE", "BILLING-RESERVED-ON-SUBMISSION", "TASK-STAYS")


@probe(*FIRST, *COURSE, "RESULT-LINK-WORKS", needs={Need.CONTROL})
def whole_life(setting: Setting) -> None:
    """Submit, poll to the end, and compare every answer and balance with those before it."""
    case, auditor = setting.case(credits=10_000), Auditor(setting.judge, setting.contract)
    auditor.balanced(case.credits().body)
    before = setting.target.now_s()
    answer = case.submit()
    if answer.is_ok:
        judge_first_answer(setting, answer.body, before, setting.target.now_s())
    auditor.submitted(answer.body, answer.task_id)
    auditor.balanced(case.credits().body)
    body = _followed(case, auditor, answer.task_id)
    auditor.balanced(case.credits().body)
    for link in reading.links(body):
        setting.judge.that("RESULT-LINK-WORKS", *fetched(setting, link), "200 and a file")


def judge_first_answer(setting: Setting, body: Any, before_s: float, after_s: float) -> None:
    """What an accepted submission is answered with."""
    that, formed = setting.judge.that, _FORM.fullmatch(str(reading.at(body, "id")))
    that("TASK-ID-FORM", formed is not None, reading.at(body, "id"), "task-unified-<unix seconds>-<suffix>")
    created = reading.at(body, "created")
    now = isinstance(created, int) and int(before_s) - _SKEW_S <= created <= after_s + _SKEW_S
    that("TASK-CREATED-IS-NOW", now, f"created {created}", f"between {before_s:.0f} and {after_s:.0f}")
    estimated = reading.whole(reading.at(body, "task_info", "estimated_time"))
    that("TASK-ESTIMATES-ITS-TIME", (estimated or 0) > 0, f"estimated_time {estimated}", "seconds")
    _judge_price(setting, body)


def _judge_price(setting: Setting, body: Any) -> None:
    seconds = setting.target.settings.video_seconds
    told, price = reading.at(body, "usage", "credits_reserved"), setting.contract.price(setting.profile)
    if price is None:
        return
    reserved = price.uc(setting.target.settings.request(), seconds)
    length = f" for {seconds:g} s" if seconds and price.media_field else ""
    expected = f"{reserved / UC_PER_CREDIT:g} credits{length}"
    holds = reading.amount_uc(told) == reserved
    setting.judge.that("BILLING-PRICE", holds, f"credits_reserved {told}", expected)
    named = reading.at(body, "usage", "billing_rule")
    setting.judge.that("BILLING-RULE-NAMED", named == price.billing_rule, f"billing_rule {named}", price.billing_rule)


def _followed(case: Case, auditor: Auditor, task_id: str) -> dict[str, Any]:
    """The body of the task since it has ended."""
    poll_s = case.target.settings.poll_s
    for _ in range(int(_LONGEST_S / poll_s)):
        answer = case.task(task_id)
        case.judge.that("TASK-STAYS", answer.is_ok, answer.told, "200")
        if not answer.is_ok or auditor.queried(answer.body, task_id).status in TERMINAL:
            break
        case.let_pass(poll_s)
    seen = auditor.tasks[task_id]
    case.judge.that("TASK-ENDS", seen.ended is not None, f"{seen.status} after {_LONGEST_S:g} s", "an end")
    return seen.ended or {}
