"""The schema layer: schemathesis over the contract, with its own checks; every request goes through the target."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import ServerError
from schemathesis.engine import events
from schemathesis.engine.core import Engine, ExecutionPlan
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.engine.run import TESTING_PHASES
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth, UnsupportedMethodResponse

from contract_tests.check import Evidence
from contract_tests.contract.contract import Contract
from contract_tests.contract.document import resolved
from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError
from contract_tests.server.probes.probe import PLENTY, Need, Setting
from contract_tests.server.sending import Sending
from contract_tests.server.talk.reading import parsed

IDS = {
    "not_a_server_error": "SCHEMA-NO-SERVER-ERROR",
    "status_code_conformance": "SCHEMA-STATUS",
    "content_type_conformance": "SCHEMA-MEDIA-TYPE",
    "response_schema_conformance": "SCHEMA-BODY",
    "response_headers_conformance": "SCHEMA-HEADERS",
    "positive_data_acceptance": "SCHEMA-ACCEPTS-VALID",
    "negative_data_rejection": "SCHEMA-REFUSES-INVALID",
    "ignored_auth": "SCHEMA-AUTH",
    "unsupported_method": "SCHEMA-METHODS",
    "ensure_resource_availability": "SCHEMA-CREATED-IS-THERE",
}
"""schemathesis's checks, and the ids that they are reported under."""
_COVER_ALL, _ACCEPTS, _REFUSES = "SCHEMA-EVERY-OPERATION", "SCHEMA-ACCEPTS-VALID", "SCHEMA-REFUSES-INVALID"
_SAYS_NOTHING = frozenset({401, 402, 403, 429})
_TAKEN = range(200, 300)
_METHODS = ("get", "post", "put", "delete", "patch")
_RECEIVED_LIMIT = 300


def judge_schema(setting: Setting, missing: Iterable[Need], examples: int, ends_s: float) -> dict[str, int]:
    """Judge every operation, and how many cases each had. Raises SilentServerError.

    Where money is real, only invalid submissions are sent, and reads.
    """
    layer = _Layer(setting, examples, ends_s, has_key=Need.KEY not in missing)
    layer.run()
    layer.judge_cover()
    return dict(layer.cases)


def served_document(contract: Contract, profile: str) -> dict[str, Any]:
    """The document of the contract, with the operations of this profile."""
    raw = deepcopy(contract.document)
    for path, item in list(raw["paths"].items()):
        for method in [name for name in item if name in _METHODS]:
            if item[method].get("x-evolink-profile", profile) != profile:
                del item[method]
        if not any(name in item for name in _METHODS):
            del raw["paths"][path]
    return raw


@dataclass(frozen=True, slots=True)
class _Found:
    """A broken promise with its case."""

    broken: BrokenPromiseError
    steps: list[Exchange]
    evidence: Evidence

    @property
    def weight(self) -> tuple[bool, int]:
        """The smaller, the sooner it is shown."""
        return not self.evidence.is_firm, _length(self.steps)


