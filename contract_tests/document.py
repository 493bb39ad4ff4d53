"""What the contract says, read from the document itself: the numbers and names that checks compare with."""

from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

UC_PER_CREDIT = 10_000
"""1 credit in its smallest unit (facts, section 6)."""
CREATE, TASK, CREDITS = "/v1/videos/generations", "/v1/tasks/{task_id}", "/v1/credits"
MODEL = "kling-o1-video-edit-fast"


def document_path(name: str = "evolink.yaml") -> Path:
    """Where a document is: inside an installed wheel, or beside the packages in a checkout."""
    package = Path(str(resources.files("mockserver")))
    inside = package / "_data"
    return (inside if inside.is_dir() else package.parent) / "openapi" / name


@cache
def contract_document(name: str = "evolink.yaml") -> dict[str, Any]:
    """The document as it is written. Nobody may change what this returns."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw: dict[str, Any] = yaml.load(document_path(name).read_bytes(), loader)  # noqa: S506
    return raw


def create_operation() -> dict[str, Any]:
    """The operation that the contract starts from."""
    operation: dict[str, Any] = contract_document()["paths"][CREATE]["post"]
    return operation


def example_request(name: str = "minimal") -> dict[str, Any]:
    """A request body that the document gives as an example; a copy, free to change."""
    media = create_operation()["requestBody"]["content"]["application/json"]
    return dict(media["examples"][name]["value"])


def price_uc(profile: str, seconds: float) -> int:
    """What a video of this length costs, in uc, half up (facts, section 6)."""
    rule = create_operation()["x-evolink-price"][profile]
    billed = max(Fraction(str(seconds)), Fraction(str(rule.get("minimum_seconds", 0))))
    if (most := rule.get("maximum_seconds")) is not None:
        billed = min(billed, Fraction(str(most)))
    if (step := rule.get("seconds_rounded_up_to")) is not None:
        billed = -(-billed // Fraction(step)) * Fraction(step)
    return int(billed * Fraction(rule["credits_per_second"]) * UC_PER_CREDIT + Fraction(1, 2))


def highest_price_uc(seconds: float) -> int:
    """The most that any known price rule asks for a video of this length."""
    return max(price_uc(profile, seconds) for profile in create_operation()["x-evolink-price"])


def callback_rules() -> dict[str, Any]:
    """`timeout_seconds`, `retry_delays_seconds`, `follow_redirects` of the callback."""
    (path,) = create_operation()["callbacks"]["taskEnded"].values()
    rules: dict[str, Any] = path["post"]["x-evolink-callback"]
    return rules


def failure_codes() -> tuple[str, ...]:
    """Why a task may have failed, as the task's `error.code` says."""
    return tuple(contract_document()["x-evolink-failures"])


def uc(credits_told: float) -> int:
    """Credits of an answer (at most 4 decimals) as uc."""
    return round(credits_told * UC_PER_CREDIT)


@cache
def error_kinds(method: str, path: str, status: int) -> frozenset[tuple[Any, str]]:
    """The codes and types that the document gives for this status of an operation; empty where it gives none."""
    operation = contract_document()["paths"].get(path, {}).get(method.lower(), {})
    response = operation.get("responses", {}).get(str(status), {})
    examples = response.get("content", {}).get("application/json", {}).get("examples", {}).values()
    errors = [one["value"]["error"] for one in examples if "error" in one["value"]]
    return frozenset((error["code"], error["type"]) for error in errors)
