"""What is known of one operation, for people: what was read, what was inferred, what is in prose only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import structs

from mockserver.contract.answer import ErrorAnswer
from mockserver.contract.behaviour import Profile
from mockserver.contract.document.document import PREFIX, Document, needed, types
from mockserver.contract.document.prose import Saying, sayings
from mockserver.contract.inference import Note
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.contract.request.fields import told as conditions
from mockserver.contract.tariff import Worked, words, worked

_EVIDENCE = f"{PREFIX}evidence"
_COUNTS = {"Length": "characters", "Items": "items"}
_BOUNDS = {"minimum": "at least {}", "maximum": "at most {}", "pattern": "matches {}"}


class Field(NamedTuple):
    """A field of a request: its name, whether it has to be there, what it may be, what is said of it, how surely."""

    name: str
    is_required: bool
    allowed: str
    said: str
    evidence: str


class RuleTold(NamedTuple):
    """A rule beyond the schema; `says` is what it sets."""

    kind: str
    fields: str
    says: str
    evidence: str
    note: str


class PriceTold(NamedTuple):
    """What a task costs, in words and in examples."""

    rule: str
    evidence: str
    note: str
    worked: list[Worked]
    length: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All of it. `served` are the models that come here, `elsewhere` those that go to another document."""

    operation: Operation
    summary: str
    said: str
    evidence: str
    served: list[str]
    elsewhere: dict[str, str]
    fields: list[Field]
    answer: str
    notes: tuple[Note, ...]
    price: PriceTold | None
    rules: list[RuleTold]
    errors: list[ErrorAnswer]
    prose: list[Saying]
    example: dict[str, Any] | None


def explained(registry: Registry, operation: Operation) -> Explained:
    """`operation` as this registry serves it."""
    document = registry.document_of(operation)
    raw = document.raw["paths"][operation.path][operation.method.lower()]
    serving = {model: registry.of_model(model) or operation for model in operation.models}
    behaviour = operation.behaviour
    return Explained(
        operation=operation,
        summary=str(raw.get("summary", "")),
        said=str(raw.get("description", "")),
        evidence=_evidence(raw, operation),
        served=[model for model, one in serving.items() if one is operation],
        elsewhere={model: one.document for model, one in serving.items() if one is not operation},
        fields=list(_fields(document, operation)),
        answer=operation.shape.described(),
        notes=operation.notes,
        price=None if behaviour is None else _price(operation, registry.profile),
        rules=list(_rules(operation)),
        errors=list(operation.errors),
        prose=list(sayings(document, raw)),
        example=_example(operation),
    )


def _evidence(node: dict[str, Any], operation: Operation) -> str:
    """What a mounted document says is documented; of ours, each thing carries its mark."""
    return str(node.get(_EVIDENCE, "documented" if operation.notes else ""))


def _fields(document: Document, operation: Operation) -> Iterator[Field]:
    schema = operation.request.schema if operation.request else {}
    properties = schema.get("properties", {})
    for name, part in properties.items() if isinstance(properties, dict) else ():
        flat = document.flat(part)
        said = " ".join(str(flat.get("description", "")).split())
        yield Field(name, name in needed(schema), _allowed(document, flat), said, _evidence(part, operation))


def _allowed(document: Document, schema: dict[str, Any]) -> str:
    """The schema of a field in a few words."""
    if "const" in schema or "enum" in schema:
        return ", ".join(str(one) for one in schema.get("enum", [schema.get("const")]))
    told = [" or ".join(types(schema)), str(schema.get("format", ""))]
    if isinstance(schema.get("items"), dict):
        told[0] += f" of {_allowed(document, document.flat(schema['items'])) or 'anything'}"
    told += [_counted(schema.get(f"min{noun}"), schema.get(f"max{noun}"), unit) for noun, unit in _COUNTS.items()]
    told += [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return ", ".join(one for one in told if one)


def _counted(least: Any, most: Any, unit: str) -> str:
    """A number of something; empty where no bound is set."""
    if least is not None and least == most:
        return f"exactly {least}"
    if least is not None and most is not None:
        return f"{least} to {most} {unit}"
    return f"at most {most} {unit}" if most is not None else f"at least {least} {unit}" if least else ""


def _rules(operation: Operation) -> Iterator[RuleTold]:
    for rule in operation.behaviour.rules if operation.behaviour else ():
        told = structs.asdict(rule)
        fields, when = told.pop("field", None) or ", ".join(told.pop("fields", ())), told.pop("when", ())
        evidence, note = told.pop("evidence"), told.pop("note")
        set_values = [f"{name} {_listed(value)}" for name, value in told.items() if value not in (None, (), 0)]
        says = "; ".join(one.replace("_", " ", 1) for one in set_values) + conditions(when)
        yield RuleTold(str(rule.__struct_config__.tag), fields, says.strip(), evidence, note)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _price(operation: Operation, profile: Profile) -> PriceTold:
    """The rule in words, its evidence, and two worked examples."""
    behaviour, schema = operation.task_behaviour, operation.request.schema if operation.request else {}
    price = behaviour.prices[profile]
    examples = worked(behaviour, profile, schema.get("properties", {}))
    return PriceTold(words(behaviour, profile), price.evidence, price.note, examples, behaviour.length.words())


def _example(operation: Operation) -> dict[str, Any] | None:
    """A body that works when pasted: the first valid one of the document's examples, or one of its properties'."""
    request = operation.request
    if request is None:
        return None
    properties = request.schema.get("properties", {})
    made = {name: properties.get(name, {}).get("example") for name in needed(request.schema)}
    for body in (*operation.examples.values(), made):
        if isinstance(body, dict) and request.objection(body) is None:
            return body
    return None
