"""A record as a line for people: aligned, coloured where that is wanted, and harmless whatever stands in it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from mockserver.contract.document.line import harmless
from mockserver.runtime.clock import LAST_MS
from mockserver.web.lines.feed import Missed, Record

_GOOD, _MOVED, _WRONG, _BAD, _HINT = "green", "cyan", "yellow", "red", "magenta"
_PATH = 60


class Text:
    """`colours` says whether the reader understands them."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def line(self, record: Record) -> str:
        words = [self._paint(_clock(record["time"]), dim=True), *self._words(record)]
        if "key" in record:
            words.append(self._paint(harmless(record["key"]), dim=True))
        if "at_ms" in record:
            words.append(self._paint(f"[its clock: {_day(record['at_ms'])}]", dim=True))
        return "  ".join(word for word in words if word)

    def more(self, missed: Missed, seconds: float) -> str:
        """A flood, summed up."""
        span = "the last second" if seconds < 1.5 else f"the last {seconds:.0f} s"
        refused = f", {missed.refused:,} of them refused" if missed.refused else ""
        told = [f"{missed.requests:,} more requests{refused}"] if missed.requests else []
        if missed.is_deaf:
            told.append("more ends of tasks and callbacks than could be followed")
        return self._paint(f"… in {span} {' and '.join(told)}", dim=True)

    def _words(self, record: Record) -> Iterator[str]:
        kind = record["type"]
        if kind in ("request", "control"):
            yield from self._request(record)
        elif kind == "hint":
            yield self._paint(f"hint  {record['text']}", _HINT)
        elif kind.startswith("task."):
            yield from self._end(record)
        else:
            yield from self._attempt(record)

    def _request(self, record: Record) -> Iterator[str]:
        status = record["status"]
        yield f"{harmless(record['method'] or '?'):<4} {harmless(_short(record['path']))}"
        yield self._paint(str(status), _colour(status))
        yield harmless(record.get("model", ""))
        task_id = record.get("task_id", "")
        yield harmless(task_id) if task_id not in record["path"] else ""
        if "state" in record:
            yield harmless(f"{record['state']} {record.get('progress', '')}{'%' if 'progress' in record else ''}")
        if "code" in record or "reason" in record:
            words = ": ".join(str(record[name]) for name in ("code", "reason") if record.get(name, status) != status)
            yield self._paint(harmless(words), _colour(status))
        if "fault" in record:
            yield self._paint(f"broken on purpose: {record['fault']}", _BAD)

    def _end(self, record: Record) -> Iterator[str]:
        state = record["type"].partition(".")[2]
        yield f"task {harmless(record['task_id'])}"
        yield self._paint(state, _GOOD if state == "completed" else _WRONG)
        yield harmless(record.get("error", ""))
        if "took_ms" in record:
            yield f"after {record['took_ms'] / 1000:g} s"
        if "credits_charged" in record:
            yield f"{record['credits_charged']:,.10g} credits charged"
        if "credits_released" in record:
            yield f"{record['credits_released']:,.10g} credits released"
        if "callback" in record:
            yield self._paint(harmless(record["callback"]), dim=True)

    def _attempt(self, record: Record) -> Iterator[str]:
        yield f"callback of {harmless(record['task_id'])}"
        yield f"attempt {record['attempt']} to {harmless(_short(record.get('url', '?')))}"
        answer = record.get("status", record.get("error", "no answer"))
        is_good = record["type"] == "callback.delivered"
        yield self._paint(f"-> {harmless(str(answer))}", _GOOD if is_good else _BAD)
        if not is_good:
            again = record.get("retry_ms")
            yield "given up" if again is None else f"again in {again / 1000:g} s"

    def _paint(self, text: str, colour: str | None = None, *, dim: bool = False) -> str:
        return click.style(text, fg=colour, dim=dim or None) if self._colours else text


def _short(text: str) -> str:
    return text if len(text) <= _PATH else f"{text[: _PATH - 1]}…"


def _colour(status: int) -> str:
    return next(
        colour for above, colour in ((500, _BAD), (400, _WRONG), (300, _MOVED), (0, _GOOD)) if status >= above
    )


def _clock(time: str) -> str:
    """The machine's local time of day."""
    return datetime.fromisoformat(time).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(min(at_ms, LAST_MS) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
