"""What the fake itself does otherwise: the life of the task, its links and callbacks, the account."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from contract_tests.client.behaviours.deviation import Deviation, rule
from contract_tests.contract.contract import built_in

FAILURES = built_in().failures
"""The documented codes that a task fails with."""
ENDLESS_S = 100_000
"""So long that no client waits for the end."""


@dataclass(frozen=True, slots=True)
class Slow(Deviation):
    kind: ClassVar[str] = "slow"
    seconds: int = field(default=8, metadata={"always": True})

    def task(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    @property
    def line(self) -> str:
        return "the task never ends" if self.seconds >= ENDLESS_S else f"the task works for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Queued(Deviation):
    kind: ClassVar[str] = "queued"
    of_running: ClassVar[bool] = True
    seconds: int = field(default=5, metadata={"always": True})

    def task(self) -> dict[str, Any]:
        return {"queue_seconds": self.seconds}

    @property
    def line(self) -> str:
        return f"the task is pending for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Fails(Deviation):
    """`first`: only the first task of several does."""

    kind: ClassVar[str] = "fails"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"code": FAILURES}
    code: str = field(default="service_error", metadata={"always": True})
    first: bool = False

    def task(self) -> dict[str, Any]:
        return {} if self.first else {"fail": self.code}

    def rules(self) -> list[dict[str, Any]]:
        return [rule({"fail": self.code}, 1)] if self.first else []

    @property
    def line(self) -> str:
        return f"the {'first ' if self.first else ''}task fails with {self.code}"


@dataclass(frozen=True, slots=True)
class LinkExpires(Deviation):
    """`seconds` after the end of the task."""

    kind: ClassVar[str] = "link-expires"
    seconds: int = field(default=0, metadata={"always": True})

    def task(self) -> dict[str, Any]:
        return {"link_seconds": self.seconds}

    @property
    def line(self) -> str:
        if not self.seconds:
            return "the result link is dead"
        return f"the result link expires {self.seconds} s after the end"


@dataclass(frozen=True, slots=True)
class NoCredits(Deviation):
    kind: ClassVar[str] = "no-credits"

    def account(self) -> dict[str, Any]:
        return {"credits": 0}

    @property
    def line(self) -> str:
        return "the account has no credits left"


@dataclass(frozen=True, slots=True)
class Callbacks(Deviation):
    """Late (`delay`, in seconds), twice (`copies` 2), never (`copies` 0); `overtaken`: only the first task's are."""

    kind: ClassVar[str] = "callbacks"
    delay: int = 0
    copies: int = 1
    overtaken: bool = False

    def task(self) -> dict[str, Any]:
        return {} if self.overtaken else {"callback": self._effect()}

    def rules(self) -> list[dict[str, Any]]:
        return [rule({"callback": self._effect()}, 1)] if self.overtaken else []

    def _effect(self) -> dict[str, int]:
        return {"delay_seconds": self.delay, "copies": self.copies}

    @property
    def line(self) -> str:
        whose = "the first task's callback" if self.overtaken else "the callback"
        late = f" {self.delay} s late" if self.delay else ""
        often = "" if self.copies == 1 else f" {self.copies} times"
        overtaken = ", out of order" if self.overtaken and self.delay else ""
        return f"{whose} comes{late}{often}{overtaken}" if self.copies else f"{whose} never comes"


@dataclass(frozen=True, slots=True)
class RunsAgain(Deviation):
    """The program has run before, in the same world with the same key; its second run is judged."""

    kind: ClassVar[str] = "runs-again"

    @property
    def line(self) -> str:
        return "the program is run for the second time"
