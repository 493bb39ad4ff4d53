"""How far a run goes, in seconds and tasks, and what ends a case or the whole."""

from dataclasses import dataclass

from contract_tests.receiver.delivery import TIME_LIMIT_S

RETRY_DELAYS_S = (1.0, 2.0, 4.0)
"""Documented: how long after each failure a delivery is repeated."""


class UntoldError(Exception):
    """This case can tell nothing more: what is wrong here has its finding already."""


class AbortedError(Exception):
    """The run cannot go on; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of one run, in seconds.

    `timeout_s` is how long an answer may take; `settle_s` how long the receiver may work on after it until its state
    is read, and `patience_s` how long an effect that has to come is waited for. No case begins after `run_s`, and no
    delivery after twice that. `between` is how many tasks come between a callback and its latest copy.
    """

    timeout_s: float = TIME_LIMIT_S
    retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S
    settle_s: float = 0.1
    patience_s: float = 5.0
    run_s: float = 300.0
    between: int = 300
