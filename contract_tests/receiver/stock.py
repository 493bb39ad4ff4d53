"""Real tasks to tell a receiver of: made by the mock, each body byte for byte what the API answers."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx

from contract_tests.contract.contract import Contract, built_in
from contract_tests.receiver.state import Told
from mockserver.testing import MockServer

COMPLETED, CANCELLED = "completed", "cancelled"
FAILURES = built_in().failures
"""Documented: why a task can fail."""
KINDS = (COMPLETED, *FAILURES, CANCELLED)
"""How a task can end: completed, failed with a code, cancelled."""

_KEY = "sk-receiver-judge"
_SLOW = {"when": {"operation": "submission"}, "then": {"queue_seconds": 1, "seconds": 600}}
"""No task ends by itself."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has ended. `body` is its callback, `earlier` what it read while it was still processing; `contract`
    is how to read them."""

    id: str
    kind: str
    body: bytes
    earlier: bytes
    contract: Contract = field(default_factory=built_in)

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    @property
    def told(self) -> Told:
        """What a state may say of it."""
        fields = self.contract.told(self.contract.query, self.fields)
        echoes = frozenset(str(fields[name]) for name in ("model", "object", "type") if name in fields)
        return Told(self.id, tuple(fields.get("results", ())), echoes)

    @property
    def succeeded(self) -> bool:
        return self.kind == COMPLETED

    def with_fields(self, **more: Any) -> bytes:
        """The callback with these fields over its own; letters of any script as they are (RFC 8259, 8.1)."""
        return json.dumps(self.fields | more, separators=(",", ":"), ensure_ascii=False).encode()

    def renamed(self, task_id: str) -> "Ended":
        """The same task, had it been given another id."""
        old, new = self.id.encode(), task_id.encode()
        return replace(self, id=task_id, body=self.body.replace(old, new), earlier=self.earlier.replace(old, new))


class Stock:
    """Tasks on demand, from a mock of its own; no two have the same id, in this run or any other.

    A context manager: the mock runs inside it, so result links lead somewhere.
    """

    def __init__(self, profile: str, ids: int, contract: Contract) -> None:
        self._contract = contract
        self._mock = MockServer(profile=profile, seed=ids, credits=10**9, specs=contract.specs)

    def __enter__(self) -> Self:
        self._mock.start()
        self._mock.post("/scenarios", {"name": "slow", "rules": [_SLOW]})
        headers = {"authorization": f"Bearer {_KEY}"}
        self._http = httpx.Client(base_url=self._mock.url, headers=headers, timeout=60, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._mock.stop()

    def take(self, kind: str = COMPLETED) -> Ended:
        """A task that nobody has heard of; created later than all before it."""
        task_id = self._submit()
        earlier = self._read(task_id)
        self._end(task_id, kind)
        return Ended(task_id, kind, self._read(task_id), earlier, self._contract)

    def _end(self, task_id: str, kind: str) -> None:
        if kind == COMPLETED:
            self._mock.post(f"/tasks/{task_id}/complete")
        elif kind == CANCELLED:
            self._mock.post(f"/tasks/{task_id}/cancel")
        else:
            self._mock.post(f"/tasks/{task_id}/fail", {"code": kind})

    def _submit(self) -> str:
        create = self._contract.create
        body = self._contract.requests.example()
        answer = self._http.request(create.method, create.sent, headers=create.headers, json=body).raise_for_status()
        self._mock.advance(seconds=2)
        return str(self._contract.told(create, answer.json())["id"])

    def _read(self, task_id: str) -> bytes:
        query = self._contract.query
        return self._http.request(query.method, query.of(task_id), headers=query.headers).raise_for_status().content
