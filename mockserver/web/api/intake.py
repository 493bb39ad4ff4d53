"""From a request to the command it asks for: parsed, validated, judged by the rules, priced."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from mockserver.contract.behaviour import TaskBehaviour
from mockserver.contract.document.template import TASK_ID
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry, Route
from mockserver.contract.request.objection import Objection, shown, typed
from mockserver.contract.request.query import pairs
from mockserver.contract.rules import Facts
from mockserver.runtime.delivery.target import TargetPolicy
from mockserver.runtime.resident import Resident
from mockserver.simulation.command import Submit
from mockserver.simulation.scenario import Effect, Match, Media, Subject, When
from mockserver.simulation.task import Terms
from mockserver.web.api.callback_url import CallbackUrls
from mockserver.web.api.identity import Headers
from mockserver.web.api.order import Asked, MediaTable, Pace, asked, media_of, plain, terms_of, urls_of
from mockserver.web.api.refused import RefusedError, can_act, error, invalid
from mockserver.web.api.script import MARK, ScriptError, Scripts
from mockserver.web.files.inputs import UploadedInputs
from mockserver.web.files.links import MARK as FILE_MARK
from mockserver.web.http.parsing import UnreadableError, json_of

_NOT_MEDIA = frozenset({"prompt", "model", "callback_url"})


class Call(Struct, frozen=True, gc=False):
    """A request on its way through: whose world it concerns, what is asked of which operations, and when by the
    world's clock."""

    resident: Resident
    route: Route
    headers: Headers
    body: bytes
    now_ms: int
    query: bytes = b""

    @property
    def operation(self) -> Operation:
        return self.route.operations[0]


class Order(NamedTuple):
    """What a creating request comes to: the operation of its model, its body, the command."""

    operation: Operation
    body: dict[str, Any]
    command: Submit


class Intake:
    """Turns requests into commands. Raises RefusedError with the documented answer where that can't be."""

    def __init__(
        self,
        registry: Registry,
        scripts: Scripts,
        policy: TargetPolicy,
        pace: Pace,
        inputs: UploadedInputs,
        share: Callable[[Terms], Terms],
    ) -> None:
        self._registry, self._scripts, self._policy, self._pace = registry, scripts, policy, pace
        self._inputs, self._share, self._callback_urls = inputs, share, CallbackUrls(policy)
        self._terms_asked = lru_cache(maxsize=10_000)(self._make_terms)
        self._plain_terms: dict[tuple[Operation, str], Terms] = {}

    def order(self, call: Call) -> Order:
        """The submission that a creating request asks for."""
        body = self._parsed(call)
        operation = self._of_model(call, body)
        objection = self._callback_urls.objection(operation, body)
        if objection is None and not isinstance(body, dict):
            objection = Objection("body", typed(body), "object")
        if objection is not None:
            raise invalid(operation, objection)
        if "model" not in body:
            body["model"] = operation.models[0]
        behaviour = operation.task_behaviour
        try:
            effect = self._triggers(call, body)
            table = _media_table(call)
            if FILE_MARK in call.body:
                uploaded, effect = self._inputs.of(_media_urls(body), effect)
                table = {**uploaded, **(table or {})}
            self._judge(operation, body, table)
            terms = self._terms(operation, body, table)
        except ScriptError as script_error:
            raise invalid(operation, script_error.objection) from script_error
        key = self._idempotency_key(call, operation, behaviour)
        command = Submit(
            at_ms=call.now_ms,
            terms=terms,
            callback_url=body.get(operation.callback_field),
            idempotency_key=key,
            fingerprint=None if key is None else _fingerprint(body),
            idempotency_window_ms=0 if key is None else behaviour.idempotency.window_seconds * 1000,
            requests_per_window=behaviour.rate_limit.requests,
            window_ms=round(behaviour.rate_limit.window_seconds * 1000),
            matches=self.matches(call, operation, body),
            effect=effect,
        )
        return Order(operation, body, command)

    def matches(self, call: Call, operation: Operation, body: dict[str, Any], task_id: str = "") -> tuple[Match, ...]:
        """The scenario rules that a request meets, in order of precedence."""
        playbook = call.resident.world.playbook
        if not playbook.scenarios:
            return ()
        names = self._registry.naming.of(operation)
        subject = Subject(
            operation="",
            model=str(body.get("model", "")),
            prompt=_prompt(body),
            urls=tuple(_media_urls(body)),
            task_id=task_id,
        )
        return tuple(
            Match(scenario.name, number, scenario.own)
            for scenario in playbook.in_force()
            for number, rule in enumerate(scenario.rules)
            if _concerns(rule.when, names, subject) and can_act(operation, rule.then)
        )

    def _terms(self, operation: Operation, body: dict[str, Any], table: MediaTable | None) -> Terms:
        """The terms of a request; equal requests share one object. Where only the model counts, nothing is asked."""
        known = self._plain_terms.get((operation, body["model"])) if table is None else None
        if known is not None:
            return known
        behaviour, profile = operation.task_behaviour, self._registry.profile
        terms = self._terms_asked(operation, asked(behaviour, profile, body, table))
        if table is None and plain(behaviour, profile):
            self._plain_terms[operation, terms.model] = terms
        return terms

    def _make_terms(self, operation: Operation, request: Asked) -> Terms:
        return self._share(terms_of(operation, request, self._registry.profile, self._pace))

    def body(self, call: Call) -> Any:
        """The body of a request that creates nothing."""
        body = self._parsed(call)
        self.judge(call, body)
        return body

    def judge(self, call: Call, body: Any) -> None:
        """Refuse a body that breaks the schema of its operation."""
        objection = call.operation.request.objection(body) if call.operation.request else None
        if objection is not None:
            raise invalid(call.operation, objection)

    def query(self, call: Call) -> dict[str, Any]:
        """The parameters of the query string, with their defaults."""
        asked = call.operation.query.read(call.query)
        objection = call.operation.query.objection(asked)
        if objection is not None:
            raise invalid(call.operation, objection)
        return asked

    def remote(self, call: Call, url: str) -> tuple[Media, Effect | None]:
        """What lies behind a URL that is to be uploaded, and what its trigger words ask for."""
        try:
            return media_of(url, _media_table(call) or {}), self._triggers(call, {"file_url": url})
        except ScriptError as script_error:
            raise invalid(call.operation, script_error.objection) from script_error

    def unsupported(self, call: Call, allowed: str) -> RefusedError:
        """The answer to a body of another content type than is allowed."""
        content_type = call.headers.get(b"content-type", b"")
        received = shown(content_type.decode("latin-1")) if content_type else "nothing"
        own = call.operation.errors
        answers = own if "unsupported_media_type" in own else self._registry.general
        return RefusedError(error(answers["unsupported_media_type"], received=received, allowed=allowed))

    def _parsed(self, call: Call) -> Any:
        """The body as JSON; what is wrong with it is told, whatever it is."""
        content_type = call.headers.get(b"content-type", b"")
        if content_type != b"application/json" and not _is_json(content_type):
            raise self.unsupported(call, "application/json")
        try:
            return json_of(call.body)
        except UnreadableError as reason:
            raise RefusedError(error(call.operation.errors["malformed_body"], received=str(reason))) from reason

    def _of_model(self, call: Call, body: Any) -> Operation:
        """The operation that serves `body.model`. A body that is no object is for the schema to judge."""
        models, place = self._registry.by_model, call.operation.place
        model = body.get("model") if isinstance(body, dict) else None
        operation = models.serving(model, place) if isinstance(model, str) else None
        if operation is not None:
            return operation
        if isinstance(model, str):
            answer, objection = models.speaker(place).errors["unknown_model"], models.unknown(place, model)
            told = error(answer, **objection._asdict(), model=objection.received)
            raise RefusedError(told, objection, models.speaker(place))
        if isinstance(body, dict) and "model" in body:
            raise invalid(models.speaker(place), models.mistyped(place, model))
        if isinstance(body, dict) and models.unasked(place) is None:
            raise invalid(models.speaker(place), models.missing(place))
        return models.unasked(place) or models.speaker(place)

    def _triggers(self, call: Call, body: dict[str, Any]) -> Effect | None:
        """What the trigger words ask for; one that means nothing is refused, not passed over."""
        if MARK not in call.body:
            return None
        return self._scripts.triggers(_prompt(body), _media_urls(body))

    def _judge(self, operation: Operation, body: dict[str, Any], table: MediaTable | None) -> None:
        size_of = None if table is None else lambda url: media_of(url, table).bytes
        facts = Facts(self._policy.objection, size_of)
        objection = operation.rules.objection(body, facts)
        if objection is not None:
            raise invalid(operation, self._callback_urls.hinted(operation, objection, body))

    def _idempotency_key(self, call: Call, operation: Operation, behaviour: TaskBehaviour) -> str | None:
        header = behaviour.idempotency.header
        value = call.headers.get(header.lower().encode())
        if value is None:
            return None
        key = value.decode("latin-1")
        if not operation.parameter_fits(header, key):
            raise RefusedError(error(operation.errors["invalid_idempotency_key"], received=shown(key)))
        return key


