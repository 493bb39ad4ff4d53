"""What a submission may say: its formats, its lengths and counts, what it needs; a wrong one is refused."""

from collections.abc import Iterable, Iterator
from typing import Any

from contract_tests.contract.contract import Contract
from contract_tests.contract.wrong import Flaw, flawed
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.talk.case import Case
from contract_tests.server.talk.target import UnmetError

SENTINEL = "https://example.com/"
_COUNTED = ("image_urls", "video_urls")
_NAMES = {"video": "street", "image": "winter"}


@probe("VIDEO-FORMAT", needs={Need.KEY})
def refused_videos(setting: Setting) -> None:
    _judge_refused_formats(setting, "VIDEO-FORMAT", "video", ("avi", "webm", "mp4.exe"))


@probe("IMAGE-FORMAT", needs={Need.KEY})
def refused_images(setting: Setting) -> None:
    _judge_refused_formats(setting, "IMAGE-FORMAT", "image", ("gif", "bmp", "tga", "txt"))


def _judge_refused_formats(setting: Setting, check_id: str, kind: str, endings: Iterable[str]) -> None:
    field, allowed = _formats(setting.contract, kind)
    base, case = _request(setting, field), setting.case(credits=PLENTY)
    setting.require_valid_taken(case)
    for ending in endings:
        if f".{ending}" not in allowed:
            link = f"{SENTINEL}{_NAMES[kind]}.{ending}"
            setting.refused(check_id, case, f".{ending}", base=base, **{field: _like(base[field], [link])})


@probe("VIDEO-FORMAT", needs={Need.CONTROL})
def accepted_videos(setting: Setting) -> None:
    _judge_accepted_formats(setting, "VIDEO-FORMAT", "video")


@probe("IMAGE-FORMAT", needs={Need.CONTROL})
def accepted_images(setting: Setting) -> None:
    _judge_accepted_formats(setting, "IMAGE-FORMAT", "image")


def _judge_accepted_formats(setting: Setting, check_id: str, kind: str) -> None:
    field, allowed = _formats(setting.contract, kind)
    base, case = _request(setting, field), setting.case(credits=PLENTY)
    case.buy()
    links = [f"{SENTINEL}{_NAMES[kind]}{ending}" for ending in allowed]
    links.append(f"{SENTINEL}{_NAMES[kind]}{allowed[0]}".upper().replace("HTTPS://", "https://") + "?size=1")
    for some in _in_batches(links, _most(setting.contract, field)):
        answer = case.submit(base=base, **{field: _like(base[field], some)})
        setting.judge.that(check_id, answer.is_ok, f"{answer.told} for {', '.join(some)}", f"{answer.expected}")


def _formats(contract: Contract, kind: str) -> tuple[str, tuple[str, ...]]:
    """The field of media of this kind, and the endings that it takes. Raises UnmetError without such a rule."""
    for rule in contract.rules:
        if rule["rule"] == "extension" and kind in rule["field"]:
            return rule["field"], tuple(rule["allowed"])
    raise UnmetError(f"{contract.source} has no rule about the endings of {kind}s")


def _request(setting: Setting, *fields: str) -> dict[str, Any]:
    """A valid submission that has these fields. Raises UnmetError."""
    try:
        return setting.target.settings.request(*fields)
    except LookupError as error:
        raise UnmetError(str(error)) from error


def _like(value: Any, links: list[str]) -> Any:
    """Links as the field has them: one, or an array."""
    return links if isinstance(value, list) else links[0]


def _most(contract: Contract, field: str) -> int:
    schema = contract.requests.properties.get(field, {})
    return int(schema.get("maxItems", 1)) if schema.get("type") == "array" else 1


def _in_batches(items: list[str], most: int) -> Iterator[list[str]]:
    yield from (items[start : start + most] for start in range(0, len(items), most))


@probe("PROMPT-LENGTH", needs={Need.KEY})
def long_prompts(setting: Setting) -> None:
    """As long as the document allows, and a character longer: nothing else is wrong with it."""
    most = longest_prompt(setting.contract)
    if most is None:
        raise UnmetError(f"{setting.contract.source} does not say how long a prompt may be")
    case, base = setting.case(credits=PLENTY), _request(setting, "prompt")
    setting.require_valid_taken(case)
    if setting.target.control is not None:
        answer = case.submit(base=base, prompt=of_characters(most))
        setting.judge.that(
            "PROMPT-LENGTH", answer.is_ok, f"{answer.told} for {most} characters", f"{answer.expected}"
        )
    for more in (most + 1, 2 * most):
        setting.refused("PROMPT-LENGTH", case, f"{more} characters", base=base, prompt="x" * more)


