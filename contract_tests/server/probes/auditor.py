"""Holds what a server says against all that it has said before: one auditor a tenant, no matter who asks and why."""

from dataclasses import dataclass, field
from typing import Any

from contract_tests.contract.contract import Contract
from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.judge import Judge
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer
from contract_tests.server.talk.reading import Balance

TERMINAL = frozenset({"completed", "failed", "cancelled"})
_RANK = {"pending": 0, "processing": 1, "completed": 2, "failed": 2, "cancelled": 2}
DIFFERENCES = (
    "BILLING-RESERVED-ON-SUBMISSION",
    "BILLING-CHARGED-ON-COMPLETION",
    "BILLING-COMPLETION-RELEASES-NOTHING",
    "BILLING-FAILURE-NOT-CHARGED",
    "BILLING-RELEASED-ON-FAILURE",
    "BILLING-RELEASED-ON-CANCEL",
    "BILLING-REFUSAL-RESERVES-NOTHING",
    "BILLING-STANDS-STILL",
    "IDEMPOTENCY-ONE-CHARGE",
    "RATE-LIMIT-RESERVES-NOTHING",
    "BILLING-TOKEN-LIMIT",
)
"""Who may own a difference between two balances."""
AUDITED = (
    "TASK-ID-UNIQUE",
    "TASK-STARTS-PENDING",
    "TASK-NAMES-ITS-MODEL",
    "TASK-KEEPS-ITS-IDENTITY",
    "TASK-STAYS",
    "TASK-END-IS-FINAL",
    "TASK-END-KEEPS-ITS-BODY",
    "TASK-STATUS-KNOWN",
    "TASK-STATUS-ORDER",
    "TASK-PROGRESS-MONOTONE",
    "TASK-PROGRESS-COMPLETE",
    "TASK-RESULTS-WHEN-COMPLETED",
    "TASK-RESULTS-ONLY-WHEN-COMPLETED",
    "TASK-ERROR-WHEN-FAILED",
    "TASK-ERROR-ONLY-WHEN-FAILED",
    "TASK-ERROR-CODE-KNOWN",
    "TASK-ERROR-TYPE",
    "TASK-ENDED-CANT-BE-CANCELLED",
    "BILLING-NEVER-NEGATIVE",
    *DIFFERENCES,
)
"""All that an auditor judges, whoever asks."""
_IDENTITY = ("created", "model", "object", "type")
_START = {"status": "pending", "progress": 0}


@dataclass(slots=True)
class Seen:
    """What is known of a task. `reserved_uc` is None where the server did not say; `ended` is its body since it
    reads as ended."""

    id: str
    identity: dict[str, Any]
    reserved_uc: int | None
    status: str = "pending"
    progress: int = 0
    ended: dict[str, Any] | None = None

    @property
    def is_open(self) -> bool:
        return self.ended is None


@dataclass(slots=True)
class Changes:
    """What has happened since the credits were last read."""

    submitted: list[Seen] = field(default_factory=list)
    completed: list[Seen] = field(default_factory=list)
    failed: list[Seen] = field(default_factory=list)
    cancelled: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeated: int = 0

    @property
    def moved(self) -> tuple[int, int] | None:
        """What should have been added to used and to remaining, in uc; None where a reservation is not known."""
        charged = _sum(self.completed)
        released, reserved = _sum([*self.failed, *self.cancelled]), _sum(self.submitted)
        if charged is None or released is None or reserved is None:
            return None
        return charged, released - reserved


def _sum(tasks: list[Seen]) -> int | None:
    amounts = [one.reserved_uc for one in tasks]
    return None if None in amounts else sum(one for one in amounts if one is not None)


