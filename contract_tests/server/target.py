"""The server under test: every request to it goes through here, counted, paced, paid for and remembered."""

import itertools
import math
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from contract_tests.document import CREATE, TASK, error_kinds, example_request, highest_price_uc, uc
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.server.budget import Budget
from contract_tests.server.control import Control, RealTime, Time
from contract_tests.server.memory import Memory

WRITES = frozenset({("POST", CREATE), ("POST", "/v1/tasks/batch")})
"""All that is ever written. Everything else is a read."""
ANSWER_LIMIT = 4_194_304
"""Bytes of an answer that are read; a longer one counts as no answer."""
HISTORY = 20_000
"""Exchanges that a run remembers, for the HAR file and for recordings."""
STEPS = 60
"""Exchanges that a case remembers, for its finding."""
_RETRY_AFTER_CAP_S = 30.0
_ATTEMPTS = 4
_SILENT_LIMIT = 3


class CaseOverError(Exception):
    """This case can't go on, for a reason that has its finding already."""


class SilentServerError(Exception):
    """The server does not answer any more, or the time of the run is over: it ends here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is the parsed JSON of the answer."""

    status: int
    headers: httpx.Headers
    body: Any
    exchange: Exchange

    @property
    def code(self) -> Any:
        """`error.code` of an error."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error.get("code") if isinstance(error, dict) else None

    def at(self, *path: str) -> Any:
        """A value inside the body; None where it is absent."""
        value = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to speak to a server. Keys are None where each case may make up its own, as on a mock. `poll_s` is as often
    as the documentation's examples poll (facts, section 8)."""

    url: str
    key: str | None = None
    other_key: str | None = None
    timeout_s: float = 10.0
    requests_per_second: float | None = None
    video_url: str = example_request()["video_urls"][0]
    video_seconds: float = 9.0
    poll_s: float = 5.0
    run: str = "0"


def keys_from_environment() -> tuple[str | None, str | None]:
    """The key and another account's key. Never from a command line, which others on the machine can read."""
    return os.environ.get("EVOLINK_API_KEY") or None, os.environ.get("EVOLINK_OTHER_API_KEY") or None


