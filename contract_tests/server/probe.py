"""A probe: one small talk with the server that judges one promise, or a few that belong together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from contract_tests.document import UC_PER_CREDIT
from contract_tests.exchange import Exchange
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.server.budget import OverBudgetError
from contract_tests.server.control import Control
from contract_tests.server.listener import Listener
from contract_tests.server.target import Case, CaseOverError, SilentServerError, Target

_FINDINGS_LIMIT = 6
"""How often one probe is run again to look past what it has found."""


class Need(StrEnum):
    """What a probe can't do without; the text is the reason given where it is missing."""

    CONTROL = "needs a mock: outcomes can't be forced on this server"
    OTHER_KEY = "needs a second API key (EVOLINK_OTHER_API_KEY or --other-key-file)"
    CALLBACKS = "needs a receiver that the server can reach: a mock with --allow-local-callbacks"
    OBSERVED = "needs the observed profile"
    PATIENCE = "waits for 10 real seconds, which --quick leaves out"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a probe works with."""

    target: Target
    judge: Judge
    profile: str
    seed: int
    listener: Listener | None = None
    cases: list[Case] = field(default_factory=list)

    @property
    def control(self) -> Control:
        if self.target.control is None:
            raise AssertionError("a probe that steers has to say that it needs the control API")
        return self.target.control

    def case(self, *, other: bool = False, credits: float | None = None) -> Case:
        """A tenant of this probe; its exchanges go into the finding. `credits` need the control API."""
        case = self.target.case(other=other)
        if credits is not None:
            self.control.account(case.key, credits=credits)
        self.cases.append(case)
        return case


@dataclass(frozen=True, slots=True)
class Probe:
    """`judges` are the ids it may judge; `paid` the submissions it makes that a correct server accepts."""

    name: str
    talk: Callable[[Setting], None]
    judges: tuple[str, ...]
    paid: int
    needs: frozenset[Need]

    def run(self, setting: Setting, missing: Iterable[Need]) -> None:
        """Judge, and look past each finding for the next. Raises SilentServerError."""
        if reasons := self.needs.intersection(missing):
            return self._not_judged(setting.judge, min(reasons).value)
        for _ in range(_FINDINGS_LIMIT):
            setting.cases.clear()
            try:
                self.talk(setting)
            except BrokenPromiseError as broken:
                setting.judge.found(broken, steps_of(setting.cases), notes_of(setting.cases))
            except OverBudgetError as over:
                return self._not_judged(setting.judge, str(over))
            except CaseOverError:
                return None
            except httpx.HTTPError as error:
                raise SilentServerError(f"the control API does not answer as one: {error}") from error
            else:
                return None
        return None

    def _not_judged(self, judge: Judge, reason: str) -> None:
        for check_id in self.judges:
            judge.not_judged(check_id, reason)


def probe(*judges: str, paid: int = 0, needs: Iterable[Need] = ()) -> Callable[[Callable[[Setting], None]], Probe]:
    """Make a function a probe."""

    def made(talk: Callable[[Setting], None]) -> Probe:
        return Probe(talk.__name__, talk, judges, paid, frozenset(needs))

    return made


def steps_of(cases: Iterable[Case]) -> list[Exchange]:
    """The exchanges of all cases in the order they happened."""
    return sorted((step for case in cases for step in case.steps), key=lambda step: step.started_s)


def notes_of(cases: Iterable[Case]) -> list[str]:
    return [note for case in cases for note in case.notes]


def plan(probes: Iterable[Probe], missing: Iterable[Need], highest_uc: int) -> tuple[int, float]:
    """How many paid submissions these probes make, and the credits that they cost at most."""
    paid = sum(one.paid for one in probes if not one.needs.intersection(missing))
    return paid, paid * highest_uc / UC_PER_CREDIT
