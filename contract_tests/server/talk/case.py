"""One tenant's talk with the server: the operations, each answer checked for its shape before anybody reads it."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from contract_tests.document import CREATE, error_kinds, example_request, highest_price_uc
from contract_tests.exchange import Exchange
from contract_tests.server.promised import is_documented, promised, template
from contract_tests.server.talk import reading
from contract_tests.server.talk.target import CaseOverError, SilentServerError, Target, UnmetError

WRITES = frozenset({("POST", CREATE), ("POST", "/v1/tasks/batch")})
"""All that is ever written. Everything else is a read."""
STEPS = 60
"""Exchanges that a case remembers, for its finding."""
_RETRY_AFTER_CAP_S = 30.0
_ATTEMPTS = 4
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` by their names in lower case; `body` is the parsed JSON, whatever it is."""

    status: int
    headers: dict[str, str]
    body: Any
    exchange: Exchange

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
        if self.status != 200:
            message = reading.text(self.at("error", "message")) or "without a message"
            raise UnmetError(f"a valid submission was answered {self.told}: {reading.shown(message)}")
        task_id = reading.text(self.at("id"))
        if not task_id or len(task_id) > _LONGEST_ID:
            raise UnmetError(f"the answer to a submission has no id that can be asked for: {reading.shown(task_id)}")
        return task_id

    def at(self, *path: str) -> Any:
        """A value inside the body; None where it is absent."""
        return reading.at(self.body, *path)


class Case:
    """One tenant's talk with the server, in order: what a finding shows."""

    def __init__(self, target: Target, key: str) -> None:
        self.target, self.judge, self.key = target, target.judge, key
        self.steps: deque[Exchange] = deque(maxlen=STEPS)
        self.notes: list[str] = []

    # --- the operations

    def submit(self, *, idempotency_key: str | None = None, **fields: Any) -> Answer:
        """A valid submission: the documented example with these fields over it. Raises OverBudgetError."""
        highest = highest_price_uc(self.target.settings.video_seconds)
        budget, memory = self.target.budget, self.target.memory
        budget.admit(highest)
        memory.spent(budget.spent_uc)
        before = self._remaining_uc()
        answer = self._create(fields, idempotency_key)
        if answer.took:
            self._settle(answer, highest, before)
        else:
            budget.give_back(highest)
        memory.spent(budget.spent_uc)
        return answer

    def buy(self, **fields: Any) -> str:
        """The id of a task that a valid submission gets. Raises UnmetError, OverBudgetError."""
        return self.submit(**fields).task_id

    def submit_invalid(self, **fields: Any) -> Answer:
        """A submission that a correct server rejects; None leaves a field out. Raises OverBudgetError."""
        highest = highest_price_uc(self.target.settings.video_seconds)
        self.target.budget.admit_invalid(highest)
        answer = self._create(fields, None)
        if answer.took:
            self.target.budget.took_invalid(highest)
        return answer

    def task(self, task_id: str) -> Answer:
        return self.send("GET", f"/v1/tasks/{quote(task_id, safe='')}")

    def credits(self) -> Answer:
        return self.send("GET", "/v1/credits")

    def send(self, method: str, path: str, *, key: str | None = "", **arguments: Any) -> Answer:
        """One request and its JSON answer. `key` "" is this case's own, None is none.

        Raises CaseOverError or BrokenPromiseError where no JSON came back. Waits and repeats after 429 and 503
        where they say for how long, except on a mock, whose rate windows are judged.
        """
        if method not in ("GET", "HEAD") and (method, path) not in WRITES:
            raise AssertionError(f"{method} {path} is not on the list of writes")
        for attempt in range(_ATTEMPTS):
            answer = self._once(method, path, self.key if key == "" else key, arguments)
            wait_s = _told_to_wait(answer)
            if self.target.control is not None or wait_s is None or attempt == _ATTEMPTS - 1:
                break
            time.sleep(wait_s)
        return answer

    def peek(self, path: str) -> Any:
        """The body of an answer to a read that nothing is judged by; None where none came. For the threads of a
        receiver, which can't end a case."""
        request = self.target.build("GET", path, headers={"Authorization": f"Bearer {self.key}"})
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
        about = [step for step in self.target.exchanges if task_id in step.url or task_id in step.body]
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

    def _remaining_uc(self) -> int:
        """What the account has left, where money is real: what a server takes may differ from what it says."""
        if self.target.budget.cap_uc is None:
            return 0
        left = reading.balance(self.credits().body)
        return left.remaining if left else 0

    def _create(self, fields: dict[str, Any], idempotency_key: str | None) -> Answer:
        minimal = example_request() | {"video_urls": [self.target.settings.video_url]}
        body = {name: value for name, value in (minimal | fields).items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self.send("POST", CREATE, json=body, headers=headers)

    def _once(self, method: str, path: str, key: str | None, arguments: dict[str, Any]) -> Answer:
        headers = dict(arguments.get("headers") or {})
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        exchange = self.target.send(self.target.build(method, path, **arguments | {"headers": headers}))
        self.steps.append(exchange)
        self._require("SERVER-ANSWERS", exchange.status is not None, exchange.failure)
        body, is_json = reading.parsed(exchange.body)
        self._require("SERVER-SPEAKS-JSON", is_json, exchange.answer_line())
        answer = Answer(
            exchange.status or 0, {name.lower(): value for name, value in exchange.headers.items()}, body, exchange
        )
        self._judge_shape(answer, template(path))
        self._judge_error(answer, template(path))
        return answer

    def _judge_shape(self, answer: Answer, path: str) -> None:
        """Every answer has the types of its schema, and what each of the documented examples of it shows."""
        known = promised(answer.exchange.method, path, answer.status)
        if is_documented(answer.exchange.method, path):
            self.judge.that("ANSWER-STATUS", known is not None, f"{answer.status} to {answer.exchange.method} {path}")
        if known is None:
            return
        prefix = "ANSWER" if known.is_documented else "LIST"
        wrong = known.wrong_types(answer.body)
        self.judge.that(f"{prefix}-TYPES", not wrong, f"{answer.status}, {wrong}")
        absent = known.absent(answer.body)
        self.judge.that(f"{prefix}-COMPLETE", not absent, f"{answer.status} without {', '.join(absent)}")

    def _judge_error(self, answer: Answer, path: str) -> None:
        """An error has a code and a type that the document gives for its status; a status that it does not know is
        for the schema layer to say. Who refuses for the rate says until when."""
        if answer.status == 429:
            told = answer.headers.get("retry-after")
            says = reading.seconds_told(told, time.time()) is not None
            self.judge.that("RATE-LIMIT-SAYS-WHEN", says, f"429 with Retry-After {told}", "seconds, or a date")
        known = error_kinds(answer.exchange.method, path, answer.status)
        if answer.status >= 400 and known and reading.fields(answer.at("error")):
            code, kind = answer.code, answer.at("error", "type")
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
