"""What a client sent and got, as the wire between it and the fake wrote it down."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.behaviours.troubles import MOVED
from contract_tests.contract.contract import Contract
from contract_tests.exchange import Exchange, as_text

TERMINAL = frozenset({"completed", "failed", "cancelled"})
_TASKS = "/v1/tasks/"
_LIVE = ".evolink.ai"
"""The end of the names of the live hosts, which a program reaches by https, whoever stands in for them."""
_ROLES = {
    "create_task": Operation.SUBMISSION,
    "get_task": Operation.QUERY,
    "list_tasks": Operation.LIST,
    "get_tasks": Operation.LIST,
    "get_credits": Operation.CREDITS,
}
_INTACT = frozenset({None, "late"})
_NEVER_ARRIVED = frozenset({"closed_before_answer", "closed_after_accept", "reset", "cut_head", "stalled"})
_LOST = (_NEVER_ARRIVED | {"truncated_body"}) - {"stalled"}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One request of the client, equal to itself alone. `at_s`: unix seconds on the clock that its sleeping moves.
    What the record has as `told` is the answer in this API's words, where the document has others."""

    record: dict[str, Any]
    kind: Operation
    at_s: float

    @property
    def client_s(self) -> float:
        """Unix seconds on the clock that the client reads: what it works takes time there, as its sleeping does."""
        return float(self.record.get("client_ms", self.at_s * 1000)) / 1000

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
    def is_lost(self) -> bool:
        """Whether the connection ended before the answer had."""
        return self.fault in _LOST

    @property
    def is_healthy(self) -> bool:
        return self.is_intact and self.status < 300

    @property
    def is_unreadable(self) -> bool:
        """Whether an answer came whole, by its length, that is no JSON object where one was due."""
        came = self.fault in (None, "late", "malformed_json", "short_length")
        return came and self.status < 300 and not isinstance(self.record["answer"], dict)

    @property
    def is_made(self) -> bool:
        """Whether the answer did not come from the fake, so that it says nothing of the request."""
        return bool(self.record["made"])

    @property
    def target(self) -> tuple[str, str]:
        return self.record["method"], str(self.record["path"]).removeprefix(MOVED)

    @property
    def port(self) -> int | None:
        """The client's end of the connection; None where nobody saw it."""
        port: int | None = self.record.get("port")
        return port

    @property
    def host(self) -> str:
        """The host that the client meant, without its port."""
        return str(self.record["headers"].get("host", "")).rpartition(":")[0]

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
        if self.kind is Operation.QUERY and self.target[1].startswith(_TASKS):
            return self.target[1].removeprefix(_TASKS)
        task_id: str | None = self.record["task_id"]
        return task_id

    @property
    def answer(self) -> Any:
        """In this API's words."""
        return self.record.get("told", self.record["answer"])

    @property
    def state(self) -> str | None:
        """The status of the task that a query told the client."""
        if self.kind is not Operation.QUERY or not self.is_healthy or not isinstance(self.answer, dict):
            return None
        return str(self.answer.get("status"))

    @property
    def told(self) -> dict[str, str]:
        """The status of each task that this answer told the client: of a query one, of a list or batch several."""
        if self.state is not None:
            return {str(self.task_id): self.state}
        answer = self.answer
        listed = answer.get("data") if isinstance(answer, dict) and self.is_healthy else None
        tasks = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return {str(one["id"]): str(one["status"]) for one in tasks if one.keys() >= {"id", "status"}}

    @property
    def error(self) -> dict[str, Any]:
        """What an answer says of a failure, its own or its task's; empty where it says nothing."""
        answer = self.answer
        error = answer.get("error") if isinstance(answer, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str:
        """The error's code; empty where there is none."""
        return str(self.error.get("code", ""))

    @property
    def wait_s(self) -> float | None:
        """How long Retry-After asked the client to wait; None where it asked nothing."""
        value = self.record["answer_headers"].get("retry-after")
        if value is None or not self.is_intact:
            return None
        if value.isdigit():
            return float(value)
        return parsedate_to_datetime(value).timestamp() - self.client_s

    def exchange(self) -> Exchange:
        """As reports show it: what never arrived is no answer."""
        record = self.record
        query, host = f"?{record['query']}" if record["query"] else "", record["headers"].get("host", "127.0.0.1")
        arrived = self.fault not in _NEVER_ARRIVED
        return Exchange(
            record["method"],
            f"{'https' if host.endswith(_LIVE) else 'http'}://{host}{record['path']}{query}",
            record["headers"],
            "" if record["body"] is None else as_text(record["body"]),
            self.status if arrived else None,
            record["answer_headers"] if arrived else {},
            "" if record["answer"] is None or not arrived else as_text(record["answer"]),
            self.at_s,
            failure=self.fault or "",
        )

    def __str__(self) -> str:
        came = f"never arrived ({self.fault})" if self.fault in _NEVER_ARRIVED else str(self.status)
        broken = f" ({self.fault})" if self.fault and self.fault not in _NEVER_ARRIVED else ""
        told = self.state or self.code
        asked = f"#{self.record['sequence']} {self.record['method']} {self.record['path']}"
        return f"{asked} -> {came}{broken} {told}".rstrip()


def entry_of(record: dict[str, Any], *, virtual: bool) -> Entry:
    """An entry of the wire's records; `virtual`: the client's sleeping moves the fake's clock."""
    return Entry(record, record["operation"], record["at_ms" if virtual else "real_ms"] / 1000)


def operation_of(method: str, path: str, contract: Contract) -> Operation:
    """What a request is for, as this API has it, or the document of another provider."""
    if path.startswith("/media/"):
        return Operation.FETCH
    meant = contract.meant(method, path)
    if meant is not None:
        return _ROLES.get(meant.role, Operation.OTHER)
    return _usual(method, path) if contract.speech is None else Operation.OTHER


def _usual(method: str, path: str) -> Operation:
    """What a request of this API is for that the document of the model does not describe."""
    if path.startswith("/api/v1/files/upload/"):
        return Operation.UPLOAD
    if method == "POST" and path.startswith("/v1/") and path.endswith("/generations"):
        return Operation.SUBMISSION
    return Operation.QUERY if method == "GET" and path.startswith(_TASKS) else Operation.OTHER


def told_of(contract: Contract, operation: Operation, answer: Any) -> Any:
    """An answer about one task in this API's words; any other as it is."""
    if operation is Operation.SUBMISSION:
        return contract.told(contract.create, answer)
    return contract.told(contract.query, answer) if operation is Operation.QUERY else answer
