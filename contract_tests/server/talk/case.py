"""One tenant's talk with the server: the operations, each answer checked for its shape before anybody reads it."""

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from contract_tests.contract.contract import KEY_HEADER
from contract_tests.contract.endpoint import Endpoint
from contract_tests.exchange import Exchange
from contract_tests.server.talk import reading
from contract_tests.server.talk.budget import OverBudgetError
from contract_tests.server.talk.target import CaseOverError, SilentServerError, Target, UnmetError

WRITES = frozenset({"create_task", "get_tasks", "cancel_task"})
"""The roles of all that is ever written. Everything else is a read."""
STEPS = 60
"""Exchanges that a case remembers, for its finding."""
_RETRY_AFTER_CAP_S = 30.0
_ATTEMPTS = 4
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` by their names in lower case; `body` is the parsed JSON, whatever it is, of a task in
    this API's own words; `expected` the status of an answer that all went well."""

    status: int
    headers: dict[str, str]
    body: Any
    exchange: Exchange
    expected: int = 200

    @property
    def raw(self) -> Any:
        """The body as it came, in the words of the document."""
        return reading.parsed(self.exchange.body)[0]

    @property
    def is_ok(self) -> bool:
        return self.status == self.expected

    @property
    def code(self) -> Any:
        """`error.code` of an error."""
        return self.at("error", "code")

    @property
    def told(self) -> str:
        """Status and code, as a finding shows them."""
        return f"{self.status} {reading.shown(self.code)}" if self.code is not None else f"{self.status}"

    @property
    def took(self) -> bool:
        """Whether a submission was accepted, by whatever success: it has to be paid for."""
        return 200 <= self.status < 300

    @property
    def task_id(self) -> str:
        """The id of the task that a valid submission got. Raises UnmetError where it got none."""
        if not self.is_ok:
            message = reading.text(self.at("error", "message")) or "without a message"
            raise UnmetError(f"a valid submission was answered {self.told}: {reading.shown(message)}")
        task_id = reading.text(self.at("id"))
        if not task_id or len(task_id) > _LONGEST_ID:
            raise UnmetError(f"the answer to a submission has no id that can be asked for: {reading.shown(task_id)}")
        return task_id

    def at(self, *path: str) -> Any:
        """A value inside the body; None where it is absent."""
        return reading.at(self.body, *path)


NOTHING = Answer(0, {}, None, Exchange("", "", {}, "", None))
"""In place of an answer that nobody can give."""


class Case:
    """One tenant's talk with the server, in order: what a finding shows."""

    def __init__(self, target: Target, key: str) -> None:
        self.target, self.judge, self.key, self.contract = target, target.judge, key, target.contract
        self.steps: deque[Exchange] = deque(maxlen=STEPS)
        self.notes: list[str] = []

    # --- the operations

    def submit(
        self, *, idempotency_key: str | None = None, base: dict[str, Any] | None = None, **fields: Any
    ) -> Answer:
        """A valid submission: the documented example, or `base`, with these fields over it. Raises
        OverBudgetError."""
        budget, memory, highest = self.target.budget, self.target.memory, self._highest_uc()
        budget.admit(highest)
        memory.spent(budget.spent_uc)
        before = self._remaining_uc()
        answer = self._create(base, fields, idempotency_key)
        if answer.took:
            self._settle(answer, highest, before)
        else:
            budget.give_back(highest)
        memory.spent(budget.spent_uc)
        return answer

    def buy(self, **fields: Any) -> str:
        """The id of a task that a valid submission gets. Raises UnmetError, OverBudgetError."""
        return self.submit(**fields).task_id

    def submit_invalid(self, *, base: dict[str, Any] | None = None, key: str | None = "", **fields: Any) -> Answer:
        """A submission that a correct server rejects; None leaves a field out, or the key. Raises OverBudgetError."""
        highest = self.target.settings.highest_uc()
        self.target.budget.admit_invalid(highest)
        answer = self._create(base, fields, None, key)
        if answer.took:
            self.target.budget.took_invalid(highest or reading.amount_uc(answer.at("usage", "credits_reserved")) or 0)
        return answer

    def task(self, task_id: str) -> Answer:
        query = self.contract.query
        return self.send(query.method, query.of(quote(task_id, safe="")))

    def cancel(self, task_id: str) -> Answer:
        """End a task, where the document has an operation for that. Raises LookupError where it has none."""
        cancel = self.contract.needed("cancel_task")
        return self.send(cancel.method, cancel.of(quote(task_id, safe="")))

    def credits(self) -> Answer:
        """The credits; an empty answer where the document has no operation that tells them."""
        there = self.contract.credits
        return NOTHING if there is None else self.send(there.method, there.sent)

    def send(self, method: str, path: str, *, key: str | None = "", **arguments: Any) -> Answer:
        """One request and its JSON answer. `key` "" is this case's own, None is none.

        Raises CaseOverError or BrokenPromiseError where no JSON came back. Waits and repeats after 429 and 503
        where they say for how long, except on a mock, whose rate windows are judged.
        """
        meant = self.contract.meant(method, path)
        if method not in ("GET", "HEAD") and (meant is None or meant.role not in WRITES):
            raise AssertionError(f"{method} {path} is not on the list of writes")
        for attempt in range(_ATTEMPTS):
            answer = self._once(method, path, self.key if key == "" else key, arguments)
            wait_s = _told_to_wait(answer)
            if self.target.control is not None or wait_s is None or attempt == _ATTEMPTS - 1:
                break
            time.sleep(wait_s)
        return answer

    def peek_task(self, task_id: str) -> Any:
        """A task as a query tells it, without judging: for the threads of a receiver, which can't end a case. None
        where no answer came."""
        query = self.contract.query
        return self.contract.told(query, self._peek(query.of(quote(task_id, safe=""))))

    def peek_credits(self) -> Any:
        """The credits in the same way; None where the document has no operation that tells them."""
        return self._peek(self.contract.credits.sent) if self.contract.credits else None

    def _peek(self, path: str) -> Any:
        meant = self.contract.meant("GET", path)
        headers = (meant.headers if meant else {}) | {"Authorization": f"Bearer {self.key}"}
        request = self.target.build("GET", path, headers=headers)
        try:
            exchange = self.target.send(request)
        except SilentServerError:
            return None
        self.steps.append(exchange)
        return reading.parsed(exchange.body)[0]

    def let_pass(self, seconds: float) -> None:
        """Time passes for the server."""
        self.notes.append(f"after request {len(self.steps)}: {seconds:g} s pass")
        self.target.time.let_pass(seconds)

    def show_only(self, task_id: str) -> None:
        """Of a talk about hundreds of tasks, a finding shows what was said about one."""
        about = [step for step in tuple(self.target.exchanges) if task_id in step.url or task_id in step.body]
        self.steps = deque(about, maxlen=STEPS)

    # --- steps on the way

    def _settle(self, answer: Answer, highest: int, before: int) -> None:
        """An accepted submission is paid for at what was set aside, or more; one that shows a task paid for
        before, and takes nothing, is not."""
        budget, memory, task_id = self.target.budget, self.target.memory, answer.at("id")
        moved = before - self._remaining_uc()
        if memory.knows(task_id) and moved <= 0:
            return budget.give_back(highest)
        self.target.took_valid = True
        budget.settle(highest, max(reading.amount_uc(answer.at("usage", "credits_reserved")) or 0, moved))
        return memory.paid(task_id) if isinstance(task_id, str) else None

    def _highest_uc(self) -> int:
        """What a submission costs at most. Raises OverBudgetError where money is real, and nobody says."""
        highest = self.target.settings.highest_uc()
        if highest is None and self.target.budget.cap_uc is not None:
            raise OverBudgetError(
                f"{self.contract.source} does not say what a submission costs: --highest-price does"
            )
        return highest or 0

    def _remaining_uc(self) -> int:
        """What the account has left, where money is real: what a server takes may differ from what it says."""
        if self.target.budget.cap_uc is None:
            return 0
        left = reading.balance(self.credits().body)
        return left.remaining if left else 0

    def _create(
        self, base: dict[str, Any] | None, fields: dict[str, Any], idempotency_key: str | None, key: str | None = ""
    ) -> Answer:
        named = (base or self.target.settings.request()) | {self._field(name): one for name, one in fields.items()}
        body = {name: value for name, value in named.items() if value is not None}
        headers = {KEY_HEADER: idempotency_key} if idempotency_key else {}
        create = self.contract.create
        return self.send(create.method, create.sent, key=key, json=body, headers=headers)

    def _field(self, name: str) -> str:
        """What the document calls a field of a submission."""
        return self.contract.requests.callback or name if name == "callback_url" else name

    def _once(self, method: str, path: str, key: str | None, arguments: dict[str, Any]) -> Answer:
        meant = self.contract.meant(method, path)
        headers = (meant.headers if meant else {}) | dict(arguments.get("headers") or {})
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        exchange = self.target.send(self.target.build(method, path, **arguments | {"headers": headers}))
        self.steps.append(exchange)
        self._require("SERVER-ANSWERS", exchange.status is not None, exchange.failure)
        body, is_json = reading.parsed(exchange.body)
        is_empty = exchange.status == 204 and not exchange.body
        self._require("SERVER-SPEAKS-JSON", is_json or is_empty, exchange.answer_line())
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        answer = Answer(exchange.status or 0, headers, body, exchange)
        if meant is None:
            return answer
        self._judge_shape(answer, meant)
        self._judge_error(answer, meant)
        told = self.contract.told(meant, body) if answer.took else body
        return replace(answer, body=told, expected=self.contract.ok_status(meant))

    def _judge_shape(self, answer: Answer, meant: Endpoint) -> None:
        """Every answer has the types of its schema, and what each of the documented examples of it shows."""
        known = self.contract.promised(meant, answer.status)
        if meant.is_documented:
            told = f"{answer.status} to {meant.method} {meant.path}"
            self.judge.that("ANSWER-STATUS", known is not None, told)
        if known is None or answer.status == 204:
            return
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        told = f"{answer.status} as {kind or 'no media type'}"
        self.judge.that("SERVER-SPEAKS-JSON", kind in known.media, told, " or ".join(known.media))
        prefix = "ANSWER" if known.is_documented else "LIST"
        wrong = known.wrong_types(answer.body)
        self.judge.that(f"{prefix}-TYPES", not wrong, f"{answer.status}, {wrong}")
        if known.is_documented and known.listed:
            unlisted = known.wrong_values(answer.body)
            self.judge.that("ANSWER-VALUES", not unlisted, f"{answer.status}, {unlisted}")
        # No documentation says how much of the first answer a repeat shows.
        repeats = not self.judge.strict and answer.headers.get("idempotency-replayed") == "true"
        absent = () if repeats else known.absent(answer.body, self.contract.state(meant, answer.body))
        self.judge.that(f"{prefix}-COMPLETE", not absent, f"{answer.status} without {', '.join(absent)}")

    def _judge_error(self, answer: Answer, meant: Endpoint) -> None:
        """An error has a code and a type that the document gives for its status; a status that it does not know is
        for the schema layer to say. Who refuses for the rate says until when."""
        if answer.status == 429:
            told = answer.headers.get("retry-after")
            says = reading.seconds_told(told, time.time()) is not None
            self.judge.that("RATE-LIMIT-SAYS-WHEN", says, f"429 with Retry-After {told}", "seconds, or a date")
        named = self.contract.is_named(reading.parsed(answer.exchange.request_body)[0])
        known = self.contract.error_kinds(meant, answer.status, named=named)
        if answer.status >= 400 and known and reading.fields(answer.at("error")):
            code, kind = answer.code, answer.at("error", "type")
            if not self.judge.strict and self.contract.is_supposed(meant, answer.status, code):
                return
            told = f"{answer.status}: code {reading.shown(code)}, type {reading.shown(kind)}"
            self.judge.that("ERROR-CODE-KNOWN", [code, kind] in map(list, known), told, _kinds(known))

    def _require(self, check_id: str, holds: bool, received: str) -> None:
        """Like `judge.that`, for what a case can't go on without."""
        self.judge.that(check_id, holds, received)
        if not holds:
            raise CaseOverError(check_id)


def _kinds(known: frozenset[tuple[Any, str]]) -> str:
    return " or ".join(sorted(f"code {code}, type {kind}" for code, kind in known))


def _told_to_wait(answer: Answer) -> float | None:
    """Seconds that `Retry-After` asks for, at most 30 (facts, section 3); None where it does not."""
    # Only 429 says surely that nothing was done: a paid request that met 502 may have been taken.
    repeatable = (429,) if answer.exchange.method == "POST" else (429, 502, 503)
    if answer.status not in repeatable:
        return None
    told = reading.seconds_told(answer.headers.get("retry-after"), time.time())
    return None if told is None else min(told, _RETRY_AFTER_CAP_S)
