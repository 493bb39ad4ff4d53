"""What things cost, and that nobody pays twice: prices, limits, idempotency, spending in parallel."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.contract.price import Price
from contract_tests.server.probes.auditor import DIFFERENCES, Auditor
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.target import UnmetError

_WITHIN = (6, 6.5, 7.25, 9, 12.34, 19.99, 20)
"""Seconds of media that are priced."""
_LEAST_S = 0.01
"""Beyond a bound of the billable length by no more than this."""
_WORKERS = 8
_VALUES = 6
"""Values of a field that its price is looked at for."""


@probe("BILLING-PRICE", "BILLING-SHORTEST", "BILLING-LONGEST", needs={Need.CONTROL})
def prices(setting: Setting) -> None:
    """The price of the profile's rule, and what lies beyond a bound compared with what lies on it."""
    price = setting.contract.price(setting.profile)
    if price is None or price.media_field not in setting.contract.requests.properties:
        raise UnmetError(f"{setting.contract.source} tells no price by the length of media")
    case, that, field = setting.case(credits=PLENTY), setting.judge.that, price.media_field
    for seconds in _WITHIN:
        told, expected = _told_price(case, field, seconds), price.uc(case.target.settings.request(), seconds)
        allowed = f"{expected / UC_PER_CREDIT:g} credits for {seconds} s"
        that("BILLING-PRICE", reading.amount_uc(told) == expected, f"credits_reserved {told}", allowed)
    if price.minimum_seconds:
        least = price.minimum_seconds
        _judge_bound(case, "BILLING-SHORTEST", field, least, (least / 6, least - _LEAST_S))
    if price.maximum_seconds is not None:
        most = price.maximum_seconds
        _judge_bound(case, "BILLING-LONGEST", field, most, (most + _LEAST_S, most + 0.5, most + 1, 30 * most))
    else:
        setting.judge.not_judged(
            "BILLING-LONGEST", f"no length is the longest that the {setting.profile} price knows"
        )


@probe("BILLING-PRICE", needs={Need.CONTROL})
def prices_by_fields(setting: Setting) -> None:
    """Each field of a request that the price looks at, with what it may be; by the document's rule, else by the name
    that the server itself gives its rule."""
    price, requests = setting.contract.price(setting.profile), setting.contract.requests
    fields = price.fields if price else ("n", "duration", "seconds")
    asked = {name: requests.values(name)[:_VALUES] for name in fields if name in requests.properties}
    if not any(asked.values()):
        raise UnmetError(f"{setting.contract.source} tells no price by a field of the request")
    case = setting.case(credits=PLENTY)
    for name, values in asked.items():
        shown = {value: case.submit(**{name: value}) for value in values}
        if price is not None:
            _judge_ruled(setting, price, name, shown)
        else:
            _judge_named(setting, name, shown)


def _judge_ruled(setting: Setting, price: Price, name: str, shown: dict[Any, Answer]) -> None:
    settings = setting.target.settings
    for value, answer in shown.items():
        if answer.is_ok:
            expected = price.uc(settings.request() | {name: value}, settings.video_seconds)
            _judge_price(setting, answer, f"{name} {value}", expected)


def _judge_named(setting: Setting, name: str, shown: dict[Any, Answer]) -> None:
    """Who bills by the image or the second bills twice as much for twice as many."""
    unit = {"per_image": "n", "per_second": "duration"}
    told = {value: _reserved(answer) for value, answer in shown.items() if answer.is_ok and _is_count(value)}
    rules = {reading.text(answer.at("usage", "billing_rule")) for answer in shown.values() if answer.is_ok}
    known = {value: amount for value, amount in told.items() if amount is not None}
    if len(known) < 2 or not any(unit.get(str(rule)) == name for rule in rules):
        return
    least = min(known)
    for value, amount in known.items():
        expected, received = round(known[least] * value / least), f"credits_reserved {amount / UC_PER_CREDIT:g}"
        near = abs(amount - expected) <= value / least  # each amount is rounded to 1 uc
        allowed = f"{expected / UC_PER_CREDIT:g} credits for {name} {value}, as it bills {'/'.join(map(str, rules))}"
        setting.judge.that("BILLING-PRICE", near, received, allowed)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _reserved(answer: Answer) -> int | None:
    return reading.amount_uc(answer.at("usage", "credits_reserved"))


