"""The schema layer: schemathesis over the contract, with its own checks; every request goes through the target."""

import time
from collections import Counter
from copy import deepcopy
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events
from schemathesis.engine.core import Engine, ExecutionPlan
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.engine.run import TESTING_PHASES
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth

from contract_tests.document import CREATE, contract_document
from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError
from contract_tests.server.budget import OverBudgetError
from contract_tests.server.probe import Setting
from contract_tests.server.sending import Sending
from contract_tests.server.target import SilentServerError

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
_COVER_ALL = "SCHEMA-EVERY-OPERATION"
_METHODS = ("get", "post", "put", "delete", "patch")
_RECEIVED_LIMIT = 300


def judge_schema(setting: Setting, *, examples: int, ends_s: float) -> dict[str, int]:
    """Judge every operation, and how many cases each had. Raises SilentServerError.

    Where money is real, only invalid submissions are sent, and reads.
    """
    layer = _Layer(setting, examples, ends_s)
    layer.run()
    layer.judge_cover()
    return dict(layer.cases)


def served_document(profile: str) -> dict[str, Any]:
    """The contract with the operations of this profile."""
    raw = deepcopy(contract_document())
    for path, item in list(raw["paths"].items()):
        for method in [name for name in item if name in _METHODS]:
            if item[method].get("x-evolink-profile", profile) != profile:
                del item[method]
        if not any(name in item for name in _METHODS):
            del raw["paths"][path]
    return raw


class _Layer:
    """One run of schemathesis's engine, as the judge hears of it."""

    def __init__(self, setting: Setting, examples: int, ends_s: float) -> None:
        self.setting, self.examples, self.ends_s = setting, examples, ends_s
        self.is_paid = setting.target.budget.cap_uc is not None
        self.raw = served_document(setting.profile)
        self.cases: Counter[str] = Counter(
            {
                item[method]["operationId"]: 0
                for item in self.raw["paths"].values()
                for method in _METHODS
                if method in item
            }
        )
        self._found: dict[str, tuple[BrokenPromiseError, list[Exchange]]] = {}

    def run(self) -> None:
        case = self.setting.case(credits=None if self.is_paid or self.setting.target.control is None else 1_000_000)
        sending = Sending(self.setting.target, self.raw, case.key, is_paid=self.is_paid)
        schema = schemathesis.openapi.from_dict(self.raw, config=self._config(case.key))
        schema.__class__ = type("Judged", (schema.__class__,), {"transport": property(lambda _: sending)})
        stream = _Engine(schema=schema).execute()
        for event in stream:
            if isinstance(event, events.ScenarioFinished):
                self._hear(event.recorder, sending)
            if sending.stopped is not None or time.monotonic() > self.ends_s:
                stream.stop()
        self._tell(sending.stopped)

    def judge_cover(self) -> None:
        """Zero cases of an operation is a failure, whatever the reason."""
        left_out = sorted(operation for operation, count in self.cases.items() if not count)
        try:
            self.setting.judge.that(_COVER_ALL, not left_out, f"no case of {', '.join(left_out)}")
        except BrokenPromiseError as broken:
            self.setting.judge.found(broken)

    def _hear(self, recorder: ScenarioRecorder, sending: Sending) -> None:
        for case_id, node in recorder.cases.items():
            operation = node.value.operation.definition.raw.get("operationId", node.value.operation.label)
            self.cases[operation] += case_id in sending.exchanges
        for case_id, heard in recorder.checks.items():
            for one in heard:
                if one.name in IDS:
                    failure = one.failure_info.failure if one.failure_info is not None else None
                    self._judge(IDS[one.name], failure, case_id, recorder, sending)

    def _judge(self, check_id: str, failure: Any, case_id: str, recorder: ScenarioRecorder, sending: Sending) -> None:
        """Count; of the failing cases of a check the shortest is kept."""
        if self._is_by_design(failure):
            failure = None
        try:
            told = f"{getattr(failure, 'title', '')}: {getattr(failure, 'message', '')}"
            self.setting.judge.that(check_id, failure is None, " ".join(told.split())[:_RECEIVED_LIMIT])
        except BrokenPromiseError as broken:
            ids = (*recorder_chain(recorder, case_id), case_id)
            steps = [sending.exchanges[one] for one in ids if one in sending.exchanges]
            known = self._found.get(check_id)
            if known is None or _length(steps) < _length(known[1]):
                self._found[check_id] = (broken, steps)

    def _is_by_design(self, failure: Any) -> bool:
        """On a mock any key is an account of its own: only a missing one is refused."""
        has_control = self.setting.target.control is not None
        return has_control and isinstance(failure, IgnoredAuth) and failure.scenario is AuthScenario.INVALID_AUTH

    def _tell(self, stopped: Exception | None) -> None:
        for broken, steps in self._found.values():
            self.setting.judge.found(broken, steps)
        if isinstance(stopped, SilentServerError):
            raise stopped
        if isinstance(stopped, OverBudgetError):
            self.setting.judge.not_judged("SCHEMA-ACCEPTS-VALID", str(stopped))
        if self.is_paid:
            self.setting.judge.not_judged("SCHEMA-ACCEPTS-VALID", "valid submissions cost credits")

    def _config(self, key: str) -> SchemathesisConfig:
        mode = "negative" if self.is_paid else "all"
        free = {"enabled": not self.is_paid}
        return SchemathesisConfig.from_dict(
            {
                "base-url": self.setting.target.settings.url,
                "headers": {"Authorization": f"Bearer {key}"},
                "seed": self.setting.seed,
                "workers": 1,
                "continue-on-failure": True,
                "generation": {"max-examples": self.examples, "database": "none"},
                "operations": [{"include-path": CREATE, "include-method": "POST", "generation": {"mode": mode}}],
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ["2xx", "402", "403", "404", "409", "429"]}
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


def _length(steps: list[Exchange]) -> int:
    return sum(len(step.request_body) + len(step.url) for step in steps)
