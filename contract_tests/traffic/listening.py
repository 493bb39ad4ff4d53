"""The mocks that one test has among its fixtures, and what came to them since it began."""

from collections.abc import Iterable
from contextlib import suppress

from contract_tests.judge import Outcome, Result
from contract_tests.reporting.clean import clean
from contract_tests.reporting.words import case_lines, contrast
from contract_tests.traffic.judging import judge_traffic, without_older
from contract_tests.traffic.source import of_control
from mockserver.testing import MockTenant, RunningMock


class Listening:
    """From the first moment of a test to its last; of a mock that runs elsewhere, and that others may use, what came
    with the test's own keys.

    One that does not run, before or any more, has nothing to tell.
    """

    def __init__(self, fixtures: Iterable[object]) -> None:
        self._begun: dict[MockTenant, int] = {}
        for mock in (one for one in fixtures if isinstance(one, MockTenant)):
            with suppress(RuntimeError):
                self._begun[mock] = _last(mock)

    def findings(self) -> list[str]:
        """Each promise that was broken since, as text."""
        found = []
        for mock, sequence in self._begun.items():
            with suppress(RuntimeError):
                own = mock.tenants if isinstance(mock, RunningMock) else None
                seen = without_older(of_control(mock.get, own), sequence)
                report = clean(judge_traffic(seen, "the mock of this test"))
                found += [_text(result) for result in (*report.of(Outcome.BROKEN), *report.of(Outcome.WARNED))]
        return list(dict.fromkeys(found))


def _last(mock: MockTenant) -> int:
    requests = mock.get("/requests", limit=1)["requests"]
    return int(requests[-1]["sequence"]) if requests else 0


def _text(result: Result) -> str:
    lines = [f"{result.check.id}: {result.check.promise}"]
    if result.finding is not None:
        lines += [f"  {label}: {text}" for label, text in contrast(result.finding)]
        lines += [f"  {line.request}\n    -> {line.answer}" for line in case_lines(result.finding)]
        lines += [f"  {note}" for note in result.finding.notes]
    return "\n".join(lines)