def _judge_price(setting: Setting, answer: Answer, what: str, expected_uc: int) -> None:
    told = answer.at("usage", "credits_reserved")
    allowed = f"{expected_uc / UC_PER_CREDIT:g} credits for {what}"
    setting.judge.that("BILLING-PRICE", reading.amount_uc(told) == expected_uc, f"credits_reserved {told}", allowed)


def _judge_bound(case: Case, check_id: str, field: str, bound: float, beyond: tuple[float, ...]) -> None:
    at_bound = _told_price(case, field, bound)
    for seconds in beyond:
        told = _told_price(case, field, seconds)
        received = f"credits_reserved {told} for {seconds:g} s"
        case.judge.that(check_id, told == at_bound, received, f"{at_bound}, as for {bound:g} s")


def _told_price(case: Case, field: str, seconds: float) -> Any:
    """What a submission says to cost whose media are this long: a mock reads that off the address."""
    given = case.target.settings.request(field)[field]
    link = f"{given[0] if isinstance(given, list) else given}?mock:duration_seconds={seconds}"
    media: dict[str, Any] = {field: [link, *given[1:]] if isinstance(given, list) else link}
    answer = case.submit(**media)
    _ = answer.task_id
    return answer.at("usage", "credits_reserved")


@probe(*DIFFERENCES, needs={Need.CONTROL})
def bills(setting: Setting) -> None:
    """One thing after the other, and after each the credits: what moved them is never in doubt."""
    case, auditor = setting.case(credits=PLENTY), Auditor(setting.judge, setting.contract)
    auditor.balanced(case.credits().body)
    for how in ("complete", "fail", "cancel"):
        task_id = auditor.bought(case.submit()).id
        auditor.balanced(case.credits().body)
        setting.control.end(task_id, how)
        auditor.queried(case.task(task_id).body, task_id, cancelled=how == "cancel")
        auditor.balanced(case.credits().body)
        case.let_pass(60)
        auditor.balanced(case.credits().body)
    if not (answer := case.submit_invalid(**setting.contract.requests.without_needed())).took:
        auditor.changes.refused.append(answer.told)
        auditor.balanced(case.credits().body)


@probe("BILLING-COVERED-IS-ACCEPTED", "BILLING-SHORT-IS-REFUSED", needs={Need.CONTROL})
def last_credit(setting: Setting) -> None:
    """Exactly enough is enough; the smallest unit less is not, and a refusal names its code and reserves nothing."""
    price = setting.price_uc()
    answer = setting.case(credits=price / UC_PER_CREDIT).submit()
    setting.judge.that("BILLING-COVERED-IS-ACCEPTED", answer.is_ok, answer.status, "200 with exactly enough")
    case, auditor = setting.case(credits=(price - 1) / UC_PER_CREDIT), Auditor(setting.judge, setting.contract)
    auditor.balanced(case.credits().body)
    answer = case.submit()
    refused = (answer.status, answer.code) == (402, "insufficient_quota")
    setting.judge.that("BILLING-SHORT-IS-REFUSED", refused, answer.told, "402 insufficient_quota")
    if answer.status == 402:
        auditor.changes.refused.append("402")
        auditor.balanced(case.credits().body)


