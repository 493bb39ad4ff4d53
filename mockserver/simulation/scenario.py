"""Scenarios: what happens to which request next. Rules are state, so a replay meets the same surprises."""

from enum import StrEnum

from msgspec import Struct, structs


class Fault(StrEnum):
    """What breaks on the wire between server and client."""

    CLOSED_BEFORE_ANSWER = "closed_before_answer"
    CLOSED_AFTER_ACCEPT = "closed_after_accept"
    STALLED = "stalled"
    TRUNCATED_BODY = "truncated_body"
    MALFORMED_JSON = "malformed_json"
    UNKNOWN_FIELDS = "unknown_fields"


UNACCEPTED = frozenset({Fault.CLOSED_BEFORE_ANSWER})
"""Faults that lose the request itself: nothing is accepted, nothing reserved."""


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error answered instead of what was asked for; `code` picks one where a status has several."""

    status: int
    code: str | None = None
    message: str | None = None
    retry_after: int | str | None = None


class CallbackEffect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task's callback misbehaves: late (`delay_ms`), twice (`copies` 2), never (`copies` 0)."""

    delay_ms: int = 0
    copies: int = 1


class Effect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule or a trigger word does. Absent fields leave the ordinary course."""

    fail: str | None = None
    fail_message: str | None = None
    work_ms: int | None = None
    queue_ms: int | None = None
    answer: Answer | None = None
    fault: Fault | None = None
    stall_ms: int | None = None
    link_ms: int | None = None
    callback: CallbackEffect | None = None

    def over(self, other: "Effect | None") -> "Effect":
        """This effect, with what it leaves open taken from `other`."""
        if other is None:
            return self
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Effect(**{name: getattr(other, name) if value is None else value for name, value in fields.items()})


class Subject(Struct, frozen=True, kw_only=True):
    """What rules look at in a request."""

    operation: str
    model: str = ""
    prompt: str = ""
    urls: tuple[str, ...] = ()
    task_id: str = ""


class When(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which requests a rule concerns; what is absent does not matter."""

    operation: str | None = None
    model: str | None = None
    prompt_contains: str | None = None
    url_contains: str | None = None
    task_id: str | None = None

    def matches(self, subject: Subject) -> bool:
        return (
            self.operation in (None, subject.operation)
            and self.model in (None, subject.model)
            and self.task_id in (None, subject.task_id)
            and (self.prompt_contains is None or self.prompt_contains in subject.prompt)
            and (self.url_contains is None or any(self.url_contains in url for url in subject.urls))
        )


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Let `skip` matching requests pass, then act on `times` of them (None: on all), each with `chance`."""

    then: Effect
    when: When = When()
    skip: int = 0
    times: int | None = None
    chance: float = 1.0

    def acts_on(self, hit: int) -> bool:
        """Whether the rule is in force for its `hit`-th matching request, counted from 0."""
        return hit >= self.skip and (self.times is None or hit < self.skip + self.times)


class Media(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What lies behind a media URL, which nobody fetches: its length in ms, its size in bytes."""

    length_ms: int | None = None
    bytes: int | None = None


class Scenario(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Named rules: a key's own, or the server's, which stand in the world of every key and count there.

    `media` tells, by URL, what the media of a request are. `edition` tells two postings of one text apart.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    media: dict[str, Media] = {}
    own: bool = True
    description: str = ""
    edition: int = 0

    @property
    def key(self) -> tuple[bool, str]:
        """What it replaces another by."""
        return self.own, self.name

    def as_shared(self, edition: int) -> "Scenario":
        """The same as the server's, in force for every key."""
        return structs.replace(self, own=False, edition=edition)


class Match(Struct, frozen=True, omit_defaults=True):
    """A rule that a request met: the scenario, whether it is the key's own, the rule's place in it."""

    scenario: str
    rule: int
    own: bool = False

    @property
    def counter(self) -> str:
        return f"{'own' if self.own else 'all'}:{self.scenario}#{self.rule}"
