"""The life of tasks as Hypothesis drives it: any order of submissions, queries, endings and waiting, audited."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, assume, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.exchange import Exchange, as_text
from contract_tests.judge import BrokenPromiseError
from contract_tests.server.probes.auditor import AUDITED, TERMINAL, Auditor, Seen
from contract_tests.server.probes.listing import LIST, items
from contract_tests.server.probes.probe import Need, Setting, notes_of, probe, steps_of
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer
from contract_tests.server.talk.reading import Balance
from contract_tests.server.talk.target import CaseOverError, UnmetError

EXAMPLES, STEPS = 25, 20
_SHRINK_S = 3.0
_RUNS = 5
"""How often the machine is run again to look past what it has found."""
_BODIES = st.integers(0, 1)
"""Which of two submissions that differ, where the document allows more than one."""
_WHOLE = {"page_size": 100}
_KEYS = ("contract-machine-key-1", "contract-machine-key-2")

JUDGES = (
    *AUDITED,
    "BILLING-COVERED-IS-ACCEPTED",
    "BILLING-SHORT-IS-REFUSED",
    "IDEMPOTENCY-SAME-TASK",
    "IDEMPOTENCY-CONFLICT",
    "LIST-AGREES-WITH-QUERY",
)


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """A rule whose broken promises go to the hunt."""

    @wraps(method)
    def run(machine: "Machine", **drawn: Any) -> None:
        if machine.hunt.is_over:
            reject()
        try:
            method(machine, **drawn)
        except BrokenPromiseError as broken:
            machine.hunt.keep(broken)
            raise

    return run


class Machine(RuleBasedStateMachine):
    """One tenant of a mock. Every rule ends with a reckoning, so that a difference has one cause."""

    hunt: ClassVar["Hunt"]

    @property
    def setting(self) -> Setting:
        return self.hunt.setting

    @initialize(tasks=st.integers(0, 4))
    @guarded
    def open_account(self, tasks: int) -> None:
        """Credits for this many tasks and a half."""
        self.setting.cases.clear()
        self.price = self.setting.price_uc()
        self.case = self.setting.case(credits=(tasks * self.price + self.price // 2) / UC_PER_CREDIT)
        self.auditor = Auditor(self.setting.judge, self.setting.contract)
        self.keyed: dict[str, tuple[int, str]] = {}
        self.balance: Balance
        self.reckon()

    # --- rules

    @rule(number=_BODIES)
    @guarded
    def submit(self, number: int) -> None:
        self.take(self.case.submit(**self.body(number)))
        self.reckon()

    @rule(number=_BODIES, key=st.sampled_from(_KEYS))
    @guarded
    def submit_with_key(self, number: int, key: str) -> None:
        earlier = self.keyed.get(key)
        assume(earlier or self.balance.remaining >= self.price)
        answer = self.case.submit(**self.body(number), idempotency_key=key)
        if earlier is None:
            self.keyed[key] = (number, self.take(answer).id)
        else:
            self.judge_repeated(answer, *earlier, same=self.body(number) == self.body(earlier[0]))
        self.reckon()

    @rule()
    @guarded
    def submit_something_invalid(self) -> None:
        answer = self.case.submit_invalid(**self.setting.contract.requests.without_needed())
        assume(not answer.is_ok)
        self.auditor.changes.refused.append("without a field that it needs")
        self.reckon()

    @precondition(lambda self: self.open_tasks)
    @rule(choice=st.integers(0, 100), how=st.sampled_from(("complete", "fail", "cancel")), code=st.integers(0, 100))
    @guarded
    def end(self, choice: int, how: str, code: int) -> None:
        """The mock is told to end a task now."""
        seen = self.open_tasks[choice % len(self.open_tasks)]
        codes = self.setting.contract.failures
        why = codes[code % len(codes)] if how == "fail" and codes else None
        self.case.notes.append(f"after request {len(self.case.steps)}: the mock is told to {how} {seen.id}")
        self.setting.control.end(seen.id, how, why)
        self.reckon(cancelled=seen.id if how == "cancel" else "")

    @rule(seconds=st.sampled_from((0.5, 1.0, 2.0, 5.0)))
    @guarded
    def wait(self, seconds: float) -> None:
        self.case.let_pass(seconds)
        self.reckon()

    @precondition(lambda self: self.ended_tasks)
    @rule(choice=st.integers(0, 100))
    @guarded
    def look_again(self, choice: int) -> None:
        """An ended task is asked about once more."""
        seen = self.ended_tasks[choice % len(self.ended_tasks)]
        self.query(seen)
        self.reckon()

    @precondition(lambda self: self.setting.profile == "observed")
    @rule()
    @guarded
    def list_tasks(self) -> None:
        """The list shows every task, where its last query showed it."""
        shown = {str(one.get("id")): one.get("status") for one in items(self.case.send("GET", LIST, params=_WHOLE))}
        seen = {one.id: one.status for one in self.auditor.tasks.values()}
        self.setting.judge.that("LIST-AGREES-WITH-QUERY", shown == seen, f"listed {shown}", f"as queried: {seen}")

    # --- what every rule needs

    @property
    def open_tasks(self) -> list[Seen]:
        return [one for one in self.auditor.tasks.values() if one.status not in TERMINAL]

    @property
    def ended_tasks(self) -> list[Seen]:
        return [one for one in self.auditor.tasks.values() if one.status in TERMINAL]

    def body(self, number: int) -> dict[str, Any]:
        """What is otherwise in one of two submissions that differ."""
        variations = self.setting.contract.requests.variations
        return variations[number % len(variations)]

    def take(self, answer: Answer) -> Seen:
        """The answer to a submission: accepted if, and only if, the credits cover it."""
        covered = self.balance.remaining >= self.price
        check_id = "BILLING-COVERED-IS-ACCEPTED" if covered else "BILLING-SHORT-IS-REFUSED"
        received = f"{answer.told} with {self.balance.remaining / UC_PER_CREDIT:g} credits left"
        self.setting.judge.that(check_id, answer.status == (200 if covered else 402), received)
        assume(covered or not answer.is_ok)  # what an overspent account shows is no promise of its own
        if answer.is_ok:
            return self.auditor.bought(answer)
        self.auditor.changes.refused.append("402")
        return Seen("", {}, 0)

    def judge_repeated(self, answer: Answer, number: int, task_id: str, *, same: bool) -> None:
        self.auditor.changes.repeated += 1
        told = f"{answer.told} with task {reading.shown(answer.at('id'))}"
        if same:
            self.setting.judge.that("IDEMPOTENCY-SAME-TASK", answer.at("id") == task_id, told, f"task {task_id}")
        else:
            conflict = (answer.status, answer.code) == (409, "idempotency_conflict")
            expected = f"409 idempotency_conflict: the key belongs to {as_text(self.body(number))}"
            self.setting.judge.that("IDEMPOTENCY-CONFLICT", conflict, told, expected)

    def query(self, seen: Seen, *, cancelled: bool = False) -> None:
        answer = self.case.task(seen.id)
        self.setting.judge.that("TASK-STAYS", answer.is_ok, answer.told, "200")
        if answer.is_ok:
            self.auditor.queried(answer.body, seen.id, cancelled=cancelled)
        else:
            self.auditor.lost()

    def reckon(self, cancelled: str = "") -> None:
        """Ask about everything that is open, then about the credits."""
        for seen in self.open_tasks:
            self.query(seen, cancelled=seen.id == cancelled)
        balance = self.auditor.balanced(self.case.credits().body)
        if balance is None:
            raise UnmetError("the credits are not shown as numbers")
        self.balance = balance


class Hunt:
    """One run of the machine: what it finds first is what it shrinks, for a few seconds at most."""

    def __init__(self, setting: Setting, number: int) -> None:
        self.setting, self.number = setting, number
        self.broken: BrokenPromiseError | None = None
        self.steps: list[Exchange] = []
        self.notes: list[str] = []
        self._ends_s = 0.0

    def run(self) -> None:
        """Raises SilentServerError."""
        hunted = seed(self.setting.seed + self.number)(type("Lifecycle", (Machine,), {"hunt": self}))
        try:
            run_state_machine_as_test(hunted, settings=_settings())
        except (BrokenPromiseError, CaseOverError, HypothesisException, ExceptionGroup):
            """What was found is kept in `broken`: the rest is Hypothesis's own view of it."""
        except UnmetError:
            if self.broken is None:
                raise

    @property
    def is_over(self) -> bool:
        """Whether shrinking has taken as long as it may."""
        return self.broken is not None and time.monotonic() > self._ends_s

    def keep(self, broken: BrokenPromiseError) -> None:
        """Keep the shortest case of the check that was broken first, and let no other take its place."""
        if self.broken is None:
            self._ends_s = time.monotonic() + _SHRINK_S
        elif self.broken.check_id != broken.check_id:
            reject()
        steps = steps_of(self.setting.cases)
        if self.broken is None or len(steps) <= len(self.steps):
            self.broken, self.steps, self.notes = broken, steps, notes_of(self.setting.cases)


def _settings() -> settings:
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


@probe(*JUDGES, needs={Need.CONTROL})
def lifecycle(setting: Setting) -> None:
    """Hunt until a hunt finds nothing more."""
    for number in range(_RUNS):
        hunt = Hunt(setting, number)
        hunt.run()
        if hunt.broken is None:
            return
        setting.judge.found(hunt.broken, hunt.steps, hunt.notes)