@probe("BILLING-TOKEN-LIMIT", needs={Need.CONTROL})
def token_limit(setting: Setting) -> None:
    """A key with a limit of its own: refused beyond it, whatever the user has; and nothing is reserved for that."""
    price = setting.price_uc()
    case = setting.case(credits=100 * price / UC_PER_CREDIT)
    setting.control.account(case.key, token_credits=(price + price // 2) / UC_PER_CREDIT)
    auditor, that = Auditor(setting.judge, setting.contract), setting.judge.that
    first = case.submit()
    that("BILLING-TOKEN-LIMIT", first.is_ok, first.status, "200 within the limit of the key")
    left = case.credits().at("data", "token", "remaining_credits")
    halved = f"{price / 2 / UC_PER_CREDIT:g}"
    that("BILLING-TOKEN-LIMIT", reading.amount_uc(left) == price // 2, f"token.remaining_credits {left}", halved)
    body = case.credits().body
    unlimited = reading.at(body, "data", "token", "unlimited_credits")
    that(
        "BILLING-TOKEN-LIMIT", unlimited is not True, f"unlimited_credits {unlimited}", "false for a key with a limit"
    )
    auditor.balanced(body)
    second = case.submit()
    refused = (second.status, second.code) == (402, "insufficient_token_quota")
    that("BILLING-TOKEN-LIMIT", refused, second.told, "402 insufficient_token_quota")
    if refused:
        _judge_amounts(setting, second, 99 * price, price)
    auditor.balanced(case.credits().body, only="BILLING-TOKEN-LIMIT")


def _judge_amounts(setting: Setting, answer: Answer, balance_uc: int, cost_uc: int) -> None:
    """The refusal of a key at its limit tells what the account has, and what the task would cost."""
    told = [answer.at("error", name) for name in ("account_balance_credits", "estimated_credits")]
    expected = [amount / UC_PER_CREDIT for amount in (balance_uc, cost_uc)]
    holds = [reading.amount_uc(one) for one in told] == [balance_uc, cost_uc]
    received = f"account_balance_credits {told[0]}, estimated_credits {told[1]}"
    setting.judge.that("BILLING-TOKEN-LIMIT", holds, received, f"{expected[0]:.10g} and {expected[1]:.10g}")


@probe("IDEMPOTENCY-REPLAYED-HEADER", "IDEMPOTENCY-KEY-PER-ACCOUNT", needs={Need.CONTROL})
def idempotency_key(setting: Setting) -> None:
    """A repeat says that it is one; the same key of somebody else is another key."""
    key = "contract-idempotency-key"
    case, other = setting.case(credits=PLENTY), setting.case(other=True, credits=PLENTY)
    first, again, foreign = (one.submit(idempotency_key=key) for one in (case, case, other))
    _ = first.task_id
    header = again.headers.get("idempotency-replayed")
    marked = header == "true" and "idempotency-replayed" not in first.headers
    setting.judge.that(
        "IDEMPOTENCY-REPLAYED-HEADER", marked, f"Idempotency-Replayed: {header}", "true, on repeats only"
    )
    own = foreign.is_ok and foreign.at("id") != first.task_id
    received = f"{foreign.told} with task {reading.shown(foreign.at('id'))}"
    setting.judge.that("IDEMPOTENCY-KEY-PER-ACCOUNT", own, received, "a task of its own")


@probe("IDEMPOTENCY-PARALLEL", needs={Need.CONTROL})
def idempotency_in_parallel(setting: Setting) -> None:
    """The same request several times at once, as an impatient client sends it: one task."""
    case = setting.case(credits=PLENTY)
    for number in range(4):
        answers = _at_once([case] * _WORKERS, idempotency_key=f"contract-parallel-{number}")
        tasks = {answer.task_id for answer in answers if answer.is_ok}
        others = {answer.status for answer in answers} - {200, 409}
        received = f"tasks {sorted(map(str, tasks))}, other statuses {sorted(others)}"
        setting.judge.that("IDEMPOTENCY-PARALLEL", len(tasks) == 1 and not others, received, "one task; else 409")


@probe("BILLING-PARALLEL", needs={Need.CONTROL})
def spending_in_parallel(setting: Setting) -> None:
    """Two accounts, each with credits for three tasks, submit eight each at once: three are accepted of each."""
    price = setting.price_uc()
    for _ in range(4):
        cases = [setting.case(credits=(3 * price + price // 2) / UC_PER_CREDIT) for _ in range(2)]
        answers = _at_once([cases[number % 2] for number in range(2 * _WORKERS)])
        for index, case in enumerate(cases):
            _judge_spent(setting, case, answers[index::2], price)


def _judge_spent(setting: Setting, case: Case, answers: list[Answer], price: int) -> None:
    statuses = sorted(answer.status for answer in answers)
    expected = [200] * 3 + [402] * (_WORKERS - 3)
    setting.judge.that("BILLING-PARALLEL", statuses == expected, f"{statuses}", "three accepted, the rest 402")
    left = reading.balance(case.credits().body)
    if left is not None:
        received = f"remaining_credits {left.remaining / UC_PER_CREDIT:g}"
        half = f"{price / 2 / UC_PER_CREDIT:g}"
        setting.judge.that("BILLING-PARALLEL", left.remaining == price // 2, received, half)


def _at_once(cases: list[Case], **fields: Any) -> list[Answer]:
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(lambda case: case.submit(**fields), cases))


PROBES = (
    bills,
    prices,
    prices_by_fields,
    last_credit,
    token_limit,
    idempotency_key,
    idempotency_in_parallel,
    spending_in_parallel,
)
