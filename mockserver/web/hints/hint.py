"""One hint: of which kind, to whom, in which words."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from mockserver.contract.request.objection import shown

HEADER = b"x-mock-hint"
_HEADER_CHARACTERS = 500


class Kind(StrEnum):
    """What hints are about."""

    UNKNOWN_FIELD = "unknown_field"
    LOCAL_CALLBACK = "local_callback"
    UNMOUNTED_MODEL = "unmounted_model"
    FAST_POLLING = "fast_polling"
    POLLING_AFTER_END = "polling_after_end"
    REPEATED_SUBMISSION = "repeated_submission"
    IGNORED_RETRY_AFTER = "ignored_retry_after"
    UNFETCHED_RESULT = "unfetched_result"
    UNANSWERED_CALLBACK = "unanswered_callback"
    KEY_IN_URL = "key_in_url"


class Hint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`at_ms` is the time of the key's own clock, `tenant` its name (None where no key was sent), `request` the
    sequence of the journal's entry that it is about."""

    at_ms: int
    type: Literal["hint"]
    kind: Kind
    text: str
    tenant: str | None = None
    task_id: str | None = None
    delivery_id: str | None = None
    request: int | None = None


Found = tuple[Kind, str]
"""What a rule has found, before anybody is told."""


def in_a_header(hints: Sequence[Hint]) -> bytes:
    """As a header can carry them: plain ASCII in one line."""
    words = " | ".join(f"{one.kind}: {one.text}" for one in hints)
    return words.encode("ascii", "backslashreplace")[:_HEADER_CHARACTERS]


def spelled(text: str) -> str:
    """A text that somebody else chose, in a line of ours: escaped, and cut to a readable length."""
    escaped = shown(text)
    return escaped[1:-1] if escaped.endswith('"') else escaped[1:]
