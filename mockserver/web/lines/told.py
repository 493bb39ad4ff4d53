"""From what was kept to what is told of it: one flat record each, as `--log-format json` writes it."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mockserver.simulation.ledger import UC_PER_CREDIT
from mockserver.web.api.identity import shown
from mockserver.web.journal import Entry, said
from mockserver.web.lines.feed import Record

_WORDS = 400
"""Characters of a text that somebody else chose."""
_OFF_MS = 2_000
"""A clock that shows another time than the machine's is told beside it."""


def told(item: Entry | Record) -> Record:
    """What is absent stays absent."""
    found = _request(item) if isinstance(item, Entry) else {**item}
    real_ms, at_ms = found.pop("real_ms"), found.get("at_ms")
    found["time"] = _iso(real_ms)
    if at_ms is None or abs(at_ms - real_ms) <= _OFF_MS:
        found.pop("at_ms", None)
    tenant = found.pop("tenant", None)
    if tenant:
        found["key"] = shown(tenant)
    found |= _refined(found)
    return {name: _cut(value) for name, value in found.items() if value is not None}


def _request(entry: Entry) -> Record:
    """Of the bodies only what a line has room for."""
    record = entry.record()
    asked = record["body"] if isinstance(record["body"], dict) else {}
    return {
        "type": "request",
        "real_ms": entry.real_ms,
        "at_ms": entry.at_ms,
        "tenant": entry.tenant,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "task_id": record["task_id"],
        "model": asked.get("model") if isinstance(asked.get("model"), str) else None,
        "fault": record["fault"],
        "answer": record["answer"],
    }


def _refined(found: Record) -> Record:
    """What several kinds of record have in another form."""
    refined: Record = {}
    if "answer" in found:
        refined |= {"answer": None, **_of_answer(found["answer"], found["status"])}
    if found.get("url"):
        refined["url"] = _without_query(found["url"])
    for name in ("charged", "released"):
        amount_uc = found.get(f"{name}_uc")
        if amount_uc is not None:
            refined |= {f"{name}_uc": None, f"credits_{name}": amount_uc / UC_PER_CREDIT or None}
    return refined


def _of_answer(answer: Any, status: int) -> Record:
    """The reason of a refusal; where a task stands."""
    if not isinstance(answer, dict):
        return {}
    if status < 400:
        return {"state": answer.get("status"), "progress": answer.get("progress")}
    error = answer.get("error", answer)
    return {"code": error.get("code"), "reason": said(answer) or None} if isinstance(error, dict) else {}


def _without_query(url: str) -> str:
    """A receiver may know its caller by a secret in the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _iso(real_ms: int) -> str:
    return datetime.fromtimestamp(real_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cut(value: Any) -> Any:
    """A text as any encoding has it: what a JSON body may smuggle in as half a character is none."""
    if not isinstance(value, str):
        return value
    text = value if len(value) <= _WORDS else f"{value[:_WORDS]}…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
