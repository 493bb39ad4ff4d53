"""How surely a rule is known."""

from enum import StrEnum

from msgspec import Struct


class Evidence(StrEnum):
    """The marks of the documents, see the head of openapi/evolink.yaml."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    VENDOR = "vendor"
    ASSUMED = "assumed"


class Told(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of a document, and how surely it is known."""

    evidence: Evidence
    note: str = ""
