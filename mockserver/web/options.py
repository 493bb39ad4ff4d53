"""Everything that a server can be told, in one place, with its defaults and bounds."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mockserver.contract.behaviour import Profile
from mockserver.simulation.clock import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one server is to be. Times in seconds, credits as the API counts them.

    `document` stands in for the built-in contract; `specs` come beside it, each of their files usable if `strict`.
    `node_name` and `node_url` are what other nodes on the same log know this one by.
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
    control_token: str | None = field(default=None, repr=False)
    only_keys: tuple[str, ...] = field(default=(), repr=False)
    """The API keys there are; none means that any key is an account."""
    loopback: bool = True
    hints: bool = True
    """Whether hints are given, as a header of answers too."""
    bounds: Bounds = Bounds()

    def told(self) -> dict[str, Any]:
        """What a health check tells of it."""
        return {"seed": self.seed, "profile": self.profile, "log": self.log.partition(":")[0]}

    @property
    def log_shown(self) -> str:
        """Where the log is, without a password."""
        return re.sub(r"(?<=://)[^@/]*@", "***@", self.log.partition("?")[0])
