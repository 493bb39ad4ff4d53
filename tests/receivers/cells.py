"""Which receiver each cell of the grid reveals, and by which check. README.md shows it as a table."""

from dataclasses import dataclass, field
from typing import Any

from contract_tests.receiver.grid import CASES
from contract_tests.receiver.hostile import GARBAGE, GARBAGE_CASES
from contract_tests.receiver.stock import FAILURES


@dataclass(frozen=True, slots=True)
class Cell:
    """A case, and what is wrong with the receiver that it reveals. `check` without `RECEIVER-`."""

    case: str
    program: str
    check: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.case}-{self.program}"

    @property
    def row(self) -> str:
        """As the table has it."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        program = f"{self.program}({told})" if told else self.program
        return f"| `{self.case}` | {CASES[self.case].line} | `RECEIVER-{self.check}` | `{program}` |"


def _each(cells: str, program: str, check: str, settings: str = "") -> list[Cell]:
    """One cell for each end of a task."""
    ends = ("completed", "failed", "cancelled")
    return [Cell(f"{cells}/{end}", program, check, {settings: end} if settings else {}) for end in ends]


CELLS = (
    Cell("completed", "handles_twice", "DUPLICATE-ONCE"),
    *(Cell(code, "bodies.LacksOneCode", "ANSWERS-2XX", {"lacking": code}) for code in FAILURES),
    Cell("cancelled", "bodies.LacksOneCode", "ANSWERS-2XX", {"lacking": "request_cancelled"}),
    Cell("service_error", "takes_failed_for_done", "FAILED-IS-NOT-SUCCESS"),
    Cell("sparse", "bodies.NeedsEveryField", "EVERY-SHAPE"),
    Cell("images", "bodies.OneResult", "EVERY-SHAPE"),
    Cell("audio", "bodies.VideosOnly", "EVERY-SHAPE"),
    Cell("respelt", "bodies.GrepsTheBody", "EVERY-SHAPE"),
    Cell("new-code", "bodies.CodesByName", "UNKNOWN-VALUES"),
    Cell("new-model", "bodies.PricesByModel", "UNKNOWN-VALUES"),
    Cell("new-fields", "knows_every_field", "UNKNOWN-FIELDS"),
    Cell("long-link", "bodies.ShortColumn", "WHOLE-BODY"),
    Cell("long-message", "bodies.AsciiLog", "WHOLE-BODY"),
    Cell("long-message", "bodies.ReadsAscii", "WHOLE-BODY"),
    Cell("in-pieces", "bodies.ReadsOnce", "WHOLE-BODY"),
    Cell("charset", "exact_media_type", "MEDIA-TYPE"),
    Cell("letter-case", "bodies.ExactLetters", "MEDIA-TYPE"),
    Cell("status-cancelled", "bodies.SuccessUnlessFailed", "FAILED-IS-NOT-SUCCESS"),
    Cell("new-status", "bodies.RaisesAtAStatus", "UNKNOWN-VALUES"),
    Cell("new-status", "bodies.AnyStatusIsSuccess", "FAILED-IS-NOT-SUCCESS"),
    Cell("unknown-task", "knows_every_task", "UNKNOWN-TASK"),
    *_each("copy-later", "repeats.RemembersTheLast", "DUPLICATE-ONCE", "kind"),
    *_each("copy-respelt", "repeats.RemembersTheBytes", "DUPLICATE-RESPELT"),
    *_each("own-failure", "repeats.ActsThenFails", "RETRY-RECOVERS"),
    Cell("own-failure/completed", "seen_before_done", "RETRY-RECOVERS"),
    Cell("own-failure/completed", "repeats.HalfDone", "RETRY-RECOVERS"),
    Cell("own-failure/twice", "repeats.GivesUp", "RETRY-RECOVERS"),
    Cell("own-failure/copy", "repeats.StartsAfresh", "DUPLICATE-ONCE"),
    Cell("content_policy_violation", "repeats.FailsAtFirst", "ANSWERS-2XX"),
    *_each("sender-leaves", "repeats.EndsWithTheConnection", "SENDER-LEAVES"),
    Cell("later-first", "newest_only", "ORDER"),
    Cell("report-before", "repeats.FirstReportWins", "ORDER"),
    *_each("report-after", "last_report_wins", "ORDER"),
    Cell("ids/letter-case", "ids.AnyCase", "WHOLE-ID"),
    Cell("ids/one-in-the-other", "ids.Beginning", "WHOLE-ID"),
    Cell("ids/same-ending", "ids.Ending", "WHOLE-ID"),
    Cell("ids/same-second", "ids.Second", "WHOLE-ID"),
    Cell("ids/long", "ids.Truncated", "WHOLE-ID"),
    *_each("at-once", "checks_then_acts", "DUPLICATE-AT-ONCE"),
    *(
        Cell("at-once/completed", f"states.{state}", "DUPLICATE-AT-ONCE")
        for state in ("Counts", "Total", "Rows", "Nested", "Lines")
    ),
    Cell("together/completed", "loses_one_of_many", "PARALLEL"),
    Cell("together/mixed", "loses_one_of_many", "PARALLEL"),
    Cell("copy-much-later", "repeats.RemembersTen", "DUPLICATE-ONCE"),
    Cell("slow-sender", "one_at_a_time", "SLOW-SENDER"),
    *(
        Cell(name, "bodies.TakesTextForATask", "GARBAGE-REFUSED", {"garbage": GARBAGE[text]})
        for name, text in GARBAGE_CASES.items()
    ),
    Cell("garbage/no-json", "keeps_before_reading", "GARBAGE-HARMLESS"),
    Cell("garbage/fields-of-wrong-types", "sorts_any_id", "GARBAGE-HARMLESS"),
    Cell("broken-off", "bodies.KeepsWhatCame", "GARBAGE-HARMLESS"),
    Cell("oversize", "dies_of_a_large_body", "OVERSIZE"),
)
