"""What a client sent and was answered, as the fake's journal tells it."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from contract_tests.exchange import Exchange, as_text

TERMINAL = frozenset({"completed", "failed", "cancelled"})
_TASKS = "/v1/tasks/"
_INTACT = frozenset({None, "unknown_fields", "stalled"})


class Kind(StrEnum):
    """What a request is for."""

    SUBMISSION = "submission"
    QUERY = "query"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One request of the client, equal to itself alone. `at_s`: unix seconds on the clock that its sleeping moves."""

    record: dict[str, Any]
    kind: Kind
    at_s: float

    @property
    def status(self) -> int:
        return int(self.record["status"])

    @property
    def fault(self) -> str | None:
        fault: str | None = self.record["fault"]
        return fault

    @property
    def is_intact(self) -> bool:
        """Whether the answer reached the client whole."""
        return self.fault in _INTACT

    @property
    def is_healthy(self) -> bool:
        return self.is_intact and self.status < 400

    @property
    def target(self) -> tuple[str, str]:
        return self.record["method"], self.record["path"]

    @property
    def idempotency_key(self) -> str | None:
        key: str | None = self.record["headers"].get("idempotency-key")
        return key

    @property
    def intent(self) -> str:
        """What tells a request from others of the same target: its idempotency key, or else its body."""
        return self.idempotency_key or as_text(self.record["body"])

    @property
    def task_id(self) -> str | None:
        """The task asked for, submitted or fetched."""
        if self.kind is Kind.QUERY:
            return str(self.record["path"]).removeprefix(_TASKS)
        task_id: str | None = self.record["task_id"]
        return task_id

    @property
    def state(self) -> str | None:
        """The status of the task that a query told the client."""
        if self.kind is not Kind.QUERY or not self.is_healthy or not isinstance(self.record["answer"], dict):
            return None
        return str(self.record["answer"].get("status"))

    @property
    def told(self) -> dict[str, str]:
        """The status of each task that this answer told the client: of a query one, of a list or batch several."""
        if self.state is not None:
            return {str(self.task_id): self.state}
        answer = self.record["answer"]
        listed = answer.get("data") if isinstance(answer, dict) and self.is_healthy else None
        tasks = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return {str(one["id"]): str(one["status"]) for one in tasks if one.keys() >= {"id", "status"}}

    @property
    def code(self) -> str:
        """The error's code; empty where there is none."""
        answer = self.record["answer"]
        error = answer.get("error") if isinstance(answer, dict) else None
        return str(error.get("code", "")) if isinstance(error, dict) else ""

    @property
    def wait_s(self) -> float | None:
        """How long Retry-After asked the client to wait; None where it asked nothing."""
        value = self.record["answer_headers"].get("retry-after")
        if value is None or not self.is_intact:
            return None
        if value.isdigit():
            return float(value)
        return parsedate_to_datetime(value).timestamp() - self.at_s

    def exchange(self) -> Exchange:
        """As reports show it."""
        record = self.record
        query = f"?{record['query']}" if record["query"] else ""
        lost = not self.is_intact and str(self.fault).startswith("closed")
        return Exchange(
            record["method"],
            f"http://{record['headers'].get('host', '127.0.0.1')}{record['path']}{query}",
            record["headers"],
            "" if record["body"] is None else as_text(record["body"]),
            None if lost else self.status,
            record["answer_headers"],
            "" if record["answer"] is None else as_text(record["answer"]),
            self.at_s,
            failure=self.fault or "",
        )

    def __str__(self) -> str:
        broken = f" ({self.fault})" if self.fault else ""
        told = self.state or self.code
        return f"#{self.record['sequence']} {' '.join(self.target)} -> {self.status}{broken} {told}".rstrip()


def entry_of(record: dict[str, Any], *, virtual: bool) -> Entry:
    """An entry of `GET /_mock/requests`; `virtual`: the client's sleeping moves the fake's clock."""
    return Entry(record, _kind(record), record["at_ms" if virtual else "real_ms"] / 1000)


def _kind(record: dict[str, Any]) -> Kind:
    method, path = record["method"], record["path"]
    if path.startswith("/media/"):
        return Kind.FETCH
    if method == "POST" and path.startswith("/v1/") and path.endswith("/generations"):
        return Kind.SUBMISSION
    if method == "GET" and path.startswith(_TASKS):
        return Kind.QUERY
    return Kind.OTHER
