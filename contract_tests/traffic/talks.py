"""The requests of a journal, told apart by key and by what they are about: one task, or several that are alike."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from contract_tests.client.behaviours.behaviour import PLAIN
from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.run import REAL, Ending, Run
from contract_tests.client.wire.journal import Entry, operation_of, told_of
from contract_tests.contract.contract import Contract, built_in
from contract_tests.exchange import as_text
from contract_tests.traffic.source import Traffic

_SEEN = {"stalled": "late", "unknown_fields": None}
"""What a held answer is to a client that waits for it, and one with more members to a client that reads its own."""
_PACE = replace(REAL, reads_after_end=3)
"""A test may read a task that has ended again for what it asserts; who asks on and on reads it more often."""
_ASKED_FOR = "A scenario asked for this answer"
"""What a mock says where it would tell of a real mistake what came."""


class _Unknown(Ending):
    """Nobody saw how the program ended: a run is taken for one that went on."""

    __slots__ = ()

    def __str__(self) -> str:
        return "how the program ended is not known"


@dataclass(slots=True)
class Talk:
    """What one key asked about the same thing: submissions of the same body, and the tasks that came of them."""

    tenant: str
    entries: list[Entry] = field(default_factory=list)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    contract: Contract = field(default_factory=built_in)

    @property
    def accepted(self) -> list[Entry]:
        """The submissions that made a task, the first of each."""
        made: dict[str | None, Entry] = {}
        for entry in self.entries:
            if entry.kind is Operation.SUBMISSION and entry.record["task_id"]:
                made.setdefault(entry.record["task_id"], entry)
        return list(made.values())

    @property
    def intents(self) -> int:
        """How many tasks were wanted: one that was made again because the answer was lost was wanted once. One whose
        repeated submission was answered is not lost."""
        asked = [entry for entry in self.entries if entry.kind is Operation.SUBMISSION and entry.is_intact]
        told = {entry.record["task_id"] for entry in asked}
        made = self.accepted
        return max(1, len(made) - sum(entry.record["task_id"] not in told for entry in made[:-1]))

    def run(self) -> Run:
        """As the checks of clients read it."""
        return Run(
            behaviour=PLAIN,
            entries=tuple(self.entries),
            ending=_Unknown(0, 0.0),
            pace=_PACE,
            key=_end_of_key(self.tenant),
            intents=self.intents,
            shared=True,
            tasks=self.tasks,
            charged=tuple(str(entry.record["task_id"]) for entry in self.accepted if not self._has_failed(entry)),
            contract=self.contract,
        )

    def _has_failed(self, entry: Entry) -> bool:
        state = self.tasks.get(str(entry.record["task_id"]), {}).get("state")
        return state in ("failed", "cancelled")


def talks_of(traffic: Traffic) -> list[Talk]:
    """By key, be it a wrong one, and then by the body that was submitted; what belongs to no submission makes a talk
    of its own."""
    contract = traffic.contract
    entries = [_entry(record, contract) for record in traffic.requests if _is_meant(record, contract)]
    bodies = {
        entry.record["task_id"]: as_text(entry.record["body"])
        for entry in entries
        if entry.kind is Operation.SUBMISSION and entry.record["task_id"]
    }
    talks: dict[tuple[str, str], Talk] = {}
    for entry in entries:
        tenant = str(entry.record["tenant"] or "")
        who = tenant or entry.record["headers"].get("authorization", "")
        about = _body(entry) if entry.kind is Operation.SUBMISSION else bodies.get(entry.task_id, "")
        talk = talks.setdefault((who, about), Talk(tenant, contract=contract))
        talk.entries.append(entry)
        if entry.task_id in traffic.tasks:
            talk.tasks[str(entry.task_id)] = traffic.tasks[str(entry.task_id)]
    return list(talks.values())


def _entry(record: dict[str, Any], contract: Contract) -> Entry:
    """A record of the mock's journal as it looks from the client: faults, and whether a URL carries the key, whose
    last four characters the journal tells."""
    fault = _SEEN.get(record["fault"], record["fault"])
    end = _end_of_key(str(record["tenant"] or ""))
    key_in = ["URL"] if end and f"=…{end}" in record["query"] else []
    kind = operation_of(record["method"], record["path"], contract)
    seen = {**record, "fault": fault, "made": False, "key_in": key_in}
    if contract.speech is not None and record["status"] < 300:
        seen["told"] = told_of(contract, kind, record["answer"])
    if kind is Operation.QUERY:
        seen["task_id"] = contract.query.value_in(record["path"], record["query"])
    return Entry(seen, kind, record["real_ms"] / 1000)


def _end_of_key(tenant: str) -> str:
    """The name of a world begins with the last four characters of a key that is long enough."""
    end, _, _ = tenant.partition("-")
    return end if len(end) == len("last") else ""


def _is_meant(record: dict[str, Any], contract: Contract) -> bool:
    """Not what browsers and health checks ask by themselves."""
    is_known = contract.meant(record["method"], str(record["path"])) is not None
    is_api = is_known or str(record["path"]).startswith(("/v1/", "/api/", "/media/"))
    return record["method"] != "OPTIONS" and (is_api or "authorization" in record["headers"])


def _body(entry: Entry) -> str:
    return as_text(entry.record["body"])


def without_scripted(talk: Talk) -> Talk:
    """The same without the refusals that nobody earned: a test made the mock give them."""
    made = {entry.record["task_id"] for entry in talk.accepted} | talk.tasks.keys()
    return replace(talk, entries=[entry for entry in talk.entries if not _is_scripted(entry, made)])


def _is_scripted(entry: Entry, made: Iterable[str | None]) -> bool:
    """A mock takes any key, knows its tasks, and says what it received where a request is wrong."""
    answer = entry.record["answer"]
    error = answer.get("error") if isinstance(answer, dict) else None
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    refused_key = entry.status == 401 and entry.record["tenant"] is not None
    well_named = entry.code == "invalid_task_id" and str(entry.task_id).startswith("task-unified-")
    return refused_key or well_named or message == _ASKED_FOR or (entry.status == 404 and entry.task_id in made)
