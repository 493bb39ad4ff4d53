"""Everything that a server can be told, in one place, with its defaults and bounds."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from mockserver.contract.behaviour import Profile
from mockserver.simulation.clock import Mode
from mockserver.simulation.ledger import UC_PER_CREDIT

MOST_CREDITS, MOST_SPEED, MOST_TASK_SECONDS = 1e9, 1e6, 2_592_000
_SECRET = ("control_token", "only_keys")
_SWITCHES = ("strict", "allow_local_callbacks", "links_follow_host", "loopback", "hints")
_ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")


class Bounds(Struct, frozen=True, kw_only=True):
    """What each thing that can grow may grow to. Sizes in bytes, the rest are counts."""

    body_bytes: int = 1024 * 1024
    upload_bytes: int = 20 * 1024 * 1024
    files_kept_bytes: int = 128 * 1024 * 1024
    journal_entries: int = 1_000
    journal_body_bytes: int = 16 * 1024
    log_bytes: int = 64 * 1024 * 1024
    tasks_per_tenant: int = 1_000_000
    tenants: int = 10_000
    tenants_loaded: int = 1_000
    scenarios: int = 1_000
    callbacks_waiting: int = 100_000
    callbacks_parallel: int = 256
    callbacks_parallel_per_receiver: int = 32
    event_listeners: int = 100
    connections: int = 10_000


class Options(Struct, frozen=True, kw_only=True):
    """How one server is to be. Times in seconds, credits as the API counts them.

    `document` stands in for the built-in contract; `specs` come beside it, each of their files usable if `strict`.
    `node_name` and `node_url` are what other nodes on the same log know this one by.

    Raises ValueError for what no server can be.
    """

    document: Path | None = None
    specs: tuple[Path, ...] = ()
    strict: bool = False
    profile: Profile = Profile.DOCUMENTED
    seed: int = 0
    clock: Mode = Mode.REAL
    speed: float = 1.0
    task_seconds: float | None = 5.0
    log: str = "memory"
    node_name: str = ""
    node_url: str = ""
    credits: float = 10_000_000
    allow_local_callbacks: bool = False
    scenarios: tuple[Path, ...] = ()
    callback_ca: Path | None = None
    public_url: str | None = None
    links_follow_host: bool = False
    """Whether links lead to where each client reached the server, as its Host header names it."""
    cors: tuple[str, ...] = ()
    """Origins whose web pages may ask the API; "*" is any."""
    control_token: str | None = None
    only_keys: tuple[str, ...] = ()
    """The API keys there are; none means that any key is an account."""
    loopback: bool = True
    hints: bool = True
    """Whether hints are given, as a header of answers too."""
    bounds: Bounds = Bounds()

    def __post_init__(self) -> None:
        self._check_kinds()
        fits = 0 <= self.credits <= MOST_CREDITS and (Decimal(repr(self.credits)) * UC_PER_CREDIT) % 1 == 0
        allowed = f"0 to {MOST_CREDITS:,.0f}, with at most 4 decimals"
        self._check("credits", self.credits, fits, allowed)
        speed = 0 < self.speed <= MOST_SPEED
        self._check("speed", self.speed, speed, f"more than 0, at most {MOST_SPEED:,.0f}")
        seconds = self.task_seconds is None or 0 <= self.task_seconds <= MOST_TASK_SECONDS
        self._check("task_seconds", self.task_seconds, seconds, f"0 to {MOST_TASK_SECONDS:,}, or None for realistic")
        leads = self.public_url is None or _ADDRESS.fullmatch(self.public_url) is not None
        self._check("public_url", self.public_url, leads, "an http or https address, without query")
        is_reached = not self.node_url or _ADDRESS.fullmatch(self.node_url) is not None
        self._check("node_url", self.node_url, is_reached, "an http or https address, without query")
        if self.public_url is not None:  # paths are put behind it, and begin with a slash of their own
            structs.force_setattr(self, "public_url", self.public_url.rstrip("/"))

    def _check_kinds(self) -> None:
        """What the annotations say, and Python does not."""
        for name in _SWITCHES:
            self._check(name, getattr(self, name), type(getattr(self, name)) is bool, "True or False")
        for name in ("credits", "speed", "task_seconds"):
            value = getattr(self, name)
            fits = type(value) in (int, float) or (value is None and name == "task_seconds")
            self._check(name, value, fits, "a number")
        self._check("seed", self.seed, type(self.seed) is int, "a whole number")
        self._check("bounds", self.bounds, isinstance(self.bounds, Bounds), "mockserver.web.options.Bounds(...)")

    def __repr__(self) -> str:
        """Without secrets."""
        told = {name: value for name, value in structs.asdict(self).items() if name not in _SECRET}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def _check(self, name: str, received: Any, fits: bool, allowed: str) -> None:
        if not fits:
            raise ValueError(f"{name}: received {received!r}; allowed: {allowed}")

    def told(self) -> dict[str, Any]:
        """What a health check tells of it."""
        log = self.log.partition(":")[0]
        return {"seed": self.seed, "profile": self.profile, "log": log, "task_seconds": self.task_seconds}

    @property
    def log_shown(self) -> str:
        """Where the log is, without a password."""
        return re.sub(r"(?<=://)[^@/]*@", "***@", self.log.partition("?")[0])
