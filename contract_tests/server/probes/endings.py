"""What is true at particular moments: reads, endings, too late, result links, and crowds."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract_tests.judge import BrokenPromiseError
from contract_tests.server.probes.auditor import AUDITED, TERMINAL, Auditor
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Case
from contract_tests.server.talk.target import UnmetError

_MARGIN_S = 60
"""Around the moment at which a result's link expires."""
_TURNS = 40
"""Things that may be due before a task ends."""
CROWD = 240
"""Tasks of each of two tenants: what goes wrong once in a hundred is seen."""
_WORKERS = 8


@probe("TASK-READ-CHANGES-NOTHING", needs={Need.CONTROL})
def reads(setting: Setting) -> None:
    """With the clock held, however often a task and the credits are read, they stay the same."""
    case = setting.case(credits=PLENTY)
    task_id = case.buy()
    setting.control.to_next()
    case.let_pass(1)
    bodies = [(case.task(task_id).body, case.credits().body) for _ in range(4)]
    same = all(body == bodies[0] for body in bodies)
    setting.judge.that("TASK-READ-CHANGES-NOTHING", same, f"{bodies[-1]} after {bodies[0]}")


@probe("TASK-ENDS", needs={Need.CONTROL})
def ending(setting: Setting) -> None:
    """A task that nobody touches ends by itself, and completes."""
    case = setting.case(credits=PLENTY)
    auditor = Auditor(setting.judge, setting.contract)
    task_id = auditor.bought(case.submit()).id
    auditor.balanced(case.credits().body)
    status = _to_the_end(setting, case, auditor, task_id)
    setting.judge.that("TASK-ENDS", status == "completed", status, "completed, sooner or later")
    auditor.balanced(case.credits().body)


def _to_the_end(setting: Setting, case: Case, auditor: Auditor, task_id: str) -> str:
    for _ in range(_TURNS):
        seen = auditor.queried(case.task(task_id).body, task_id)
        if seen.status in TERMINAL:
            break
        setting.control.to_next()
    return auditor.tasks[task_id].status


@probe("TASK-CANCEL-READS-AS-DOCUMENTED", "TASK-TOO-LATE-TO-CANCEL", needs={Need.CONTROL})
def cancelling(setting: Setting) -> None:
    """A cancel in time reads as documented; one that comes after the end changes neither the task nor the bill."""
    case, auditor = setting.case(credits=PLENTY), Auditor(setting.judge, setting.contract)
    early, late = (auditor.bought(case.submit()).id for _ in range(2))
    auditor.balanced(case.credits().body)
    setting.control.end(early, "cancel")
    answer = case.task(early)
    told = (answer.at("status"), answer.at("error", "code"))
    says = setting.contract.says_cancelled
    expected = setting.contract.spoken("cancelled") if says else "failed, request_cancelled"
    as_documented = told[0] == "cancelled" if says else told == ("failed", "request_cancelled")
    setting.judge.that("TASK-CANCEL-READS-AS-DOCUMENTED", as_documented, f"{told}", expected)
    auditor.queried(answer.body, early, cancelled=True)
    auditor.balanced(case.credits().body)
    setting.control.end(late, "complete")
    before = (case.task(late).body, case.credits().body)
    setting.control.end(late, "cancel")
    after = (case.task(late).body, case.credits().body)
    setting.judge.that("TASK-TOO-LATE-TO-CANCEL", before == after, f"{after} after {before}", "nothing changes")


@probe("TASK-CANCELLED-BY-ITS-OWNER", needs={Need.CONTROL})
def cancelled_by_owner(setting: Setting) -> None:
    """Where the document has an operation for it, the owner of a task ends it, and nobody else does."""
    cancel = setting.contract.endpoint("cancel_task")
    if cancel is None:
        raise UnmetError(f"{setting.contract.source} has no operation that cancels a task")
    case, stranger = setting.case(credits=PLENTY), setting.case(other=True)
    task_id = case.buy()
    stranger.cancel(task_id)
    status = case.task(task_id).at("status")
    open_ = not reading.known(status, TERMINAL)
    setting.judge.that("TASK-CANCELLED-BY-ITS-OWNER", open_, f"{status} after a stranger's cancel", "as it was")
    answer, ended = case.cancel(task_id), setting.contract.cancelled_state
    status = case.task(task_id).at("status")
    holds = answer.is_ok and status == ended
    documented = f"{answer.expected}, and {setting.contract.spoken(ended)}"
    setting.judge.that("TASK-CANCELLED-BY-ITS-OWNER", holds, f"{answer.told}, and the task is {status}", documented)


