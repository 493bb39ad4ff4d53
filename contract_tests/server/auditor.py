"""Holds what a server says against all that it has said before: one auditor a tenant, no matter who asks and why."""

from dataclasses import dataclass, field
from typing import Any

from contract_tests.document import contract_document, failure_codes, uc
from contract_tests.judge import Judge

STATUSES: tuple[str, ...] = tuple(
    contract_document()["components"]["schemas"]["Task"]["properties"]["status"]["enum"]
)
TERMINAL = frozenset({"completed", "failed"})
_RANK = {"pending": 0, "processing": 1, "completed": 2, "failed": 2}
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


@dataclass(slots=True)
class Seen:
    """What is known of a task. `ended` is its body since it reads as ended; `cancelled` whether it was told to."""

    id: str
    identity: dict[str, Any]
    reserved_uc: int
    status: str = "pending"
    progress: int = 0
    ended: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """In uc."""

    remaining: int
    used: int


@dataclass(slots=True)
class Changes:
    """What has happened since the credits were last read."""

    submitted: list[Seen] = field(default_factory=list)
    completed: list[Seen] = field(default_factory=list)
    failed: list[Seen] = field(default_factory=list)
    cancelled: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeated: int = 0


class Auditor:
    """Judges bodies of tasks and balances of one tenant, in the order they come."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.tasks: dict[str, Seen] = {}
        self.changes = Changes()
        self._balance: Balance | None = None

    # --- tasks

    def submitted(self, body: dict[str, Any], model: str) -> Seen:
        """The answer to a submission that was accepted."""
        that, task_id = self.judge.that, str(body.get("id"))
        that("TASK-ID-UNIQUE", task_id not in self.tasks, task_id, "an id that no other task has")
        start = (body.get("status"), body.get("progress"))
        that("TASK-STARTS-PENDING", start == ("pending", 0), f"status {start[0]}, progress {start[1]}")
        that("TASK-NAMES-ITS-MODEL", body.get("model") == model, body.get("model"), f"{model}, as submitted")
        usage = body.get("usage") or {}
        seen = Seen(task_id, {name: body.get(name) for name in _IDENTITY}, uc(usage.get("credits_reserved") or 0))
        self.tasks[task_id] = seen
        self.changes.submitted.append(seen)
        return seen

    def resumed(self, body: dict[str, Any]) -> None:
        """A task of an earlier, interrupted run: judged from here on."""
        task_id = str(body.get("id"))
        self.tasks[task_id] = Seen(task_id, {name: body.get(name) for name in _IDENTITY}, 0)

    def queried(self, body: dict[str, Any], task_id: str, *, cancelled: bool = False) -> Seen:
        """The answer to a query of a task."""
        that, seen = self.judge.that, self.tasks[task_id]
        that("TASK-KEEPS-ITS-IDENTITY", body.get("id") == task_id, body.get("id"), task_id)
        identity = {name: body.get(name) for name in _IDENTITY}
        that("TASK-KEEPS-ITS-IDENTITY", identity == seen.identity, identity, str(seen.identity))
        self._judge_ended(body, seen)
        self._judge_course(body, seen)
        self._judge_parts(body)
        if body.get("status") in TERMINAL and seen.ended is None:
            seen.ended = body
            self._note_end(body, seen, cancelled)
        seen.status, seen.progress = str(body.get("status")), int(body.get("progress") or 0)
        return seen

    def _judge_ended(self, body: dict[str, Any], seen: Seen) -> None:
        """Terminal means terminal: nothing about an ended task changes."""
        if seen.ended is None:
            return
        now, then = body.get("status"), seen.ended.get("status")
        self.judge.that("TASK-END-IS-FINAL", now == then, f"{now} after {then}")
        different = {name for name in body.keys() | seen.ended.keys() if body.get(name) != seen.ended.get(name)}
        self.judge.that("TASK-END-KEEPS-ITS-BODY", not different, f"changed since it ended: {sorted(different)}")

    def _judge_course(self, body: dict[str, Any], seen: Seen) -> None:
        status, progress = body.get("status"), body.get("progress")
        self.judge.that("TASK-STATUS-KNOWN", status in STATUSES, status, f"one of {', '.join(STATUSES)}")
        if status not in STATUSES or not isinstance(progress, int):
            return
        back = seen.ended is None and _RANK[str(status)] < _RANK.get(seen.status, 0)
        self.judge.that("TASK-STATUS-ORDER", not back, f"{status} after {seen.status}")
        if not back and seen.ended is None:
            self.judge.that("TASK-PROGRESS-MONOTONE", progress >= seen.progress, f"{progress} after {seen.progress}")
        done = progress == 100
        self.judge.that("TASK-PROGRESS-COMPLETE", done == (status == "completed"), f"{progress} at {status}")

    def _judge_parts(self, body: dict[str, Any]) -> None:
        """`results` only when completed, `error` only when failed; and then they are there."""
        that, status = self.judge.that, body.get("status")
        results, error = body.get("results"), body.get("error")
        if status == "completed":
            that("TASK-RESULTS-WHEN-COMPLETED", bool(results), f"results {results} on a completed task")
        else:
            that("TASK-RESULTS-ONLY-WHEN-COMPLETED", "results" not in body, f"results on a {status} task")
        if status == "failed":
            self._judge_error(error)
        else:
            that("TASK-ERROR-ONLY-WHEN-FAILED", "error" not in body, f"error on a {status} task")
        flag = (body.get("task_info") or {}).get("can_cancel")
        if status in TERMINAL and flag is not None:
            that("TASK-ENDED-CANT-BE-CANCELLED", flag is False, f"can_cancel {flag} on a {status} task")

    def _judge_error(self, error: Any) -> None:
        told = error if isinstance(error, dict) else {}
        self.judge.that("TASK-ERROR-WHEN-FAILED", bool(told.get("message")), f"error {error} on a failed task")
        code, kind = told.get("code"), told.get("type")
        self.judge.that("TASK-ERROR-CODE-KNOWN", code in failure_codes(), code, ", ".join(failure_codes()))
        self.judge.that("TASK-ERROR-TYPE", kind == "task_error", kind, "task_error")

    def _note_end(self, body: dict[str, Any], seen: Seen, cancelled: bool) -> None:
        if body.get("status") == "completed":
            self.changes.completed.append(seen)
        else:
            (self.changes.cancelled if cancelled else self.changes.failed).append(seen)

    # --- money

    def balanced(self, body: dict[str, Any], *, only: str = "") -> Balance:
        """The credits, after every open task was queried; `only` names the check that owns any difference here."""
        user = (body.get("data") or {}).get("user") or {}
        now = Balance(uc(user.get("remaining_credits") or 0), uc(user.get("used_credits") or 0))
        self.judge.that("BILLING-NEVER-NEGATIVE", now.remaining >= 0 and now.used >= 0, str(user))
        if self._balance is not None:
            self._judge_change(self._balance, now, only)
        self._balance, self.changes = now, Changes()
        return now

    def _judge_change(self, before: Balance, now: Balance, only: str) -> None:
        """Reservation = charge + release, for whatever has happened since; who owns a difference depends on what.

        A ledger that is off stays off: only its first difference is named.
        """
        if any(map(self.judge.is_found, DIFFERENCES)):
            return
        changes = self.changes
        charged = sum(one.reserved_uc for one in changes.completed)
        released = sum(one.reserved_uc for one in (*changes.failed, *changes.cancelled))
        reserved = sum(one.reserved_uc for one in changes.submitted)
        self._judge_amount(only or _owner_of_used(changes), "used", now.used - before.used, charged)
        left = now.remaining - before.remaining
        self._judge_amount(only or _owner_of_remaining(changes), "remaining", left, released - reserved)

    def _judge_amount(self, check_id: str, what: str, moved_uc: int, expected_uc: int) -> None:
        received = f"{what}_credits moved by {moved_uc / 10_000:g}"
        self.judge.that(check_id, moved_uc == expected_uc, received, f"by {expected_uc / 10_000:g}")


def _owner_of_used(changes: Changes) -> str:
    if changes.completed:
        return "BILLING-CHARGED-ON-COMPLETION"
    if changes.failed or changes.cancelled:
        return "BILLING-FAILURE-NOT-CHARGED"
    return _owner_of_quiet(changes)


def _owner_of_remaining(changes: Changes) -> str:
    if changes.failed:
        return "BILLING-RELEASED-ON-FAILURE"
    if changes.cancelled:
        return "BILLING-RELEASED-ON-CANCEL"
    if changes.completed:
        return "BILLING-COMPLETION-RELEASES-NOTHING"
    if changes.submitted:
        return "BILLING-RESERVED-ON-SUBMISSION"
    return _owner_of_quiet(changes)


def _owner_of_quiet(changes: Changes) -> str:
    """Nothing has happened that moves credits."""
    if changes.repeated:
        return "IDEMPOTENCY-ONE-CHARGE"
    if changes.refused:
        return "BILLING-REFUSAL-RESERVES-NOTHING"
    return "BILLING-STANDS-STILL"
