"""The contract of one model: its document, by roles; what is valid, what it costs, how its tasks read."""

from functools import cache, cached_property
from pathlib import Path
from typing import Any

from contract_tests.contract.document import (
    BUILT_IN,
    contract_document,
    json_media,
    json_schema,
    json_types,
    operations,
    property_at,
    resolved,
)
from contract_tests.contract.endpoint import Endpoint, parameters_of
from contract_tests.contract.price import Price
from contract_tests.contract.promised import Promised, common, listed, typed
from contract_tests.contract.request import Requests
from contract_tests.contract.speech import Speech

STATES = ("pending", "processing", "completed", "failed", "cancelled")
"""What this API calls the states of a task, in their order."""
KEY_HEADER = "Idempotency-Key"
NAMED_BY = "x-named-by"
"""Beside an operation whose path has no parameter for the task, the one of the query string that names it."""
_OWNED: dict[str, frozenset[str]] = {
    "create_task": frozenset(
        {"id", "created", "status", "progress", "model", "task_info.estimated_time"}
        | {"usage.credits_reserved", "usage.billing_rule"}
    ),
    "get_task": frozenset({"status"}),
}
"""Properties whose absence another check names."""
_OWNED_ERRORS = frozenset({"error.code", "error.type", "error.param"})


class Contract:
    """What a run judges by. `document` has the operations with their roles, the model's own among them; `source` is
    what reports call it; `speech` is how its tasks speak, if not as this API's; `specs` are the files and folders
    that it was read from."""

    def __init__(
        self,
        document: dict[str, Any],
        model: str,
        source: str,
        speech: Speech | None = None,
        callback: str | None = "callback_url",
        specs: tuple[Path, ...] = (),
    ) -> None:
        self.specs = specs
        self.document, self.model, self.source, self.speech = document, model, source, speech
        known = (one for one in operations(document) if "x-evolink-role" in one[2])
        self.endpoints = tuple(self._endpoint_of(*one) for one in known)
        self.requests = Requests(document, self.create.raw, model, callback)
        self._promised: dict[tuple[str, str, int], Promised | None] = {}

    # --- operations

    def _endpoint_of(self, method: str, path: str, raw: dict[str, Any]) -> Endpoint:
        shared = self.document["paths"][path].get("parameters", ())
        parameters = parameters_of(resolved(self.document, one) for one in (*shared, *raw.get("parameters", ())))
        schemas = (resolved(self.document, one.get("schema", {})) for one in parameters)
        known = tuple(one | {"schema": schema} for one, schema in zip(parameters, schemas, strict=True))
        return Endpoint(raw["x-evolink-role"], method, path, raw, known, raw.get(NAMED_BY))

    def endpoint(self, role: str) -> Endpoint | None:
        return next((one for one in self.endpoints if one.role == role), None)

    def needed(self, role: str) -> Endpoint:
        found = self.endpoint(role)
        if found is None:
            raise LookupError(f"{self.source} has no operation with the role {role}")
        return found

    @cached_property
    def create(self) -> Endpoint:
        return self.needed("create_task")

    @cached_property
    def query(self) -> Endpoint:
        return self.needed("get_task")

    @cached_property
    def credits(self) -> Endpoint | None:
        return self.endpoint("get_credits")

    def meant(self, method: str, path: str) -> Endpoint | None:
        """The operation that a request is of; a path without parameters goes before any template that it fits."""
        fitting = [one for one in self.endpoints if one.fits(method, path)]
        return min(fitting, key=lambda one: one.path.count("{"), default=None)

    # --- requests

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """What decides beyond the schema whether a submission is valid (`x-evolink-rules`)."""
        return tuple(self.create.raw.get("x-evolink-rules", ()))

    def price(self, profile: str) -> Price | None:
        """None where the document tells no price, or not what the seconds are that it counts."""
        told = self.create.raw.get("x-evolink-price")
        if not told:
            return None
        results = self.create.raw.get("x-evolink-results", {})
        rule, length = told.get(profile) or next(iter(told.values())), self.create.raw.get("x-evolink-length")
        count_field = results.get("count_field") or ("n" if "n" in self.requests.properties else None)
        price = Price(rule, length or {}, count_field, results.get("count", 1))
        return None if price.counts_seconds and length is None else price

    def price_uc(self, profile: str, seconds: float | None, body: dict[str, Any] | None = None) -> int | None:
        """What a submission costs, in uc, whose media are this long (None: what the document takes them for); None
        where the document does not say."""
        price = self.price(profile)
        return None if price is None else price.uc(body or self.requests.example(), seconds)

    def highest_uc(self, seconds: float | None) -> int | None:
        """The most that any price rule of the document asks for its example."""
        told = [self.price_uc(profile, seconds) for profile in self.create.raw.get("x-evolink-price", ())]
        return max((one for one in told if one is not None), default=None)

    @property
    def link_seconds(self) -> int | None:
        """How long a result's link works; None where the document does not say."""
        seconds: int | None = self.create.raw.get("x-evolink-results", {}).get("valid_seconds")
        return seconds

    # --- answers

    def told(self, endpoint: Endpoint, body: Any) -> Any:
        """A healthy answer in this API's own words."""
        if self.speech is None or endpoint.role not in ("create_task", "get_task", "cancel_task"):
            return body
        return self.speech.told(body, submitted=endpoint.role == "create_task")

    def state(self, endpoint: Endpoint, body: Any) -> Any:
        """That of the task that an answer tells of, in this API's own word."""
        told = self.told(endpoint, body)
        return told.get("status") if isinstance(told, dict) else None

    def spoken(self, state: str) -> str:
        """The document's word for a state of this API."""
        return str(self.speech.spoken(state)) if self.speech else state

    @cached_property
    def statuses(self) -> tuple[str, ...]:
        """The states that a query of a task may tell, in this API's words."""
        if self.speech is not None:
            return tuple(one for one in STATES if one in self.speech.words.values())
        schema = self.answer_property(self.query, "status") or {}
        return tuple(schema.get("enum", STATES[:4]))

    @property
    def says_cancelled(self) -> bool:
        return "cancelled" in self.statuses

    @property
    def cancelled_state(self) -> str:
        """How a cancelled task reads."""
        return "cancelled" if self.says_cancelled else "failed"

    def answer_property(self, endpoint: Endpoint, path: str, status: int | None = None) -> dict[str, Any] | None:
        """The schema of a property of an answer that all went well; None where the document has none."""
        return property_at(self.document, self.answer_schema(endpoint, status), path)

    def answer_schema(self, endpoint: Endpoint, status: int | None = None) -> Any:
        response = endpoint.raw.get("responses", {}).get(str(status or self.ok_status(endpoint)))
        return json_schema(self.document, response) or {}

    def ok_status(self, endpoint: Endpoint) -> int:
        """The status of an answer that all went well."""
        return next((int(one) for one in endpoint.raw.get("responses", {}) if str(one).startswith("2")), 200)

    def says(self, path: str) -> bool:
        """Whether the answer to a submission has this property."""
        if self.speech is not None:
            return path in self.speech.submitted
        return self.answer_property(self.create, path) is not None

    def shows(self, path: str) -> bool:
        """Whether the answer to a query has this property."""
        if self.speech is not None:
            return path.replace(".", "_") in self.speech.queried
        return self.answer_property(self.query, path) is not None

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """Why a task may have failed, as the task's `error.code` says."""
        return tuple(self.document.get("x-evolink-failures", ()))

    def callback_rules(self) -> dict[str, Any] | None:
        """`timeout_seconds`, `retry_delays_seconds`, `follow_redirects`; None where the document has none."""
        for one in self.create.raw.get("callbacks", {}).values():
            for path in resolved(self.document, one).values():
                rules: dict[str, Any] | None = path.get("post", {}).get("x-evolink-callback")
                if rules is not None:
                    return rules
        return None

    def error_kinds(self, endpoint: Endpoint, status: int, *, named: bool = True) -> frozenset[tuple[Any, str]]:
        """The codes and types that the document gives for this status of an operation; empty where it gives none.

        Who shares its path with other models of this API answers by any of them what names (`named`) no model.
        """
        usual = built_in() if not named and self.speech is None else self
        if usual is not self and endpoint is self.create:
            return self.error_kinds(endpoint, status) | usual.error_kinds(usual.create, status)
        examples = self._examples(endpoint.raw.get("responses", {}).get(str(status)))
        errors = [one["error"] for one in examples if isinstance(one, dict) and isinstance(one.get("error"), dict)]
        return frozenset((error.get("code"), error.get("type")) for error in errors)

    def is_supposed(self, endpoint: Endpoint, status: int, code: Any) -> bool:
        """Whether no documentation has this code of an error, so that nobody says its type."""
        answer = endpoint.raw.get("responses", {}).get(str(status))
        for one in json_media(self.document, answer).get("examples", {}).values():
            example = resolved(self.document, one)
            if example.get("value", {}).get("error", {}).get("code") == code:
                return bool(example.get("x-evolink-evidence", "documented") != "documented")
        return False

    @cached_property
    def invalid(self) -> dict[int, tuple[Any, ...]]:
        """The codes by which a submission is refused as invalid, by status; empty where the document says nothing."""
        return {one: self.codes(one) for one in (400, 422) if str(one) in self.create.raw.get("responses", {})}

    def is_invalid(self, status: int, code: Any, *, named: bool = True) -> bool:
        """Whether an answer refuses a submission (which names the model) as the document says of an invalid one."""
        if not self.invalid:
            return 400 <= status < 500
        codes = [known for known, _ in self.error_kinds(self.create, status, named=named)]
        return status in self.invalid and (not codes or code in codes)

    def is_named(self, body: Any) -> bool:
        """Whether a submission names the model, where requests do."""
        if "model" not in self.requests.properties:
            return True
        return isinstance(body, dict) and body.get("model") == self.model

    @property
    def invalid_told(self) -> str:
        told = (" ".join(map(str, (status, *codes))) for status, codes in self.invalid.items())
        return " or ".join(told) or "a status from 400 to 499"

    def refuses(self, endpoint: Endpoint, status: int, code: Any) -> bool:
        """Whether an operation refuses with this code by this status; with any where the document gives none."""
        codes = [known for known, _ in self.error_kinds(endpoint, status)]
        return not codes or code in codes

    def codes(self, status: int) -> tuple[Any, ...]:
        """The codes of the errors that a submission may be refused with by this status; empty where none is told."""
        return tuple(sorted({code for code, _ in self.error_kinds(self.create, status)}, key=str))

    def promised(self, endpoint: Endpoint, status: int) -> Promised | None:
        """What the document says of this answer; None where it does not know it."""
        name = (endpoint.method, endpoint.path, status)
        if name not in self._promised:
            self._promised[name] = self._promise(endpoint, status)
        return self._promised[name]

    def _promise(self, endpoint: Endpoint, status: int) -> Promised | None:
        responses = endpoint.raw.get("responses", {})
        names = (str(status), f"{status // 100}XX", "default")
        response = next((resolved(self.document, responses[one]) for one in names if one in responses), None)
        if response is None:
            return None
        owned = _OWNED.get(endpoint.role, frozenset()) if status < 400 else _OWNED_ERRORS
        firm = endpoint.is_documented and response.get("x-evolink-evidence") == "documented"
        schema, examples = json_schema(self.document, response), self._examples(response)
        states = {str(self.state(endpoint, one)) for one in examples} if endpoint.role == "get_task" else set()
        state = states.pop() if status < 400 and len(states) == 1 else None
        values = listed(self.document, schema, owned) if status < 400 and self.speech is None else {}
        kinds = json_types(response)
        return Promised(firm, typed(self.document, schema), common(examples), owned, state, values, kinds)

    def _examples(self, response: Any) -> list[Any]:
        media = json_media(self.document, response)
        named = [resolved(self.document, one).get("value") for one in media.get("examples", {}).values()]
        return [*named, *([media["example"]] if "example" in media else [])]


@cache
def built_in() -> Contract:
    """The contract of the model that the kit itself describes."""
    document = contract_document()
    (model,) = document["components"]["schemas"]["VideoRequest"]["properties"]["model"]["enum"]
    return Contract(document, model, f"openapi/{BUILT_IN}")
