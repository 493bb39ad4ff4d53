"""What a document leaves unsaid: behaviour read off its examples, or taken from the built-in document.

Every choice is noted with where it came from, so that `explain` can tell.
"""

import re
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct, structs

from mockserver.contract import behaviour as rules
from mockserver.contract.answer import ErrorAnswer, ErrorTable
from mockserver.contract.behaviour import Profile, TaskBehaviour
from mockserver.contract.document.document import PREFIX, Document, types
from mockserver.contract.document.evidence import Evidence
from mockserver.contract.document.pointer import place_of
from mockserver.contract.price import Factor, Length, Price
from mockserver.contract.request import fields

SAMPLES = {"video": "video.mp4", "image": "image.png", "audio": "audio.mp3", "text": "text.txt"}
"""Which sample stands for each type of result."""
_ESTIMATE_S = 60
_UNPRICED = "1"
"""Credits of a request whose document says nothing of money: with none at all an empty account would do."""
_BILLED_MEDIA = re.compile(r"(video|audio)_urls?")
_RULE_KEYS = ("timeline", "queue", "price", "length", "results", "idempotency", "rate-limit", "rules")


class Note(Struct, frozen=True):
    """One thing that was read or inferred: what, which value, and from where."""

    aspect: str
    value: str
    source: str


class Base(Struct, frozen=True):
    """What the built-in document says, for whatever another one leaves open."""

    behaviour: TaskBehaviour
    errors: ErrorTable
    parameters: dict[str, re.Pattern[str]]