class Auditor:
    """Judges bodies of tasks and balances of one tenant, in the order they come. What has not the shape that a check
    reads is not judged by it: that it has another is for the checks of shapes to say."""

    def __init__(self, judge: Judge, contract: Contract) -> None:
        self.judge, self.contract = judge, contract
        self.tasks: dict[str, Seen] = {}
        self.changes = Changes()
        self._statuses = contract.statuses
        self._balance: Balance | None = None
        self._is_lost = False

    # --- tasks

    def submitted(self, body: Any, task_id: str) -> Seen:
        """The answer to a submission that was accepted."""
        that = self.judge.that
        that("TASK-ID-UNIQUE", task_id not in self.tasks, task_id, "an id that no other task has")
        start = {name: value for name, value in _START.items() if self.contract.says(name)}
        shown = {name: reading.at(body, name) for name in start}
        if start and _is_typed(body, status=str, progress=int):
            told = ", ".join(f"{name} {value}" for name, value in shown.items())
            that("TASK-STARTS-PENDING", shown == start, told)
        if self.contract.says("model") and _is_typed(body, model=str):
            named, model = reading.at(body, "model"), self.contract.model
            that("TASK-NAMES-ITS-MODEL", named == model, named, f"{model}, as submitted")
        seen = Seen(task_id, _identity(body), reading.amount_uc(reading.at(body, "usage", "credits_reserved")))
        self.tasks[task_id] = seen
        self.changes.submitted.append(seen)
        return seen

    def bought(self, answer: Answer) -> Seen:
        """The answer to a submission. Raises UnmetError where it was not accepted."""
        return self.submitted(answer.body, answer.task_id)

    def resumed(self, body: Any, task_id: str) -> None:
        """A task of an earlier, interrupted run: judged from here on."""
        self.tasks[task_id] = Seen(task_id, _identity(body), None)

    def queried(self, body: Any, task_id: str, *, cancelled: bool = False) -> Seen:
        """The answer to a query of a task."""
        seen, told = self.tasks[task_id], reading.fields(body)
        self._judge_identity(told, seen)
        self._judge_ended(told, seen)
        self._judge_course(told, seen)
        self._judge_parts(told)
        status = told.get("status")
        if reading.known(status, TERMINAL) and seen.ended is None:
            seen.ended = told
            self._note_end(seen, str(status), cancelled)
        seen.status, seen.progress = f"{status}", reading.whole(told.get("progress")) or 0
        return seen

    def lost(self) -> None:
        """A task can't be read any more: what the credits should be can't be known from now on."""
        self._is_lost = True

    def _judge_identity(self, body: dict[str, Any], seen: Seen) -> None:
        """Of what both answers show: a thing that one of them lacks is missed elsewhere."""
        that = self.judge.that
        if (told := reading.text(body.get("id"))) is not None:
            that("TASK-KEEPS-ITS-IDENTITY", told == seen.id, told, seen.id)
        both = {name: (body[name], value) for name, value in seen.identity.items() if name in body}
        changed = [f"{name} {now}, was {then}" for name, (now, then) in both.items() if now != then]
        that("TASK-KEEPS-ITS-IDENTITY", not changed, "; ".join(changed), "as it was created")

    def _judge_ended(self, body: dict[str, Any], seen: Seen) -> None:
        """Terminal means terminal: nothing about an ended task changes."""
        if seen.ended is None:
            return
        now, then = body.get("status"), seen.ended.get("status")
        self.judge.that("TASK-END-IS-FINAL", now == then, f"{now} after {then}")
        different = {name for name in body.keys() | seen.ended.keys() if body.get(name) != seen.ended.get(name)}
        self.judge.that("TASK-END-KEEPS-ITS-BODY", not different, f"changed since it ended: {sorted(different)}")

    def _judge_course(self, body: dict[str, Any], seen: Seen) -> None:
        status, progress = body.get("status"), reading.whole(body.get("progress"))
        if status is None or isinstance(status, str):
            allowed = ", ".join(map(self.contract.spoken, self._statuses))
            self.judge.that("TASK-STATUS-KNOWN", status in self._statuses, status, f"one of {allowed}")
        if not reading.known(status, self._statuses):
            return
        back = seen.ended is None and _RANK[str(status)] < _RANK.get(seen.status, 0)
        self.judge.that("TASK-STATUS-ORDER", not back, f"{status} after {seen.status}")
        if progress is None:
            return
        if not back and seen.ended is None:
            self.judge.that("TASK-PROGRESS-MONOTONE", progress >= seen.progress, f"{progress} after {seen.progress}")
        done = progress == 100
        self.judge.that("TASK-PROGRESS-COMPLETE", done == (status == "completed"), f"{progress} at {status}")

    def _judge_parts(self, body: dict[str, Any]) -> None:
        """`results` only when completed, `error` only when failed; and then they are there."""
        that, status, results = self.judge.that, body.get("status"), body.get("results")
        if status == "completed":
            that("TASK-RESULTS-WHEN-COMPLETED", bool(results), f"results {results} on a completed task")
        elif reading.known(status, self._statuses):
            that("TASK-RESULTS-ONLY-WHEN-COMPLETED", results is None, f"results on a {status} task")
        if status == "failed":
            self._judge_error(body.get("error"))
        elif reading.known(status, self._statuses):
            that("TASK-ERROR-ONLY-WHEN-FAILED", body.get("error") is None, f"error on a {status} task")
        flag = reading.at(body, "task_info", "can_cancel")
        if reading.known(status, TERMINAL) and isinstance(flag, bool):
            that("TASK-ENDED-CANT-BE-CANCELLED", flag is False, f"can_cancel {flag} on a {status} task")

    def _judge_error(self, error: Any) -> None:
        told = reading.fields(error)
        self.judge.that("TASK-ERROR-WHEN-FAILED", bool(told.get("message")), f"error {error} on a failed task")
        code, kind = told.get("code"), told.get("type")
        failures = self.contract.failures
        self.judge.that("TASK-ERROR-CODE-KNOWN", code in failures, code, ", ".join(failures))
        self.judge.that("TASK-ERROR-TYPE", kind == "task_error", kind, "task_error")

    def _note_end(self, seen: Seen, status: str, cancelled: bool) -> None:
        if status == "completed":
            self.changes.completed.append(seen)
        else:
            is_cancelled = cancelled or status == "cancelled"
            (self.changes.cancelled if is_cancelled else self.changes.failed).append(seen)

    # --- money

    @property
    def shown(self) -> Balance | None:
        """The last balance that was judged."""
        return self._balance

    @property
    def predicted(self) -> Balance | None:
        """What the credits should show now, after every open task was queried; None where it can't be known."""
        moved = self.changes.moved
        if self._balance is None or moved is None:
            return None
        return Balance(self._balance.remaining + moved[1], self._balance.used + moved[0])

    def balanced(self, body: Any, *, only: str = "") -> Balance | None:
        """The credits, after every open task was queried; `only` names the check that owns any difference here. None
        where the answer shows no amounts: then what they should be can't be judged until they are shown twice."""
        now = reading.balance(body)
        if now is not None:
            user = reading.at(body, "data", "user")
            self.judge.that("BILLING-NEVER-NEGATIVE", now.remaining >= 0 and now.used >= 0, str(user))
            if self._balance is not None and not self._is_lost:
                self._judge_change(self._balance, now, only)
        self._balance, self.changes = now, Changes()
        return now

    def _judge_change(self, before: Balance, now: Balance, only: str) -> None:
        """Reservation = charge + release, for whatever has happened since; who owns a difference depends on what.

        A ledger that is off stays off: only its first difference is named.
        """
        self._learn(before, now)
        moved = self.changes.moved
        if moved is None or self._is_off():
            return
        used, left = now.used - before.used, now.remaining - before.remaining
        owners = [only] if only else _owners_of_used(self.changes, used - moved[0])
        if self._judge_amount(owners, "used", used, moved[0]):
            owners = [only] if only else _owners_of_remaining(self.changes, left - moved[1])
            self._judge_amount(owners, "remaining", left, moved[1])

    def _is_off(self) -> bool:
        """Whether a difference was found already; then it is why the others can't be judged."""
        found = next(filter(self.judge.is_found, DIFFERENCES), None)
        for check_id in DIFFERENCES if found else ():
            self.judge.not_judged(check_id, f"{found} is broken, so what the credits should show is not known")
        return found is not None

    def _learn(self, before: Balance, now: Balance) -> None:
        """What a lone submission reserved whose answer does not tell: what is missing since."""
        alone = len(self.changes.submitted) == 1 and not (self.changes.completed or self.changes.failed)
        seen = self.changes.submitted[0] if alone and not self.changes.cancelled else None
        if seen is not None and seen.reserved_uc is None and not self.contract.says("usage.credits_reserved"):
            seen.reserved_uc = before.remaining - now.remaining

    def _judge_amount(self, owners: list[str], what: str, moved_uc: int, expected_uc: int) -> bool:
        """The first owner is told of a difference; where there is none, all that could own one hold."""
        received = f"{what}_credits moved by {moved_uc / UC_PER_CREDIT:g}"
        holds = moved_uc == expected_uc
        for check_id in owners if holds else owners[:1]:
            self.judge.that(check_id, holds, received, f"by {expected_uc / UC_PER_CREDIT:g}")
        return holds


