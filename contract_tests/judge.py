"""Who keeps count: how often each check was judged, what held, and the shortest case of what did not."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from contract_tests.check import Check, Evidence, check
from contract_tests.exchange import Exchange, as_text, cut

_EMPTY = '""'
"""How an empty text is shown: a finding never says that it received nothing in particular."""
_RECEIVED_LIMIT = 1_000


class Outcome(StrEnum):
    """What became of a check. Not judged is never a pass, nor is what was accepted although it does not hold."""

    HELD = "held"
    BROKEN = "broken"
    WARNED = "warned"
    ACCEPTED = "accepted"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise as its reader gets it.

    `when` is what was made to happen, in words; `steps` are the exchanges of the shortest case, without secrets;
    `notes` what else happened between them (time that passed, callbacks that came); `replay` the command that shows
    it again.
    """

    check: Check
    received: str
    documented: str
    steps: tuple[Exchange, ...] = ()
    notes: tuple[str, ...] = ()
    replay: str = ""
    when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One check at the end of a run. `times` counts how often it was judged; `reason` says why it was not, or why its
    finding is accepted; `remedy` what would make it judged."""

    check: Check
    outcome: Outcome
    times: int
    finding: Finding | None = None
    reason: str = ""
    remedy: str = ""


class BrokenPromiseError(AssertionError):
    """A check does not hold; ends the case, so that Hypothesis can look for a shorter one."""

    def __init__(self, check_id: str, received: str, documented: str) -> None:
        super().__init__(f"{check_id}: received {received}; documented: {documented}")
        self.check_id, self.received, self.documented = check_id, received, documented


@dataclass(slots=True)
class Judge:
    """`strict` is for a server of our own: there every broken promise is an error, however sure it is. `replay` gives
    the command that shows the finding of a check again."""

    checks: Sequence[Check]
    strict: bool = True
    replay: Callable[[str], str] = lambda _: ""
    silent: Mapping[str, str] = field(default_factory=dict)
    """The checks that the contract is silent about, with the reason: nothing is judged by them."""
    hear: Callable[[BrokenPromiseError], None] | None = None
    """Who gets a broken promise instead of its being raised: for a talk that is too dear to be begun again."""
    _times: Counter[str] = field(default_factory=Counter)
    _findings: dict[str, Finding] = field(default_factory=dict)
    _reasons: dict[str, tuple[str, str]] = field(default_factory=dict)

    def that(self, check_id: str, holds: bool, received: Any, documented: str = "") -> None:
        """Judge once. Raises BrokenPromiseError where it does not hold (or tells who hears of it), unless this
        check has its finding already.

        `documented` says what was allowed here, if that is more exact than the promise.
        """
        if check_id in self.silent:
            return
        self._times[check_id] += 1
        if not holds and check_id not in self._findings:
            promise = documented or check(check_id).promise
            broken = BrokenPromiseError(check_id, cut(as_text(received) or _EMPTY, _RECEIVED_LIMIT), promise)
            if self.hear is None:
                raise broken
            self.hear(broken)

    def found(
        self,
        broken: BrokenPromiseError,
        steps: Iterable[Exchange] = (),
        notes: Iterable[str] = (),
        when: Iterable[str] = (),
        evidence: Evidence = Evidence.DOCUMENTED,
    ) -> None:
        """Keep a broken promise with the case that shows it; a later, shorter case of the same check replaces it.
        `evidence` is that of what was asked and answered: a promise about it is no surer."""
        shown = tuple(step.safe() for step in steps)
        self._findings[broken.check_id] = Finding(
            _no_surer(check(broken.check_id), evidence),
            broken.received,
            broken.documented,
            shown,
            tuple(notes),
            self.replay(broken.check_id),
            tuple(when),
        )

    def not_judged(self, check_id: str, reason: str, remedy: str = "") -> None:
        """Say why a check could not be judged, and what would make it so; counts only if nothing judged it."""
        self._reasons.setdefault(check_id, (reason, remedy))

    def is_found(self, check_id: str) -> bool:
        return check_id in self._findings

    @property
    def is_sound(self) -> bool:
        """Whether nothing is broken so far that counts as an error."""
        return not any(result.outcome is Outcome.BROKEN for result in self.results())

    def results(self) -> tuple[Result, ...]:
        """Every check of the list, in its order."""
        return tuple(self._result(one) for one in self.checks)

    def _result(self, one: Check) -> Result:
        times, finding = self._times[one.id], self._findings.get(one.id)
        if finding is not None:
            one = finding.check
            firm = not one.warns and (self.strict or one.evidence.is_firm)
            return Result(one, Outcome.BROKEN if firm else Outcome.WARNED, times, finding)
        if times:
            return Result(one, Outcome.HELD, times)
        told = self._reasons.get(one.id, ("nothing in this run came to it", ""))
        reason, remedy = (self.silent[one.id], "") if one.id in self.silent else told
        return Result(one, Outcome.NOT_JUDGED, 0, reason=reason, remedy=remedy)


def _no_surer(one: Check, evidence: Evidence) -> Check:
    return replace(one, evidence=evidence) if one.evidence.is_firm and not evidence.is_firm else one
