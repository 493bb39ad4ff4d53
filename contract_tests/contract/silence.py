"""What a document does not say: the checks that rest on it are not judged, and the reason why not."""

from collections.abc import Iterator

from contract_tests.check import Layer, checks
from contract_tests.contract.contract import KEY_HEADER, Contract

_SENT_AGAIN = (
    "CALLBACK-RETRIED",
    "CALLBACK-RETRY-DELAYS",
    "CALLBACK-GIVES-UP",
    "CALLBACK-SAME-BODY",
    "CALLBACK-STOPS-ON-SUCCESS",
    "CALLBACK-OTHER-STATUS-IS-RETRIED",
    "CALLBACK-LOST-CONNECTION-IS-RETRIED",
    "CALLBACK-NO-REDIRECT",
    "CALLBACK-TIMEOUT",
)
_BEYOND_SCHEMA = frozenset({"extension", "max_bytes", "public_url", "scheme"})
"""Rules that the schema layer keeps to: it sends addresses that are allowed, and no callback."""
_Premise = tuple[bool, str, tuple[str, ...]]
"""Whether the document says what is needed, what is missing where it does not, and the checks that rest on it."""


def silences(contract: Contract) -> dict[str, str]:
    """The checks that can't be judged by this contract, with the reason of each."""
    told: dict[str, str] = {}
    for holds, missing, check_ids in _premises(contract):
        for check_id in () if holds else check_ids:
            told.setdefault(check_id, f"{contract.source} {missing}")
    return told


def of_clients(contract: Contract) -> dict[str, str]:
    """The checks of clients that can't be judged by this contract, with the reason of each."""
    told = {} if contract.failures else {"CLIENT-FAILURE-IS-FINAL": "does not list why a task may fail"}
    if contract.credits is None:
        told["CLIENT-PAYS-ONCE"] = "has no operation that tells the credits"
    if contract.speech is not None and not contract.says_cancelled:
        told["CLIENT-KNOWS-CANCELLED"] = "has no word for a cancelled task"
    if contract.link_seconds is None:
        told["CLIENT-FETCHES-IN-TIME"] = "does not say how long a result's link works"
    return {check_id: f"{contract.source} {missing}" for check_id, missing in told.items()}


def of_receivers(contract: Contract) -> dict[str, str]:
    """The same of receivers."""
    if contract.speech is None:
        return {}
    return {"RECEIVER-UNKNOWN-VALUES": f"{contract.source} does not say which values may be added"}


def _premises(contract: Contract) -> Iterator[_Premise]:
    yield from _of_callbacks(contract)
    yield from _of_money(contract)
    yield from _of_answers(contract)
    yield from _of_tasks(contract)
    yield from _of_requests(contract)


def _of_answers(contract: Contract) -> Iterator[_Premise]:
    """What the answer to a submission tells."""
    says, own = contract.says, contract.speech is None
    yield own, "does not say what an id looks like", ("TASK-ID-FORM", "TASK-WRONG-ID-IS-400")
    yield says("created"), "has no `created` in that form in the answer to a submission", ("TASK-CREATED-IS-NOW",)
    yield says("status") or says("progress"), "tells no status when it takes a submission", ("TASK-STARTS-PENDING",)
    yield says("model"), "does not tell the model of a task", ("TASK-NAMES-ITS-MODEL",)
    estimate = "does not estimate how long a task takes"
    yield says("task_info.estimated_time"), estimate, ("TASK-ESTIMATES-ITS-TIME",)
    listed = all("401" in one.raw.get("responses", {}) for one in contract.endpoints)
    yield listed, "does not list the statuses of errors", ("ANSWER-STATUS", "SCHEMA-STATUS", "SCHEMA-METHODS")
    secured = "security" in contract.document or all("security" in one.raw for one in contract.endpoints)
    yield secured, "does not say how a key is sent", ("SCHEMA-AUTH",)