def judge_parameters(call: Call) -> None:
    """Refuse a request of another provider whose path, query string or headers its document forbids."""
    if call.operation.asked is None:
        return
    objection = call.operation.asked.objection(call.route.path_values, call.query, call.headers)
    if objection is not None:
        raise invalid(call.operation, objection)


def task_asked(call: Call) -> str:
    """The id of the task that a request is about, from its path or its query string."""
    name = call.operation.named_by
    if name is None:
        return call.route.path_values[TASK_ID]
    found = dict(pairs(call.query)).get(name)
    if found is None:
        raise invalid(call.operation, Objection(name, "nothing", "the id of a task"))
    return found


def _prompt(body: Any, depth: int = 0) -> str:
    """The prompt of a request; other providers have it inside, as `input.prompt`."""
    if not isinstance(body, dict):
        return ""
    if body.get("prompt") or depth > 3:
        return str(body.get("prompt") or "")
    return next((found for one in body.values() if (found := _prompt(one, depth + 1))), "")


def _concerns(when: When, names: frozenset[str], subject: Subject) -> bool:
    """Whether a rule is about this request: its operation by any of its names, and what else the rule asks."""
    if when.operation is None:
        return when.matches(subject)
    return when.operation in names and when.matches(structs.replace(subject, operation=when.operation))


def _media_urls(body: dict[str, Any]) -> list[str]:
    """Every string of a request that may be a media URL, single or listed."""
    return list(urls_of(body, *(name for name in body if name not in _NOT_MEDIA)))


def _media_table(call: Call) -> MediaTable | None:
    """What the scenarios in force say of media; the key's own win. None where nothing says anything at all."""
    playbook = call.resident.world.playbook
    if not playbook.scenarios and MARK not in call.body:
        return None
    table: MediaTable = {}
    for scenario in playbook.in_force():
        table = {**scenario.media, **table}
    return table


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"


def _fingerprint(body: Any) -> str:
    """The same for the same JSON, however it is spaced and ordered."""
    canonical = msgspec.json.encode(body, order="deterministic")
    return blake2b(canonical, digest_size=16).hexdigest()
