"""What a run found, for people and for machines: one record that every format is written from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from contract_tests.exchange import Exchange
from contract_tests.judge import Outcome, Result

HOLDS, BROKEN, USAGE, COULD_NOT_JUDGE = 0, 1, 2, 3
EXIT_CODES = "Exit codes: 0 holds, 1 broken, 2 wrong usage, 3 could not judge."


@dataclass(frozen=True, slots=True)
class Report:
    """One run. `subject` is what was judged (a URL, a command); `aborted` says why the run ended early, if it did;
    `facts` are lines about the run (profile, seed, credits reserved, cases per operation); `exchanges` all that was
    sent, for the HAR file."""

    title: str
    subject: str
    started: datetime
    elapsed_s: float
    seed: int
    results: tuple[Result, ...]
    facts: dict[str, str] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    aborted: str = ""

    def of(self, outcome: Outcome) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome is outcome)

    def accepting(self, reasons: Mapping[str, str]) -> "Report":
        """The same, with the findings of these checks accepted for these reasons. What holds stays held, what was not
        judged stays so."""
        found = (Outcome.BROKEN, Outcome.WARNED)
        results = tuple(
            replace(result, outcome=Outcome.ACCEPTED, reason=reasons[result.check.id])
            if result.outcome in found and result.check.id in reasons
            else result
            for result in self.results
        )
        return replace(self, results=results)

    @property
    def exit_code(self) -> int:
        """0 holds, 1 broken, 3 could not judge: the run was cut short, or nothing was judged at all."""
        if self.of(Outcome.BROKEN):
            return BROKEN
        judged = self.of(Outcome.HELD) or self.of(Outcome.WARNED) or self.of(Outcome.ACCEPTED)
        return HOLDS if judged and not self.aborted else COULD_NOT_JUDGE