def _of_tasks(contract: Contract) -> Iterator[_Premise]:
    """What a query tells, and how it refuses."""
    shows, own, refusals = contract.shows, contract.speech is None, contract.query.raw.get("responses", {})
    progress = ("TASK-PROGRESS-MONOTONE", "TASK-PROGRESS-COMPLETE")
    yield shows("progress"), "tells no progress from 0 to 100", progress
    yield shows("results"), "has no place for results", ("TASK-RESULTS-WHEN-COMPLETED", "RESULT-LINK-WORKS")
    yield shows("error.message"), "has no place for why a task failed", ("TASK-ERROR-WHEN-FAILED",)
    yield shows("error.message"), "has no place for why a task failed", ("TASK-ERROR-ONLY-WHEN-FAILED",)
    codes = ("TASK-ERROR-CODE-KNOWN", "TASK-FAILURE-TELLS-WHY", "TASK-ERROR-TYPE")
    yield bool(contract.failures), "does not list why a task may fail", codes
    yield own, "does not say whether a task can be cancelled", ("TASK-ENDED-CANT-BE-CANCELLED",)
    cancels = contract.endpoint("cancel_task") is not None
    yield cancels, "has no operation that cancels a task", ("TASK-CANCELLED-BY-ITS-OWNER",)
    cancelled = own or contract.says_cancelled
    yield cancelled, "has no word for a cancelled task", ("TASK-CANCEL-READS-AS-DOCUMENTED",)
    yield "404" in refusals, "does not say how an unknown task is refused", ("TASK-UNKNOWN-IS-404",)
    yield "403" in refusals, "does not say how somebody else's task is refused", ("TASK-FOREIGN-IS-CLOSED",)
    lives = "valid_seconds" in contract.create.raw.get("x-evolink-results", {})
    yield lives, "does not say how long a result's link works", ("RESULT-LINK-EXPIRES",)
    lists = tuple(one.id for one in checks(Layer.BEHAVIOUR) if one.id.startswith(("LIST-", "BATCH-", "MODELS-")))
    yield own, "has no list, batch or models as this API has them", lists


def _of_money(contract: Contract) -> Iterator[_Premise]:
    money = tuple(one.id for one in checks(Layer.BEHAVIOUR) if one.id.startswith("BILLING-"))
    moved = (*money, "IDEMPOTENCY-ONE-CHARGE", "RATE-LIMIT-RESERVES-NOTHING", "CALLBACK-AFTER-BILLING")
    yield contract.credits is not None, "has no operation that tells the credits", moved
    told = ("BILLING-PRICE", "BILLING-SHORTEST", "BILLING-LONGEST", "BILLING-RESERVED-ON-SUBMISSION")
    yield contract.says("usage.credits_reserved"), "does not tell what a submission reserves", told
    yield contract.says("usage.billing_rule"), "names no billing rule", ("BILLING-RULE-NAMED",)
    priced = bool(contract.create.raw.get("x-evolink-price"))
    yield priced, "says in no overlay what a submission costs", ("BILLING-RULE-NAMED",)


def _of_requests(contract: Contract) -> Iterator[_Premise]:
    """How a submission is refused, and what is needed beyond its schema."""
    answers, named = contract.create.raw.get("responses", {}), contract.create.raw.get("parameters", ())
    yield "403" in answers, "does not say how a model is denied", ("MODEL-DENIED-IS-403",)
    limits = ("RATE-LIMIT-IS-429", "RATE-LIMIT-RESERVES-NOTHING", "RATE-LIMIT-SAYS-WHEN", "RATE-LIMIT-ENDS")
    yield "429" in answers, "does not say how too many requests are refused", limits
    keys = tuple(one.id for one in checks(Layer.BEHAVIOUR) if one.id.startswith("IDEMPOTENCY-"))
    keyed = any(one.get("name") == KEY_HEADER for one in named)
    yield keyed, f"has no header {KEY_HEADER}", keys
    beyond = sorted({one["rule"] for one in contract.rules} - _BEYOND_SCHEMA)
    rules = f"has rules beyond its schema ({', '.join(beyond)}), which drawn requests do not know"
    yield not beyond, rules, ("SCHEMA-ACCEPTS-VALID",)


def _of_callbacks(contract: Contract) -> Iterator[_Premise]:
    called = tuple(one.id for one in checks(Layer.CALLBACK))
    field = "has no field that says where to report the end"
    yield contract.requests.callback is not None, field, called
    yield contract.callback_rules() is not None, "does not say how a callback is sent again", _SENT_AGAIN
    targets = "does not say where callbacks may go"
    yield contract.speech is None, targets, ("CALLBACK-FORBIDDEN-TARGET",)
