"""A probe: one small talk with the server that judges one promise, or a few that belong together."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract_tests.contract.contract import Contract
from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.server.probes.shelf import Shelf
from contract_tests.server.talk import reading
from contract_tests.server.talk.budget import OverBudgetError
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.control import Control, ControlError
from contract_tests.server.talk.listener import Listener
from contract_tests.server.talk.target import CaseOverError, SilentServerError, Target, UnmetError

PLENTY = 1_000_000_000
"""Credits that no submission of any model exhausts."""
_FINDINGS_LIMIT = 6
"""How often one probe is run again to look past what it has found."""
_SAYS_NOTHING = frozenset({401, 402, 403, 429})
"""Refusals that say nothing of whether the request was valid: who asks comes before what is asked."""


class Need(StrEnum):
    """What a probe can't do without; the text is the reason given where it is missing."""

    CONTROL = "needs a mock's control API: on this server nobody can make it happen"
    REAL_TIME = "is for servers whose clock nobody moves"
    KEY = "needs an API key that the server accepts (EVOLINK_API_KEY or --key-file)"
    OTHER_KEY = "needs a second API key (EVOLINK_OTHER_API_KEY or --other-key-file)"
    CALLBACKS = (
        "needs a receiver that the server can reach: "
        "--allow-local-callbacks on a mock, else --callback-url that leads to --callback-port here"
    )
    OBSERVED = "needs the observed profile"
    PATIENCE = "waits for 10 real seconds, which --quick leaves out"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a probe works with. `shelf` has what the run has paid for, which all probes share."""

    target: Target
    judge: Judge
    profile: str
    seed: int
    shelf: Shelf
    listener: Listener | None = None
    cases: list[Case] = field(default_factory=list)
    is_patient: bool = True
    """Whether the run may wait for a time-out."""

    @property
    def contract(self) -> Contract:
        return self.target.contract

    @property
    def control(self) -> Control:
        if self.target.control is None:
            raise AssertionError("a probe that steers has to say that it needs the control API")
        return self.target.control

    def case(self, *, other: bool = False, credits: float | None = None) -> Case:
        """A tenant of this probe; its exchanges go into the finding. `credits` are granted where there is a control
        API; elsewhere the account has what it has."""
        case = Case(self.target, self.target.key(other=other))
        if credits is not None and self.target.control is not None:
            self.control.account(case.key, credits=credits)
        self.cases.append(case)
        return case

    def text(self, text: str) -> dict[str, Any]:
        """A field of free text with this in it; none where requests have no such field."""
        name = self.contract.requests.text_field
        return {} if name is None else {name: text}

    def callback_rules(self) -> dict[str, Any]:
        """How the document says that callbacks are sent again. Raises UnmetError where it does not."""
        rules = self.contract.callback_rules()
        if rules is None:
            raise UnmetError(f"{self.contract.source} does not say how a callback is sent again")
        return rules

    def price_uc(self) -> int:
        """What the plain submission costs: by the document, else as one of an account of its own shows. Raises
        UnmetError where neither tells."""
        told = self.contract.price_uc(
            self.profile, self.target.settings.video_seconds, self.target.settings.request()
        )
        if told is not None:
            return told
        if self.target.shown_price_uc is None:
            self.target.shown_price_uc = self._shown_price_uc()
        return self.target.shown_price_uc

    def _shown_price_uc(self) -> int:
        case = self.case(credits=PLENTY)
        before = reading.balance(case.credits().body)
        case.buy()
        after = reading.balance(case.credits().body)
        if before is None or after is None:
            raise UnmetError("neither the document nor the credits tell what a submission costs")
        return before.remaining - after.remaining

    def require_valid_taken(self, case: Case) -> None:
        """The premise of what is refused as invalid: on a mock a valid submission goes before. Where money is
        real, one that was accepted in this run stands for it, if there was any."""
        if self.target.control is not None:
            case.buy()

    def refused(
        self, check_id: str, case: Case, what: str, *, base: dict[str, Any] | None = None, **fields: Any
    ) -> None:
        """A submission that is wrong in this one way is refused as invalid. Raises UnmetError where that says
        nothing: who refuses everything has not told this one from a valid one."""
        answer = case.submit_invalid(base=base, **fields)
        if answer.took:
            self.shelf.adopt(answer)
        else:
            self._require_telling(answer)
            self.shelf.auditor.changes.refused.append(answer.told)
        named = self.contract.is_named(reading.parsed(answer.exchange.request_body)[0])
        holds = self.contract.is_invalid(answer.status, answer.code, named=named)
        self.judge.that(check_id, holds, f"{answer.told} for {what}", self.contract.invalid_told)

    def _require_telling(self, answer: Answer) -> None:
        says_nothing = answer.status in _SAYS_NOTHING or answer.status >= 500
        if says_nothing and (self.target.control is None or not self.target.took_valid):
            raise UnmetError(f"an invalid submission was answered {answer.told}, which does not say what is wrong")
        if not self.target.took_valid:
            raise UnmetError(
                "no valid submission was accepted in this run to compare the refusal of an invalid one with"
            )


@dataclass(frozen=True, slots=True)
class Probe:
    """`judges` are the ids it may judge; `paid` the submissions it makes that a correct server charges, `risked`
    those that only a wrong one would."""

    name: str
    talk: Callable[[Setting], None]
    judges: tuple[str, ...]
    paid: int
    risked: int
    needs: frozenset[Need]

    def run(self, setting: Setting, missing: Iterable[Need]) -> None:
        """Judge, and look past each finding for the next. Raises SilentServerError."""
        if reasons := self.needs.intersection(missing):
            return self._not_judged(setting.judge, "; ".join(sorted(reasons)))
        if setting.target.control is None:
            return self._once(setting)
        for _ in range(_FINDINGS_LIMIT):
            setting.cases.clear()
            try:
                self._talk(setting)
            except BrokenPromiseError as broken:
                setting.judge.found(broken, steps_of(setting.cases), notes_of(setting.cases))
            else:
                return None
        return None

    def _once(self, setting: Setting) -> None:
        """In real time nothing is begun again, and nothing paid for twice: each broken promise is kept, and the talk
        goes on."""

        def keep(broken: BrokenPromiseError) -> None:
            setting.judge.found(broken, steps_of(setting.cases), notes_of(setting.cases))

        setting.judge.hear = keep
        try:
            self._with_shelf(setting, setting.shelf.glance)
            self._talk(setting)
            self._with_shelf(setting, setting.shelf.after_refusals)
        finally:
            setting.judge.hear = None

    @staticmethod
    def _with_shelf(setting: Setting, look: Callable[[], None]) -> None:
        """What is found on the shelf is shown by what was said about it."""
        cases = [*setting.cases]
        setting.cases[:] = [setting.shelf.case] if setting.shelf.case else []
        look()
        setting.cases[:] = cases

    def _talk(self, setting: Setting) -> None:
        """Raises BrokenPromiseError and SilentServerError. Whatever else ends the talk is why the rest is not
        judged."""
        try:
            self.talk(setting)
        except (BrokenPromiseError, SilentServerError):
            raise
        except (UnmetError, OverBudgetError) as unmet:
            self._not_judged(setting.judge, str(unmet))
        except CaseOverError as over:
            self._not_judged(setting.judge, f"the talk broke off: {over}")
        except ControlError as error:
            raise SilentServerError(f"the control API does not answer as one: {error}") from error
        except Exception as error:
            self._not_judged(setting.judge, fault_of(error))

    def _not_judged(self, judge: Judge, reason: str) -> None:
        for check_id in self.judges:
            judge.not_judged(check_id, reason)


def probe(
    *judges: str, paid: int = 0, risked: int = 0, needs: Iterable[Need] = ()
) -> Callable[[Callable[[Setting], None]], Probe]:
    """Make a function a probe."""

    def made(talk: Callable[[Setting], None]) -> Probe:
        return Probe(talk.__name__, talk, judges, paid, risked, frozenset(needs))

    return made


def fault_of(error: Exception) -> str:
    """An error of the judge's own, as a reason: never a verdict about the server."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return f"the judge failed at {place}, please report it: {type(error).__name__}: {error}"


def steps_of(cases: Iterable[Case]) -> list[Exchange]:
    """The exchanges of all cases in the order they happened."""
    return sorted((step for case in cases for step in case.steps), key=lambda step: step.started_s)


def notes_of(cases: Iterable[Case]) -> list[str]:
    return [note for case in cases for note in case.notes]
