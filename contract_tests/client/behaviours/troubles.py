"""What goes wrong between a client and the API: other answers, broken ones, none."""

import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, ClassVar

from contract_tests.client.behaviours.deviation import (
    Answer,
    Ask,
    Deviation,
    Effect,
    Headers,
    Operation,
    Trouble,
    counted,
)
from contract_tests.contract.contract import Contract

FAULTS = {
    "closed_before_answer": "{which} lost before the answer, and not taken",
    "closed_after_accept": "{which} taken, and the answer lost",
    "reset": "{which} taken, and the connection reset",
    "cut_head": "{which} answered with a head that breaks off",
    "truncated_body": "{which} answered with a body that breaks off in the middle",
    "short_length": "{which} answered with a Content-Length that cuts the body",
    "malformed_json": "{which} answered with what is no JSON",
    "late": "{which} answered 5 s late",
    "stalled": "{which} never answered",
}
"""What breaks on the wire, in words."""
FORMS = ("json", "html", "text", "nothing")
"""What an error's body may be: the documented JSON, or what a gateway in between says."""
LATE_S = 5.0
LONG_WAIT_S = 600
"""A Retry-After that no client is expected to honour to its end."""
MOVED = "/moved"
"""Where a redirect leads: the same, with this before its path."""

_PAGES = {
    "html": ("text/html", b"<html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>\n"),
    "text": ("text/plain; charset=utf-8", b"upstream connect error or disconnect/reset before headers\n"),
    "nothing": ("text/plain", b""),
}
_ROLES = {Operation.SUBMISSION: "create_task", Operation.QUERY: "get_task", Operation.CREDITS: "get_credits"}
_PREFERRED = {
    409: ("paid_outcome_unknown", "invalid_request_error"),
    402: ("insufficient_quota", "insufficient_quota"),
}
_OTHERWISE = {404: ("not_found", "invalid_request_error"), 503: ("service_unavailable", "service_unavailable_error")}


@dataclass(frozen=True, slots=True)
class Answers(Trouble):
    """An error in place of an answer. `wait` is the Retry-After in seconds, 0 for none; `taken`: the request did
    its work all the same, as behind a gateway that lost patience."""

    kind: ClassVar[str] = "answers"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"form": FORMS}
    status: int = field(default=503, metadata={"always": True})
    wait: int = 0
    date: bool = False
    form: str = "json"
    taken: bool = False

    def effect(self, ask: Ask) -> Effect | None:
        if not self.is_in_turn(ask.number):
            return None
        headers: Headers = []
        if self.wait:
            date = formatdate(ask.now_s + self.wait, usegmt=True)
            headers.append(("Retry-After", date if self.date else str(self.wait)))
        return Effect(self.taken, made_error(ask.contract, self.operation, self.status, headers, self.form))

    @property
    def line(self) -> str:
        wait = ""
        if self.wait:
            wait = f" with Retry-After of {self.wait} s" + (" as a date" if self.date else "")
        form = (
            "" if self.form == "json" else f" and {self.form.replace('html', 'HTML').replace('text', 'plain text')}"
        )
        taken = "taken, and " if self.taken else ""
        return f"{self.which} {taken}answered {self.status}{form}{wait}"


def made_error(
    contract: Contract, operation: Operation, status: int, headers: Headers | None = None, form: str = "json"
) -> Answer:
    """An error as the document has it for this operation, or as a gateway would write it."""
    if form != "json":
        kind, page = _PAGES[form]
        return Answer(status, [("Content-Type", kind), *(headers or [])], page, is_made=True)
    code, kind = _error_kind(contract, operation, status)
    error: dict[str, Any] = {"code": code, "message": f"The service answered {status}", "type": kind}
    body = json.dumps({"error": error}).encode()
    return Answer(status, [("Content-Type", "application/json"), *(headers or [])], body, is_made=True)


def _error_kind(contract: Contract, operation: Operation, status: int) -> tuple[Any, str]:
    """The code and type that the document gives first."""
    endpoint = contract.endpoint(_ROLES.get(operation, ""))
    known = contract.error_kinds(endpoint, status) if endpoint else frozenset()
    if _PREFERRED.get(status) in known or not known:
        return _PREFERRED.get(status) or _OTHERWISE.get(status, ("internal_error", "api_error"))
    return min(known, key=str)


@dataclass(frozen=True, slots=True)
class Breaks(Trouble):
    """A fault on the wire, one of FAULTS."""

    kind: ClassVar[str] = "breaks"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"fault": tuple(FAULTS)}
    fault: str = field(default="closed_before_answer", metadata={"always": True})

    def effect(self, ask: Ask) -> Effect | None:
        if not self.is_in_turn(ask.number):
            return None
        return Effect(reaches=self.fault != "closed_before_answer", fault=self.fault)

    @property
    def line(self) -> str:
        return FAULTS[self.fault].format(which=self.which)


@dataclass(frozen=True, slots=True)
class Redirects(Trouble):
    """`elsewhere`: to another host than the one asked. Results lie elsewhere already: theirs is the API's."""

    kind: ClassVar[str] = "redirects"
    status: int = field(default=307, metadata={"always": True})
    elsewhere: bool = False

    def effect(self, ask: Ask) -> Effect | None:
        if not self.is_in_turn(ask.number) or ask.path.startswith(MOVED):
            return None
        host = ask.here if self.elsewhere == (ask.operation is Operation.FETCH) else ask.elsewhere
        location = f"{host}{MOVED}{ask.path}{'?' if ask.query else ''}{ask.query}"
        return Effect(False, Answer(self.status, [("Location", location)], is_made=True))

    @property
    def line(self) -> str:
        return f"{self.which} redirected ({self.status}) {'to another host' if self.elsewhere else 'on its host'}"


@dataclass(frozen=True, slots=True)
class Vanishes(Deviation):
    kind: ClassVar[str] = "vanishes"
    after: int = field(default=1, metadata={"always": True})

    def meets(self, operation: Operation) -> bool:
        return operation is Operation.QUERY

    def effect(self, ask: Ask) -> Effect | None:
        return Effect(False, made_error(ask.contract, Operation.QUERY, 404)) if ask.number >= self.after else None

    @property
    def line(self) -> str:
        return f"after {counted(Operation.QUERY, self.after)} the task is not found any more"


@dataclass(frozen=True, slots=True)
class LinkDies(Deviation):
    """`renewed`: whoever reads the task again gets a link that works; the old one stays dead."""

    kind: ClassVar[str] = "link-dies"
    status: int = field(default=403, metadata={"always": True})
    renewed: bool = False

    def meets(self, operation: Operation) -> bool:
        return operation is Operation.FETCH

    def effect(self, ask: Ask) -> Effect | None:
        if self.renewed and _reading_of(ask.query) > 1:
            return None
        return Effect(False, made_error(ask.contract, Operation.FETCH, self.status))

    @property
    def line(self) -> str:
        renewed = "; the next read of the task has one that works" if self.renewed else ""
        return f"the result link is answered {self.status}{renewed}"


READING = "reading="
"""What a link says in its query: with which read of the completed task it was given out."""


def _reading_of(query: str) -> int:
    said = query.rpartition(READING)[2]
    return int(said) if said.isdigit() else 0
