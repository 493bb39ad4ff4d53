"""What moves a clock, as a world remembers it of its own one. Nothing here reads one."""

from enum import StrEnum

from msgspec import Struct


class Mode(StrEnum):
    """What moves a clock: time itself, only whoever is told to, or each query of a task."""

    REAL = "real"
    MANUAL = "manual"
    POLLS = "polls"


class OwnClock(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The clock of one world. `speed` counts where it is real, `poll_step_ms` where polls move it."""

    mode: Mode
    speed: float = 1.0
    poll_step_ms: int = 1000