class Target:
    """A server, and all that was said to it in this run."""

    def __init__(
        self,
        settings: Settings,
        judge: Judge,
        budget: Budget,
        memory: Memory | None = None,
    ) -> None:
        self.settings, self.judge, self.budget = settings, judge, budget
        self.control: Control | None = None
        self.memory = memory or Memory(settings.url)
        budget.spent_uc = self.memory.spent_uc
        self.time: Time = RealTime()
        self.exchanges: deque[Exchange] = deque(maxlen=HISTORY)
        self.requests = 0
        self.ends_s = math.inf
        self.made_up: list[str] = []
        self._http = httpx.Client(
            base_url=settings.url, timeout=settings.timeout_s, trust_env=False, follow_redirects=False
        )
        self._numbers = itertools.count(1)
        self._silent = 0
        self._pace = threading.Lock()
        self._next_s = 0.0

    def steer(self, control: Control) -> None:
        """It is a mock: its clock is moved, and each case is an account of its own."""
        self.control = self.time = control

    def close(self) -> None:
        self._http.close()

    def case(self, *, other: bool = False) -> "Case":
        """A tenant to speak as: one of its own on a mock, the owner of the given key elsewhere."""
        given = self.settings.other_key if other else self.settings.key
        if self.control is None and given is not None:
            return Case(self, given)
        self.made_up.append(f"sk-contract-{self.settings.run}-{next(self._numbers):06}")
        return Case(self, self.made_up[-1])

    def send(self, request: httpx.Request, *, limit_s: float | None = None) -> Exchange:
        """One request, at the pace allowed. What the network does the exchange tells. Raises SilentServerError."""
        if time.monotonic() > self.ends_s:
            raise SilentServerError("the time of the run was over")
        self._wait_for_turn()
        self.requests += 1
        started = time.monotonic()
        status, headers, body, failure = self._exchanged(request, limit_s or self.settings.timeout_s)
        exchange = Exchange(
            request.method,
            str(request.url),
            dict(request.headers),
            request.content.decode("utf-8", "replace"),
            status,
            headers,
            body,
            started,
            time.monotonic() - started,
            failure,
        )
        self._heard(status is not None)
        self.exchanges.append(exchange)
        return exchange

    def build(self, method: str, path: str, **arguments: Any) -> httpx.Request:
        return self._http.build_request(method, path, **arguments)

    def _exchanged(self, request: httpx.Request, limit_s: float) -> tuple[int | None, dict[str, str], str, str]:
        """httpx bounds each wait; the whole of an answer that trickles in is bounded here."""
        ends, read = time.monotonic() + limit_s, bytearray()
        try:
            response = self._http.send(request, stream=True)
            try:
                for chunk in response.iter_bytes():
                    read += chunk
                    if len(read) > ANSWER_LIMIT or time.monotonic() > ends:
                        return None, {}, "", f"the answer is longer than {ANSWER_LIMIT} bytes or {limit_s:g} s"
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return None, {}, "", f"{type(error).__name__}: {error}"
        return response.status_code, dict(response.headers), read.decode("utf-8", "replace"), ""

    def _heard(self, answered: bool) -> None:
        """Raises SilentServerError after several requests in a row that nobody answered."""
        self._silent = 0 if answered else self._silent + 1
        if self._silent >= _SILENT_LIMIT:
            raise SilentServerError(f"{self._silent} requests in a row got no answer")

    def _wait_for_turn(self) -> None:
        if self.settings.requests_per_second is None:
            return
        with self._pace:
            now = time.monotonic()
            turn = max(now, self._next_s)
            self._next_s = turn + 1 / self.settings.requests_per_second
        time.sleep(turn - now)


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
        if answer.status == 200:
            reserved = answer.at("usage", "credits_reserved")
            told = uc(reserved) if isinstance(reserved, int | float) else 0
            budget.settle(highest, max(told, before - self._remaining_uc()))
            memory.paid(str(answer.at("id")))
        else:
            budget.give_back(highest)
        memory.spent(budget.spent_uc)
        return answer

    def submit_invalid(self, **fields: Any) -> Answer:
        """A submission that a correct server rejects; None leaves a field out. Raises OverBudgetError."""
        self.target.budget.admit_invalid()
        answer = self._create(fields, None)
        if answer.status == 200:
            self.target.budget.took_invalid(highest_price_uc(self.target.settings.video_seconds))
        return answer

    def task(self, task_id: str) -> Answer:
        return self.send("GET", f"/v1/tasks/{task_id}")

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

    def let_pass(self, seconds: float) -> None:
        """Time passes for the server."""
        self.notes.append(f"after request {len(self.steps)}: {seconds:g} s pass")
        self.target.time.let_pass(seconds)

    def show_only(self, task_id: str) -> None:
        """Of a talk about hundreds of tasks, a finding shows what was said about one."""
        about = [step for step in self.target.exchanges if task_id in step.url or task_id in step.body]
        self.steps = deque(about, maxlen=STEPS)

    # --- steps on the way

    def _remaining_uc(self) -> int:
        """What the account has left, where money is real: what a server takes may differ from what it says."""
        if self.target.budget.cap_uc is None:
            return 0
        left = self.credits().at("data", "user", "remaining_credits")
        return uc(left) if isinstance(left, int | float) else 0

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
        body, is_json = _parsed(exchange.body)
        self._require("SERVER-SPEAKS-JSON", is_json, exchange.answer_line())
        answer = Answer(exchange.status or 0, httpx.Headers(exchange.headers), body, exchange)
        self._judge_error(answer, TASK if path.startswith("/v1/tasks/task") else path)
        return answer

    def _judge_error(self, answer: Answer, path: str) -> None:
        """An error has a code and a type that the document gives for its status; a status that it does not know is
        for the schema layer to say."""
        known = error_kinds(answer.exchange.method, path, answer.status)
        if answer.status >= 400 and known:
            kind = (answer.code, answer.at("error", "type"))
            told = f"{answer.status}: code {kind[0]}, type {kind[1]}"
            self.judge.that("ERROR-CODE-KNOWN", kind in known, told, f"one of {sorted(known, key=str)}")

    def _require(self, check_id: str, holds: bool, received: str) -> None:
        """Like `judge.that`, for what a case can't go on without."""
        self.judge.that(check_id, holds, received)
        if not holds:
            raise CaseOverError(check_id)


def _parsed(text: str) -> tuple[Any, bool]:
    try:
        return msgspec.json.decode(text.encode()), True
    except ValueError:
        return None, False


def _told_to_wait(answer: Answer) -> float | None:
    """Seconds that `Retry-After` asks for, at most 30 (facts, section 3); None where it does not."""
    told = answer.headers.get("retry-after")
    # Only 429 says surely that nothing was done: a paid request that met 502 may have been taken.
    repeatable = (429,) if answer.exchange.method == "POST" else (429, 502, 503)
    if answer.status not in repeatable or told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _RETRY_AFTER_CAP_S)