def longest_prompt(contract: Contract) -> int | None:
    most: int | None = contract.requests.properties.get("prompt", {}).get("maxLength")
    return most


def of_characters(most: int) -> str:
    """So many characters, in more UTF-16 units and many more bytes: it is characters that documents count."""
    return ("Schnee ❄ auf der Straße, 街道上的雪 🌨, снег на улице. " * most)[:most]


@probe("IMAGE-COUNT", needs={Need.KEY})
def image_counts(setting: Setting) -> None:
    least, most = _bounds(setting.contract, "image_urls")
    base, case = _request(setting, "image_urls"), setting.case(credits=PLENTY)
    setting.require_valid_taken(case)
    image = setting.target.settings.image_url or base["image_urls"][0]
    allowed = {one for one in (least, most) if one} if setting.target.control is not None else set()
    for count in sorted(allowed):
        answer = case.submit(base=base, image_urls=[image] * count)
        setting.judge.that("IMAGE-COUNT", answer.is_ok, f"{answer.told} for {count} images", f"{answer.expected}")
    _judge_counts(setting, case, "IMAGE-COUNT", "image_urls", base)


@probe("VIDEO-COUNT", needs={Need.KEY})
def video_counts(setting: Setting) -> None:
    base, case = _request(setting, "video_urls"), setting.case(credits=PLENTY)
    _bounds(setting.contract, "video_urls")
    setting.require_valid_taken(case)
    _judge_counts(setting, case, "VIDEO-COUNT", "video_urls", base)


def _judge_counts(setting: Setting, case: Case, check_id: str, field: str, base: dict[str, Any]) -> None:
    """One fewer than the fewest, one more than the most."""
    least, most = _bounds(setting.contract, field)
    for count in (least - 1, most + 1 if most is not None else -1):
        if count >= 0:
            what = f"{count} {field.partition('_')[0]}s"
            setting.refused(check_id, case, what, base=base, **{field: [base[field][0]] * count})


def _bounds(contract: Contract, field: str) -> tuple[int, int | None]:
    """The fewest and the most items of an array. Raises UnmetError where the document sets no bound."""
    schema = contract.requests.properties.get(field, {})
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if not least and most is None:
        raise UnmetError(f"{contract.source} sets no bound to the number of {field}")
    return least, most


@probe("FIELDS-REQUIRED", needs={Need.KEY})
def required_fields(setting: Setting) -> None:
    if not setting.contract.requests.required:
        raise UnmetError(f"{setting.contract.source} requires no field")
    case = setting.case(credits=PLENTY)
    setting.require_valid_taken(case)
    for name in setting.contract.requests.required:
        setting.refused("FIELDS-REQUIRED", case, f"a request without {name}", **{name: None})


_FLAWS = {
    "FIELD-BOUNDS": (Flaw.BOUND, "sets no bound to a field that no other check is about"),
    "FIELD-VALUES": (Flaw.VALUE, "lists the values of no field but the model"),
    "FIELD-PATTERN": (Flaw.PATTERN, "has no pattern for any field"),
    "FIELD-UNKNOWN": (Flaw.UNKNOWN, "does not forbid fields that it does not name"),
}


def _judge_flaws(setting: Setting, check_id: str) -> None:
    flaw, otherwise = _FLAWS[check_id]
    owned = {"model", *_COUNTED} | ({"prompt"} if longest_prompt(setting.contract) else set())
    wrong = [one for one in flawed(setting.contract.requests, flaw) if one.place not in owned]
    if not wrong:
        raise UnmetError(f"{setting.contract.source} {otherwise}")
    case = setting.case(credits=PLENTY)
    setting.require_valid_taken(case)
    for one in wrong:
        setting.refused(check_id, case, one.told, base=one.body)


@probe("FIELD-BOUNDS", needs={Need.KEY})
def field_bounds(setting: Setting) -> None:
    _judge_flaws(setting, "FIELD-BOUNDS")


@probe("FIELD-VALUES", needs={Need.KEY})
def field_values(setting: Setting) -> None:
    _judge_flaws(setting, "FIELD-VALUES")


@probe("FIELD-PATTERN", needs={Need.KEY})
def field_patterns(setting: Setting) -> None:
    _judge_flaws(setting, "FIELD-PATTERN")


@probe("FIELD-UNKNOWN", needs={Need.KEY})
def unknown_fields(setting: Setting) -> None:
    _judge_flaws(setting, "FIELD-UNKNOWN")


COMPARING = (
    refused_videos,
    refused_images,
    long_prompts,
    image_counts,
    video_counts,
    required_fields,
    field_bounds,
    field_values,
    field_patterns,
    unknown_fields,
)
"""What needs a submission that was accepted."""
PROBES = (*COMPARING, accepted_videos, accepted_images)
