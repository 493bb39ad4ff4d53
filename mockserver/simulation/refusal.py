"""Expected refusals: what the world may answer instead of doing what a command asks."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a command changed nothing.

    A submission is judged in the order of the members before the blank line, so one that is wrong in
    several ways always gets the same answer. The order is assumed: no document states one.
    """

    UNAUTHORIZED = "unauthorized"
    SCENARIO = "scenario"
    MODEL_ACCESS_DENIED = "model_access_denied"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    OUTCOME_UNKNOWN = "outcome_unknown"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_TASKS = "too_many_tasks"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    INSUFFICIENT_TOKEN_CREDITS = "insufficient_token_credits"  # noqa: S105 - the name of a refusal

    TOO_MANY_TENANTS = "too_many_tenants"
    UNKNOWN_TENANT = "unknown_tenant"
    TASK_NOT_FOUND = "task_not_found"
    PERMISSION_DENIED = "permission_denied"
    TASK_ENDED = "task_ended"
    DELIVERY_NOT_FOUND = "delivery_not_found"
    DELIVERY_BUSY = "delivery_busy"
    SCENARIO_NOT_FOUND = "scenario_not_found"
    TOO_MANY_SCENARIOS = "too_many_scenarios"
    FILE_QUOTA_EXHAUSTED = "file_quota_exhausted"
    FILE_NOT_FOUND = "file_not_found"
