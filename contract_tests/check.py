"""The list of checks that every layer shares: stable ids, the promise of each, its source and how sure it is.

One YAML file a layer, in `contract_tests/checks/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import yaml


class Evidence(StrEnum):
    """How surely a promise is known."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    VENDOR = "vendor"
    ASSUMED = "assumed"

    @property
    def is_firm(self) -> bool:
        """Whether breaking it is an error against the live API too, and not a warning."""
        return self in (Evidence.DOCUMENTED, Evidence.OBSERVED)


class Layer(StrEnum):
    """Who is judged, and how."""

    SCHEMA = "schema"
    BEHAVIOUR = "behaviour"
    CALLBACK = "callback"
    CLIENT = "client"
    RECEIVER = "receiver"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise. `source` says where the contract makes it; `warns`: to break it is a warning, never more."""

    id: str
    layer: Layer
    promise: str
    source: str
    evidence: Evidence
    warns: bool = False


def checks(*layers: Layer) -> tuple[Check, ...]:
    """The checks of these layers, in the order of their files."""
    return tuple(check for check in _all().values() if check.layer in layers)


def check(check_id: str) -> Check:
    """Raises KeyError for an id that is in no list."""
    return _all()[check_id]


@cache
def _all() -> dict[str, Check]:
    return {one.id: one for layer in Layer for one in _read(layer)}


def _read(layer: Layer) -> Iterator[Check]:
    text = resources.files("contract_tests").joinpath("checks", f"{layer}.yaml").read_text("utf-8")
    entries: dict[str, dict[str, Any]] = yaml.safe_load(text) or {}
    for check_id, entry in entries.items():
        yield Check(
            check_id,
            layer,
            entry["promise"],
            entry["source"],
            Evidence(entry["evidence"]),
            entry.get("warns", False),
        )
