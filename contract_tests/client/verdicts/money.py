"""What a client pays for, and what it tries to pay for."""

from collections.abc import Iterator

from contract_tests.client.run import Run
from contract_tests.client.verdicts.judgement import Judgement
from contract_tests.client.wire.journal import Entry
from contract_tests.contract.contract import Contract

_TRIES_AGAIN = 1
_MAY_BE_REPEATED = "request_cancelled"
"""The user has to do something: to want it again, which is no change."""


def _to_be_changed(contract: Contract) -> frozenset[str]:
    """Codes of a failure that comes again until the user has changed something."""
    failures = contract.document.get("x-evolink-failures", {})
    return frozenset(code for code, one in failures.items() if one["advice"] == "change") - {_MAY_BE_REPEATED}


def pays_once(run: Run) -> Iterator[Judgement]:
    if run.intents is None or not run.submissions:
        return
    keys = [entry.record["headers"].get("idempotency-key", "none") for entry in run.submissions]
    received = f"{len(run.charged)} charges for {run.wanted} intended; Idempotency-Key: {', '.join(keys)}"
    holds = len(run.charged) <= run.wanted
    yield Judgement("CLIENT-PAYS-ONCE", holds, received, f"at most {run.wanted}", run.submissions)


def failure_is_final(run: Run) -> Iterator[Judgement]:
    """Submissions count, not charges: what fails is not charged. A repeat with the same key is no new task."""
    told = {str(task.get("failure")) for task in run.tasks.values()} & _to_be_changed(run.contract)
    if run.intents is None or not told:
        return
    new = [one for one in run.submissions if one.is_healthy and "idempotency-replayed" not in _headers(one)]
    again = len(new) - run.wanted
    received = f"{again} more submissions of what fails with {', '.join(sorted(told))}"
    allowed = f"at most {_TRIES_AGAIN} more, as long as nothing is changed"
    yield Judgement("CLIENT-FAILURE-IS-FINAL", again <= _TRIES_AGAIN, received, allowed, tuple(new[:5]))


def _headers(entry: Entry) -> dict[str, str]:
    headers: dict[str, str] = entry.record["answer_headers"]
    return headers
