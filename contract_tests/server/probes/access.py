"""Who may do what: keys, other people's tasks, unknown ids, models, formats, rate limits."""

from contract_tests.contract.endpoint import Endpoint
from contract_tests.server.probes.auditor import Auditor
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.probes.shelf import Item
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.target import UnmetError

_UNKNOWN = "task-unified-1757169743-00000000"


@probe("KEY-MISSING-IS-401", "ERROR-CODE-KNOWN")
def without_a_key(setting: Setting) -> None:
    """Every operation refuses a request without a key; the code of the refusal is judged as of every error. The
    submission is valid: what is wrong with another may be told first."""
    case = setting.case()
    contract, asked = setting.contract, setting.contract.credits
    _judge_refusal(setting, contract.query, case.send(contract.query.method, contract.query.of(_UNKNOWN), key=None))
    if asked is not None:
        _judge_refusal(setting, asked, case.send(asked.method, asked.sent, key=None))
    answer = case.submit_invalid(key=None)
    if answer.took:
        setting.shelf.adopt(answer)
    _judge_refusal(setting, contract.create, answer)


def _judge_refusal(setting: Setting, endpoint: Endpoint, answer: Answer) -> None:
    """Where the document has this refusal."""
    if setting.contract.promised(endpoint, 401) is not None:
        received = f"{endpoint.method} {endpoint.path} without a key: {answer.told}"
        setting.judge.that("KEY-MISSING-IS-401", answer.status == 401, received, "401")


@probe("TASK-UNKNOWN-IS-404", "TASK-WRONG-ID-IS-400", needs={Need.KEY})
def task_ids(setting: Setting) -> None:
    case = setting.case()
    answer = case.task(_UNKNOWN)
    known = setting.contract.refuses(setting.contract.query, answer.status, answer.code)
    setting.judge.that("TASK-UNKNOWN-IS-404", answer.status == 404 and known, answer.told)
    if setting.contract.speech is not None:
        return
    for wrong in ("7cvnl5zw", "task-1757169743-7cvnl5zw", "TASK-UNIFIED-1757169743-7cvnl5zw"):
        answer = case.task(wrong)
        refused = (answer.status, answer.code, answer.at("error", "param")) == (400, "invalid_task_id", "task_id")
        received = f"{answer.told}, param {reading.shown(answer.at('error', 'param'))} for {wrong}"
        setting.judge.that("TASK-WRONG-ID-IS-400", refused, received, "400 invalid_task_id, param task_id")


@probe("TASK-FOREIGN-IS-CLOSED", needs={Need.KEY, Need.OTHER_KEY})
def foreign_task(setting: Setting) -> None:
    """Somebody else's task is forbidden, before its end and after."""
    stranger, task_id = setting.case(other=True), _somebodys_task(setting)
    for _ in range(2):
        answer = stranger.task(task_id)
        if answer.status == 401:
            raise UnmetError("the second API key is not accepted: 401")
        closed = (answer.status, answer.code) == (403, "permission_denied") and answer.at("status") is None
        setting.judge.that("TASK-FOREIGN-IS-CLOSED", closed, answer.told, "403 permission_denied, and nothing else")
        if setting.target.control is not None:
            setting.control.end(task_id, "complete")


def _somebodys_task(setting: Setting) -> str:
    """A task of the first key: on a mock a new one, elsewhere one that was paid for."""
    if setting.target.control is not None:
        return setting.case(credits=PLENTY).buy()
    ended = setting.target.memory.ended
    return ended[0] if ended else setting.shelf.get(Item.PLAIN).id


@probe("MODEL-DENIED-IS-403", needs={Need.CONTROL})
def denied_model(setting: Setting) -> None:
    case = setting.case(credits=PLENTY)
    case.buy()
    setting.control.account(case.key, models=["another-model"])
    auditor = Auditor(setting.judge, setting.contract)
    auditor.balanced(case.credits().body)
    answer = case.submit()
    names = setting.contract.model in str(answer.at("error", "message"))
    known = setting.contract.refuses(setting.contract.create, answer.status, answer.code)
    denied = answer.status == 403 and known and names
    setting.judge.that("MODEL-DENIED-IS-403", denied, answer.told, "403 model_access_denied that names the model")
    if answer.status == 403:
        auditor.changes.refused.append("403")
        auditor.balanced(case.credits().body)


_WINDOW_S = 61


@probe(
    "RATE-LIMIT-IS-429",
    "RATE-LIMIT-RESERVES-NOTHING",
    "RATE-LIMIT-ENDS",
    "RATE-LIMIT-SAYS-WHEN",
    needs={Need.CONTROL},
)
def rate_limit(setting: Setting) -> None:
    """Two a minute: the third is refused, for nothing, until the window is over."""
    case = setting.case(credits=PLENTY)
    setting.control.account(case.key, requests_per_minute=2)
    auditor = Auditor(setting.judge, setting.contract)
    first, second = case.submit(), case.submit()
    for answer in (first, second):
        setting.judge.that("RATE-LIMIT-IS-429", answer.is_ok, answer.told, "200 within the limit")
    auditor.balanced(case.credits().body)
    answer = case.submit()
    limited = answer.status == 429 and setting.contract.refuses(setting.contract.create, 429, answer.code)
    setting.judge.that("RATE-LIMIT-IS-429", limited, answer.told, "429 rate_limit_exceeded")
    if answer.status == 429:
        auditor.balanced(case.credits().body, only="RATE-LIMIT-RESERVES-NOTHING")
        _judge_wait(setting, case, reading.seconds_told(answer.headers.get("retry-after"), setting.control.now_s()))


def _judge_wait(setting: Setting, case: Case, told_s: float | None) -> None:
    """Who waits as long as was asked for is served; and in any case once the window is over."""
    wait_s = min(told_s or 0.0, _WINDOW_S)
    case.let_pass(wait_s)
    on_time = case.submit() if told_s is not None else None
    case.let_pass(_WINDOW_S - wait_s)
    late = case.submit()
    setting.judge.that("RATE-LIMIT-ENDS", late.is_ok, late.told, "200 once the window is over")
    if on_time is not None and late.is_ok:
        received = f"{on_time.told} after the {told_s:g} s of Retry-After"
        setting.judge.that("RATE-LIMIT-SAYS-WHEN", on_time.is_ok, received, "200 after the wait asked for")


PROBES = (
    without_a_key,
    task_ids,
    foreign_task,
    denied_model,
    rate_limit,
)