class Inferred(Struct):
    """Works through one operation, noting as it goes."""

    document: Document
    operation: dict[str, Any]
    path: str
    base: Base
    callback_field: str = "callback_url"
    notes: list[Note] = msgspec.field(default_factory=list)

    @property
    def place(self) -> str:
        return place_of("POST", self.path)

    def behaviour(self) -> TaskBehaviour:
        """The behaviour of a creating operation."""
        results = self._results()
        return TaskBehaviour(
            timeline=self._own("timeline", rules.Timeline) or self._timeline(),
            queue=self._own("queue", rules.Queue) or self._builtin("queue", self.base.behaviour.queue),
            prices=self._own_prices() or self._prices(),
            length=self._own("length", Length) or self._length(),
            results=self._own("results", rules.Results) or results,
            idempotency=self._own("idempotency", rules.Idempotency)
            or self._builtin("idempotency", self.base.behaviour.idempotency),
            rate_limit=self._own("rate-limit", rules.RateLimit)
            or self._builtin("rate limit", self.base.behaviour.rate_limit),
            rules=(*self._url_rules(), *(self._own("rules", tuple[rules.Rule, ...]) or ())),
            callback=self._builtin("callback", self.base.behaviour.callback),
        )

    def errors(self, own: dict[int, dict[str, Any]]) -> ErrorTable:
        """The errors: the document's bodies where it has an example of the status, else the built-in ones.

        `own` are the examples by status. Messages that name a field come from the built-in templates, and so does
        what is said of another reason than the first of its status: the example knows nothing of it.
        """
        answers = [self._error(answer, own.get(answer.status)) for answer in self.base.errors]
        known = {answer.status for answer in answers}
        extra = [ErrorAnswer(f"status_{status}", status, body, None) for status, body in own.items()]
        return ErrorTable([*answers, *(one for one in extra if one.status not in known)])

    def _error(self, answer: ErrorAnswer, own: dict[str, Any] | None) -> ErrorAnswer:
        documented = self.base.errors.find(answer.status, None)
        if own is None or documented is None or documented.code != answer.code:
            return answer
        message = answer.message if answer.refusal == documented.refusal else answer.words
        return ErrorAnswer(answer.refusal, answer.status, own, message)

    # --- one rule after the other

    def _own(self, key: str, kind: Any) -> Any:
        """The document's own rule, if it (or an overlay) has one."""
        if f"{PREFIX}{key}" not in self.operation:
            return None
        rule = rules.read(self.document, self.operation, key, kind, self.place)
        self._note(key, "as written", f"{PREFIX}{key}")
        return rule

    def _own_prices(self) -> dict[Profile, Price] | None:
        written = self._own("price", dict)  # by profile: `prices` says which there are
        return None if written is None else rules.prices(self.document, self.operation, self.place)

    def _builtin(self, aspect: str, rule: Any) -> Any:
        self._note(aspect, "as everywhere", "the built-in document")
        return rule

    def _timeline(self) -> rules.Timeline:
        seconds = self._example("task_info.estimated_time")
        usable = isinstance(seconds, int) and not isinstance(seconds, bool) and seconds >= 0
        if usable:
            self._note("estimated time", f"{seconds} s", "the example of task_info.estimated_time")
            return rules.Timeline(evidence=Evidence.DOCUMENTED, estimated_seconds=seconds)
        self._note("estimated time", f"{_ESTIMATE_S} s", "nothing says it: assumed")
        return rules.Timeline(evidence=Evidence.ASSUMED, estimated_seconds=_ESTIMATE_S)

    def _prices(self) -> dict[Profile, Price]:
        """What the example reserves, taken to grow with whatever its billing rule counts: all of it is assumed."""
        amount, rule = self._example("usage.credits_reserved"), str(self._example("usage.billing_rule") or "per_call")
        if not isinstance(amount, int | float) or isinstance(amount, bool) or amount < 0:
            self._note(
                "price", f"{_UNPRICED} credit a request", "nothing says it: assumed, so that it can be too much"
            )
            price = Price(evidence=Evidence.ASSUMED, billing_rule=rule, credits=_UNPRICED)
        else:
            grows, source = self._growing(rule, Fraction(str(amount)))
            self._note("price", rule, source)
            price = Price(evidence=Evidence.ASSUMED, billing_rule=rule, **grows)
        return dict.fromkeys(Profile, price)

    def _growing(self, rule: str, amount: Fraction) -> tuple[dict[str, Any], str]:
        """The parts of a price for which the documented example comes out, and what they were read from."""
        example, n = "the example of usage.credits_reserved", self._counting()
        seconds = self._example_seconds() if rule == "per_second" else 0
        factors = (Factor(field="n"),) if n else ()
        if rule == "per_image":
            return {"credits_per_image": str(amount / (n or 1))}, f"{example}, for {n or 1} images: assumed"
        if seconds:
            each = amount / Fraction(str(seconds)) / (n or 1)
            return {"credits_per_second": str(each), "factors": factors}, f"{example}, for {seconds:g} s: assumed"
        unknown = {"per_second": ", whose length nothing says", "per_token": ", whose tokens nothing counts"}
        return {"credits": str(amount)}, f"{example}{unknown.get(rule, '')}: assumed for every request"

    def _counting(self) -> int | None:
        """How many results the documented example is for; None where a request can't ask for several."""
        schema = self._request_properties().get("n")
        if schema is None or "integer" not in types(schema):
            return None
        said = schema.get("example", schema.get("default"))
        return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else 1

    def _example_seconds(self) -> float:
        """The length of the documented example: where nothing says it that of the built-in one, 0 if none counts."""
        said = (self._example("task_info.video_duration"), *self._of_duration("example", "default"))
        found = next((number for one in said if (number := fields.number(one)) and number > 0), 0)
        return found or (self.base.behaviour.length.default_seconds if self._seconds_told_by() else 0)

    def _seconds_told_by(self) -> str | None:
        """The field of a request that says how long it is, or whose media do."""
        return self._seconds_field() or self._media_field()

    def _of_duration(self, *keys: str) -> list[Any]:
        schema = self._request_properties().get(self._seconds_field() or "", {})
        return [schema.get(key) for key in keys]

    def _seconds_field(self) -> str | None:
        return next((name for name in ("duration", "seconds") if name in self._request_properties()), None)

    def _media_field(self) -> str | None:
        """The request field whose media are most likely billed by their length."""
        return next((name for name in self._request_properties() if _BILLED_MEDIA.fullmatch(name)), None)

    def _length(self) -> Length:
        said = [
            *self._of_duration("default"),
            self._example("task_info.video_duration"),
            *self._of_duration("example"),
        ]
        default = next((number for one in said if (number := fields.number(one)) and number > 0), 0)
        by_second = self._example("usage.billing_rule") == "per_second"
        if by_second and not default:
            default = self._example_seconds()
        length = Length(
            evidence=Evidence.ASSUMED,
            field=self._media_field() if by_second and self._seconds_field() is None else None,
            seconds_field=self._seconds_field(),
            default_seconds=default,
        )
        self._note("length", length.words(), "the fields of the request and their examples" if default else "assumed")
        return length

    def _results(self) -> rules.Results:
        kind, source = self._kind()
        many = self._counting() is not None
        count = "as many as the field n asks for" if many else "1"
        self._note("results", f"{count}, type {kind}", source)
        return rules.Results(
            evidence=Evidence.ASSUMED,
            type=kind,
            count=1,
            count_field="n" if many else None,
            sample=SAMPLES[kind],
            valid_seconds=self.base.behaviour.results.valid_seconds,
        )

    def _kind(self) -> tuple[str, str]:
        """The type of result: by the 200 schema, else by the path, else by a property that is called so."""
        said = self._example("type")
        if said in SAMPLES:
            return said, "the property type of the 200 schema"
        in_path = next((kind for kind in SAMPLES if f"/{kind}s/" in self.path), None)
        if in_path:
            return in_path, "the path"
        named = self.document.ok_schema(self.operation).get("properties", {}).keys()
        called = next((kind for kind in SAMPLES if kind != "text" and {kind, f"{kind}s"} & named), None)
        return (called, f"the property {called} of the 200 schema") if called else ("video", "assumed")

    def _url_rules(self) -> tuple[rules.Rule, ...]:
        name = self.callback_field
        if name not in self._request_properties():
            return ()
        urls = (one for one in self.base.behaviour.rules if isinstance(one, rules.PublicUrl))
        own = (structs.replace(one, field=name) for one in urls)
        self._note(name, "https, no internal address", "the built-in document")
        return tuple(own)

    def _note(self, aspect: str, value: str, source: str) -> None:
        self.notes.append(Note(aspect, value, source))

    # --- looking things up

    def _request_properties(self) -> dict[str, Any]:
        schema = self.document.flat(self.document.request_schema(self.operation) or {})
        return {name: self.document.flat(one) for name, one in schema.get("properties", {}).items()}

    def _example(self, path: str) -> Any:
        """The one value that the 200 schema gives a property: its const, sole enum value, example or default."""
        schema = self.document.ok_schema(self.operation)
        for name in path.split("."):
            schema = self.document.flat(schema.get("properties", {}).get(name, {}))
        if len(schema.get("enum", ())) == 1:
            return schema["enum"][0]
        return schema.get("const", schema.get("example", schema.get("default")))