@probe("RESULT-LINK-WORKS", "RESULT-LINK-EXPIRES", needs={Need.CONTROL})
def result_links(setting: Setting) -> None:
    """The link of a result leads to a file without any key, for as long as the document says and no longer."""
    lives_s = setting.contract.link_seconds
    case = setting.case(credits=PLENTY)
    task_id = case.buy()
    setting.control.end(task_id, "complete")
    links = reading.links(case.task(task_id).body)
    _judge_links(setting, links, "200 and a file")
    if lives_s is not None:
        case.let_pass(lives_s - _MARGIN_S)
        _judge_links(setting, links, f"200 and a file, for {lives_s:,} s")
        case.let_pass(2 * _MARGIN_S)
        for link in links:
            served, told = fetched(setting, link)
            setting.judge.that("RESULT-LINK-EXPIRES", not served, told, f"no file after {lives_s:,} s")


def _judge_links(setting: Setting, links: tuple[str, ...], documented: str) -> None:
    for link in links:
        setting.judge.that("RESULT-LINK-WORKS", *fetched(setting, link), documented)


def fetched(setting: Setting, link: str) -> tuple[bool, str]:
    """Whether a file is there; the key goes to the API only. What it is called is not documented: a page is none."""
    exchange = setting.target.fetch(link)
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_page = kind in ("text/html", "application/json") or kind.endswith("/xml")
    served = exchange.status == 200 and bool(exchange.body) and not is_page
    return served, f"{exchange.status} {kind} {exchange.failure}".strip()


@probe("TASK-FAILURE-TELLS-WHY", needs={Need.CONTROL})
def failure_reasons(setting: Setting) -> None:
    """Each documented reason comes out as it went in."""
    case = setting.case(credits=PLENTY)
    for code in setting.contract.failures:
        task_id = case.buy()
        setting.control.end(task_id, "fail", code)
        told = case.task(task_id).at("error", "code")
        setting.judge.that("TASK-FAILURE-TELLS-WHY", told == code, told, code)


@probe("TASK-TENANTS-APART", *AUDITED, needs={Need.CONTROL})
def crowd(setting: Setting) -> None:
    """Two tenants with hundreds of tasks of every length and ending, all at once, looked at again and again."""
    cases = [setting.case(credits=PLENTY) for _ in range(2)]
    auditors = [Auditor(setting.judge, setting.contract) for _ in cases]
    with ThreadPoolExecutor(_WORKERS) as pool:
        _submit_all(setting, cases, auditors, pool)
        shared = auditors[0].tasks.keys() & auditors[1].tasks.keys()
        setting.judge.that("TASK-TENANTS-APART", not shared, f"both got {sorted(shared)[:3]}", "tasks of their own")
        for seconds in (3, 9, 30):
            setting.target.time.let_pass(seconds)
            for case, auditor in zip(cases, auditors, strict=True):
                _look_at_all(case, auditor, pool)


def _submit_all(setting: Setting, cases: list[Case], auditors: list[Auditor], pool: ThreadPoolExecutor) -> None:
    """Every seventh fails, the others take from 1 to 24 seconds; the tenants submit at the same time."""
    for case, auditor in zip(cases, auditors, strict=True):
        auditor.balanced(case.credits().body)
    orders = [
        (case, auditor, _fields(setting, number))
        for number in range(CROWD)
        for case, auditor in zip(cases, auditors, strict=True)
    ]
    answers = pool.map(lambda order: order[0].submit(**order[2]), orders)
    for (case, auditor, _), answer in zip(orders, answers, strict=True):
        case.judge.that("BILLING-COVERED-IS-ACCEPTED", answer.is_ok, answer.status, "200")
        if answer.is_ok:
            auditor.bought(answer)
    for case, auditor in zip(cases, auditors, strict=True):
        auditor.balanced(case.credits().body)


def _fields(setting: Setting, number: int) -> dict[str, Any]:
    """A mock reads the length and the end of a task off its text, where requests have one."""
    codes = setting.contract.failures
    fails = f"mock:fail={codes[number % len(codes)]} " if codes and number % 7 == 0 else ""
    return setting.text(f"{fails}mock:seconds={1 + number % 24}")


def _look_at_all(case: Case, auditor: Auditor, pool: ThreadPoolExecutor) -> None:
    open_ids = [seen.id for seen in auditor.tasks.values() if seen.status not in TERMINAL]
    ended_ids = [seen.id for seen in auditor.tasks.values() if seen.status in TERMINAL][::4]
    for task_id, answer in zip((*open_ids, *ended_ids), pool.map(case.task, (*open_ids, *ended_ids)), strict=True):
        try:
            case.judge.that("TASK-STAYS", answer.is_ok, answer.told, "200")
            if answer.is_ok:
                auditor.queried(answer.body, task_id)
            else:
                auditor.lost()
        except BrokenPromiseError:
            case.show_only(task_id)
            raise
    auditor.balanced(case.credits().body)


PROBES = (
    reads,
    ending,
    cancelling,
    cancelled_by_owner,
    result_links,
    failure_reasons,
    crowd,
)