class _Layer:
    """One run of schemathesis's engine, as the judge hears of it."""

    def __init__(self, setting: Setting, examples: int, ends_s: float, *, has_key: bool) -> None:
        self.setting, self.examples, self.ends_s, self.has_key = setting, examples, ends_s, has_key
        self.is_paid = setting.target.budget.cap_uc is not None
        self.raw = served_document(setting.contract, setting.profile)
        self.cases: Counter[str] = Counter(
            {
                item[method].get("operationId", f"{method.upper()} {path}"): 0
                for path, item in self.raw["paths"].items()
                for method in _METHODS
                if method in item
            }
        )
        self._had = {"HEAD"} | {name.upper() for item in self.raw["paths"].values() for name in item}
        self._found: dict[str, _Found] = {}
        self._cut_short = ""

    def run(self) -> None:
        case = self.setting.case(credits=None if self.is_paid else PLENTY)
        sending = Sending(self.setting.target, case.key, is_paid=self.is_paid)
        schema = schemathesis.openapi.from_dict(self.raw, config=self._config(case.key))
        schema.__class__ = type("Judged", (schema.__class__,), {"transport": property(lambda _: sending)})
        try:
            self._follow(_Engine(schema=schema).execute(), sending)
        except Exception as error:
            self._cut_short = f"schemathesis broke off on what it was answered: {type(error).__name__}: {error}"
        self._tell(sending)

    def _follow(self, stream: Any, sending: Sending) -> None:
        for event in stream:
            if isinstance(event, events.ScenarioFinished):
                self._hear(event.recorder, sending)
            if sending.stopped is not None or time.monotonic() > self.ends_s:
                self._cut_short = str(sending.stopped or "the time of the run was over")
                stream.stop()

    def judge_cover(self) -> None:
        """Zero cases of an operation is a failure, unless the run was cut short."""
        left_out = sorted(operation for operation, count in self.cases.items() if not count)
        if left_out and self._cut_short:
            return self.setting.judge.not_judged(_COVER_ALL, self._cut_short)
        try:
            self.setting.judge.that(_COVER_ALL, not left_out, f"no case of {', '.join(left_out)}")
        except BrokenPromiseError as broken:
            self.setting.judge.found(broken)
        return None

    def _hear(self, recorder: ScenarioRecorder, sending: Sending) -> None:
        for case_id, node in recorder.cases.items():
            operation = node.value.operation.definition.raw.get("operationId", node.value.operation.label)
            self.cases[operation] += case_id in sending.exchanges
        for case_id, heard in recorder.checks.items():
            for one in heard:
                if one.name in IDS and self._says_something(IDS[one.name], sending.exchanges.get(case_id)):
                    failure = one.failure_info.failure if one.failure_info is not None else None
                    self._judge(IDS[one.name], failure, case_id, recorder, sending)

    def _says_something(self, check_id: str, exchange: Exchange | None) -> bool:
        """What a wrong key, or a purse too small, is refused for says nothing of the request; nor does a refusal
        where nothing was ever accepted."""
        if check_id == _ACCEPTS and exchange is not None and self._creates(exchange) and not self._is_valid(exchange):
            return False
        if check_id not in (_ACCEPTS, _REFUSES) or self.setting.target.control is not None:
            return True
        if not self.has_key or (exchange is not None and exchange.status in _SAYS_NOTHING):
            return False
        creates = self._creates(exchange)
        return not creates or exchange is None or exchange.status in _TAKEN or self.setting.target.took_valid

    def _is_valid(self, exchange: Exchange) -> bool:
        """Whether a submission is valid by all that the document says: some forget to say that a body is required,
        and what is drawn passes over the format of what may be null."""
        body, is_json = parsed(exchange.request_body)
        return bool(exchange.request_body) and (not is_json or self.setting.contract.requests.fits(body))

    def _creates(self, exchange: Exchange | None) -> bool:
        create = self.setting.contract.create
        return exchange is not None and exchange.method == create.method and create.ends(exchange.url)

    def _judge(self, check_id: str, failure: Any, case_id: str, recorder: ScenarioRecorder, sending: Sending) -> None:
        """Count; of the failing cases of a check the surest is kept, and of these the shortest."""
        exchange = sending.exchanges.get(case_id)
        if self._is_by_design(failure, exchange):
            failure = None
        try:
            self.setting.judge.that(check_id, failure is None, _told(failure, exchange)[:_RECEIVED_LIMIT])
        except BrokenPromiseError as broken:
            ids = (*recorder_chain(recorder, case_id), case_id)
            steps = [sending.exchanges[one] for one in ids if one in sending.exchanges]
            found = _Found(broken, steps, self._evidence(recorder.cases[case_id].value.operation, exchange))
            if check_id not in self._found or found.weight < self._found[check_id].weight:
                self._found[check_id] = found

    def _evidence(self, operation: Any, exchange: Exchange | None) -> Evidence:
        """How sure it is that there is such an operation, and such an answer of it."""
        raw = operation.definition.raw
        answer = raw.get("responses", {}).get(str(exchange.status), {}) if exchange is not None else {}
        told = (one.get("x-evolink-evidence", "documented") for one in (raw, resolved(self.raw, answer)))
        return next((one for one in map(Evidence, told) if not one.is_firm), Evidence.DOCUMENTED)

    def _is_by_design(self, failure: Any, exchange: Exchange | None) -> bool:
        """On a mock any key is an account of its own: only a missing one is refused. A method that a server has
        nowhere is 501 as well (RFC 9110, section 15.6.2)."""
        if isinstance(failure, ServerError | UnsupportedMethodResponse) and exchange is not None:
            return exchange.status == HTTPStatus.NOT_IMPLEMENTED and exchange.method not in self._had
        has_control = self.setting.target.control is not None
        return has_control and isinstance(failure, IgnoredAuth) and failure.scenario is AuthScenario.INVALID_AUTH

    def _tell(self, sending: Sending) -> None:
        judge = self.setting.judge
        for found in self._found.values():
            judge.found(found.broken, found.steps, evidence=found.evidence)
        if sending.accepted:
            self.setting.shelf.off = "invalid submissions were accepted, each of which may have cost credits"
        if sending.stopped is not None:
            raise sending.stopped
        for check_id, reason in self._reasons(sending):
            judge.not_judged(check_id, reason)

    def _reasons(self, sending: Sending) -> Iterator[tuple[str, str]]:
        """Why checks may not have been judged, the weightiest first."""
        if self._cut_short:
            yield from ((check_id, self._cut_short) for check_id in IDS.values())
        if not self.has_key:
            yield from ((check_id, Need.KEY.value) for check_id in (_ACCEPTS, _REFUSES))
        if sending.declined is not None:
            yield _ACCEPTS, str(sending.declined)
        if self.is_paid:
            yield _ACCEPTS, "valid submissions cost credits"
            yield _REFUSES, "no valid submission was accepted in this run to compare refusals with"

    def _config(self, key: str) -> SchemathesisConfig:
        create = self.setting.contract.create
        mode = "negative" if self.is_paid else "all"
        free = {"enabled": not self.is_paid}
        return SchemathesisConfig.from_dict(
            {
                "base-url": self.setting.target.settings.url,
                "headers": {"Authorization": f"Bearer {key}"},
                "seed": self.setting.seed,
                "workers": 1,
                # It would lie where the run was started, and the next one would begin with it.
                "cache": {"enabled": False},
                "continue-on-failure": True,
                "generation": {"max-examples": self.examples, "database": "none"},
                "operations": [
                    {"include-path": create.path, "include-method": create.method, "generation": {"mode": mode}}
                ],
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ["2xx", "402", "403", "404", "409", "429"]},
                    "negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]},
                },
                "phases": {
                    "examples": free,
                    "stateful": free | {"generation": {"max-examples": self.examples}},
                },
            }
        )


class _Engine(Engine):
    """The phases that test. The ones before would speak to the server past the target."""

    def _create_execution_plan(self) -> ExecutionPlan:
        plan = super()._create_execution_plan()
        return ExecutionPlan([phase for phase in plan.phases if phase.name in TESTING_PHASES])


def recorder_chain(recorder: ScenarioRecorder, case_id: str) -> list[str]:
    """The cases that led to this one, oldest first."""
    chain: list[str] = []
    node = recorder.cases.get(case_id)
    while node is not None and node.parent_id is not None:
        chain.insert(0, node.parent_id)
        node = recorder.cases.get(node.parent_id)
    return chain


def _told(failure: Any, exchange: Exchange | None) -> str:
    """What schemathesis says of a failure, in one line; of a server error it says nothing."""
    message = getattr(failure, "message", "") or (f"answered {exchange.status}" if exchange is not None else "")
    parts = [" ".join(part.split()) for part in message.split("\n\n")]
    return f"{getattr(failure, 'title', '')}: {'; '.join(filter(None, parts))}"


def _length(steps: list[Exchange]) -> int:
    return sum(len(step.request_body) + len(step.url) for step in steps)
