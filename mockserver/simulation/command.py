"""Everything that can change a world. A log is a sequence of these, and nothing else changes a world.

Every command carries its time (ms since the Unix epoch, never falling).
"""

from enum import StrEnum

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mockserver.simulation.clock import OwnClock
from mockserver.simulation.scenario import Effect, Match, Scenario
from mockserver.simulation.task import Event, Terms


class AccountState(StrEnum):
    """Whether a token is accepted; an expired one is answered 401."""

    ACTIVE = "active"
    EXPIRED = "expired"


class _Command(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="command"):
    at_ms: int


class Submit(_Command, frozen=True, gc=False, tag="submit"):
    """A valid creation request. `matches` are the scenario rules it meets, `effect` its own trigger words."""

    terms: Terms
    callback_url: str | None = None
    idempotency_key: str | None = None
    fingerprint: str | None = None
    idempotency_window_ms: int = 0
    requests_per_window: int | None = None
    window_ms: int = 60_000
    matches: tuple[Match, ...] = ()
    effect: Effect | None = None


class Strike(_Command, frozen=True, gc=False, tag="strike"):
    """A request that creates nothing met these scenario rules; the first in force acts."""

    matches: tuple[Match, ...]


class Pass(_Command, frozen=True, gc=False, tag="pass"):
    """Time has passed: fire everything due."""


class Elapse(_Command, frozen=True, gc=False, tag="elapse"):
    """Let happen what is due up to `until_ms`, one moment after the other, but no further than the first moment at
    which a callback goes out, or as one command may. Time then stands at the last thing that happened."""

    until_ms: int


class Report(_Command, frozen=True, gc=False, tag="report"):
    """An attempt that was sent at `sent_ms` (None: when it fell due) ended at `ended_ms`, which is later than `at_ms`
    where a time-out did not wait for the clock."""

    delivery_id: str
    attempt: int
    ended_ms: int
    sent_ms: int | None = None
    status: int | None = None
    error: str | None = None


class Steer(_Command, frozen=True, gc=False, tag="steer"):
    """End a task now, as the control API asks."""

    task_id: str
    event: Event
    failure: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if self.event is Event.START:
            raise ValueError("only the timeline starts a task")


class SetAccount(_Command, frozen=True, gc=False, tag="set_account"):
    """Change what is given of the account; None where it is a value means: no limit."""

    credits_uc: int | UnsetType = UNSET
    token_credits_uc: int | None | UnsetType = UNSET
    user_group: str | UnsetType = UNSET
    models: tuple[str, ...] | None | UnsetType = UNSET
    state: AccountState | UnsetType = UNSET
    requests_per_minute: int | None | UnsetType = UNSET
    concurrent_tasks: int | None | UnsetType = UNSET
    max_files: int | None | UnsetType = UNSET


class AddScenario(_Command, frozen=True, gc=False, tag="add_scenario"):
    """Put a scenario in force; one of the same name and owner is replaced and counts anew."""

    scenario: Scenario


class RemoveScenarios(_Command, frozen=True, gc=False, tag="remove_scenarios"):
    """Take scenarios out of force: one by name, or (None) all of the key's own, or all of the server's."""

    own: bool = True
    name: str | None = None


class Redeliver(_Command, frozen=True, gc=False, tag="redeliver"):
    """Send a callback once more."""

    delivery_id: str


class Upload(_Command, frozen=True, gc=False, tag="upload"):
    """A valid upload: what its content is, and what the document says of files. An empty `name` asks for one that
    ends in `ending`; `digest` names the bytes, which are kept elsewhere."""

    size: int
    mime_type: str
    ending: str
    upload_path: str
    valid_ms: int
    files_limit: int
    name: str = ""
    original_name: str = ""
    digest: str = ""
    length_ms: int | None = None


class DeleteFile(_Command, frozen=True, gc=False, tag="delete_file"):
    """Forget a file before it expires."""

    file_id: str


class SetClock(_Command, frozen=True, gc=False, tag="set_clock"):
    """From `at_ms` on this world has a clock of its own; None: it follows the server's again."""

    clock: OwnClock | None


Other = (
    Strike
    | Pass
    | Elapse
    | Report
    | Steer
    | SetAccount
    | AddScenario
    | RemoveScenarios
    | Redeliver
    | Upload
    | DeleteFile
    | SetClock
)
"""Every command but the most frequent one."""
Command = Submit | Other

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Command).decode