def _identity(body: Any) -> dict[str, Any]:
    return {name: value for name, value in reading.fields(body).items() if name in _IDENTITY}


def _is_typed(body: Any, **kinds: type) -> bool:
    """Whether these are there, or not at all, but of no other type."""
    told = reading.fields(body)
    return all(name not in told or type(told[name]) is kind for name, kind in kinds.items())


def _owners_of_used(changes: Changes, excess_uc: int) -> list[str]:
    """The likeliest first: what was taken too much is the price of those that failed, or it is anything."""
    unpaid = [*changes.failed, *changes.cancelled]
    charged = ["BILLING-CHARGED-ON-COMPLETION"] if changes.completed else []
    spared = ["BILLING-FAILURE-NOT-CHARGED"] if unpaid else []
    owners = spared + charged if excess_uc > 0 and excess_uc == _sum(unpaid) else charged + spared
    return owners + _owners_of_quiet(changes, is_quiet=not owners)


def _owners_of_remaining(changes: Changes, excess_uc: int) -> list[str]:
    """The likeliest first: what was given back or taken too much is the price of those that completed, and not what
    the others should have had back; or it is anything."""
    completed, due = _sum(changes.completed) or 0, _sum([*changes.failed, *changes.cancelled]) or 0
    is_theirs = excess_uc == completed > 0 or (excess_uc == -completed and completed != due)
    released = ["BILLING-RELEASED-ON-FAILURE"] if changes.failed else []
    released += ["BILLING-RELEASED-ON-CANCEL"] if changes.cancelled else []
    kept = ["BILLING-COMPLETION-RELEASES-NOTHING"] if changes.completed else []
    owners = kept + released if is_theirs else released + kept
    owners += ["BILLING-RESERVED-ON-SUBMISSION"] if changes.submitted else []
    return owners + _owners_of_quiet(changes, is_quiet=not owners)


def _owners_of_quiet(changes: Changes, *, is_quiet: bool) -> list[str]:
    """What moves no credits; if nothing else has happened, they stand still."""
    owners = ["IDEMPOTENCY-ONE-CHARGE"] if changes.repeated else []
    owners += ["BILLING-REFUSAL-RESERVES-NOTHING"] if changes.refused else []
    return owners + (["BILLING-STANDS-STILL"] if is_quiet and not owners else [])
