"""A report that may leave the process: no secret, bodies bounded, nothing that steers its reader's screen."""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from contract_tests.exchange import Exchange, redacted
from contract_tests.report import Report

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters but tab and newline, what turns the direction of text, halves of surrogate pairs and
non-characters: XML forbids many of them, UTF-8 some, and a terminal obeys others."""

_Value = TypeVar("_Value")


def printable(text: str) -> str:
    """Text with every such character spelled out, as JSON would."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def clean(report: Report) -> Report:
    """The same report, as every format shows it. Cleaning twice changes nothing more."""
    steps = [step for result in report.results if result.finding for step in result.finding.steps]
    secrets = frozenset[str]().union(*(exchange.secrets() for exchange in (*report.exchanges, *steps)))
    return _mapped(report, lambda text: printable(redacted(text, secrets)))


def _mapped(value: _Value, change: Callable[[str], str]) -> _Value:
    """The same record with every text in it changed, and every exchange safe."""
    return _changed(value, change)  # type: ignore[no-any-return]


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(one, change) for one in value)
    if isinstance(value, dict):
        return {change(name): _changed(one, change) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        whole = value.safe() if isinstance(value, Exchange) else value
        return replace(whole, **{one.name: _changed(getattr(whole, one.name), change) for one in fields(whole)})
    return value
