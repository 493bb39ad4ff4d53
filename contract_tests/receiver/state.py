"""What a receiver's state gained by a callback, whatever form it has: names, lists, counts, nested, lines of text."""

import contextlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
Facts = Counter[tuple[Path, str]]
_TASK, _RESULT, _ECHO, _ANY = "<task>", "<result>", "<echo>", "#"
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PLACEHOLDER, _WORD = re.compile("<[a-z]+>"), re.compile(r"[^\W\d_]{2,}")
_EMPTY = frozenset({_RESULT, "[]", "{}", "null", ""})
_COUNTS = 2
"""How many numbers a text may have for its numbers to be counts."""
_SAMPLES = 20
"""How many of the usual effects are kept, beside the first ones."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a state may repeat of a task: its id and the links of its results, which differ from task to task, and
    `echoes`, which say nothing of how it ended."""

    id: str
    links: tuple[str, ...] = ()
    echoes: frozenset[str] = frozenset()

    def named(self, text: str) -> str:
        for link in self.links:
            text = text.replace(link, _RESULT)
        return _ECHO if text in self.echoes else text.replace(self.id, _TASK)


@dataclass(frozen=True, slots=True)
class Effect:
    """What came into a state, and how far its numbers moved, by place."""

    gained: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    moved: dict[Path, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.gained or self.moved)

    def __str__(self) -> str:
        came = [f"{_place(path)} {', '.join(values)}" for path, values in self.gained.items()]
        return "; ".join([*came, *(f"{_place(path)} {by:+g}" for path, by in self.moved.items())]) or "nothing"


def facts(state: str, task: Told) -> Facts:
    """Every value of a state with its place; this task's id and links are the same words for every task."""
    try:
        read = json.loads(state)
    except (ValueError, RecursionError):
        read = state.splitlines()
    return Counter(_leaves(read, (), task))


def effect(before: str, after: str, task: Told) -> Effect:
    """What became of the state between two looks, as seen from one task."""
    old, new = facts(before, task), facts(after, task)
    came, went = _by_place(new - old), _by_place(old - new)
    result = Effect()
    for path, values in came.items():
        steps = _moved(went.get(path, []), values)
        if steps is None:
            result.gained[path] = tuple(sorted(values))
        else:
            result.moved.update({(*path, *place): by for place, by in steps.items()})
    return result


def outcome(of: Effect) -> tuple[frozenset[Path], Counter[str]]:
    """What an effect says of how a task ended: the places that it touched, and the receiver's own words there."""
    words = {path: [word for value in values for word in _own_words(value)] for path, values in of.gained.items()}
    told = {path for path, values in of.gained.items() if words[path] or not set(values) <= _EMPTY}
    return frozenset(told | of.moved.keys()), Counter(word for found in words.values() for word in found)


def _own_words(value: str) -> list[str]:
    text = _PLACEHOLDER.sub(" ", value)
    return [word for word in _WORD.findall(text) if word not in ("true", "false", "null")]


@dataclass(slots=True)
class Usual:
    """The effects that single callbacks of one kind had, each told once and accepted at once."""

    samples: list[Effect] = field(default_factory=list)

    def add(self, sample: Effect) -> None:
        self.samples.append(sample)
        del self.samples[3:-_SAMPLES]

    def excess(self, other: Effect) -> str:
        """What is more in this effect than in any sample, or other than in all of them; empty where nothing is."""
        if not self.samples:
            return ""
        found = [self._more(path, values) for path, values in other.gained.items()]
        found += [self._further(path, by) for path, by in other.moved.items()]
        return "; ".join(text for text in found if text)

    def missing(self, other: Effect) -> str:
        """What belongs to the task in every sample, and is not in this effect."""
        places = [path for path in self._always("gained") if not other.gained.get(path)]
        named = [path for path in places if self._names_the_task(path)]
        still = [path for path in self._always("moved") if not other.moved.get(path)]
        return "; ".join(f"{_place(path)} stayed as it was" for path in (*named, *still))

    def _more(self, path: Path, values: tuple[str, ...]) -> str:
        usual = [sample.gained.get(path, ()) for sample in self.samples]
        most = max(map(len, usual))
        if len(values) > most:
            each = ", ".join(f"{number} x {value}" for value, number in Counter(values).items())
            return f"{_place(path)}: {each}, usually {most}"
        fixed = len(usual) > 1 and len(set(usual)) == 1 and values != usual[0]
        return f"{_place(path)}: {', '.join(values)}, usually {', '.join(usual[0])}" if fixed else ""

    def _further(self, path: Path, by: float) -> str:
        usual = {sample.moved.get(path, 0.0) for sample in self.samples}
        fixed = len(usual) == 1 and by not in usual
        return f"{_place(path)}: moved by {by:g}, usually by {usual.pop():g}" if fixed else ""

    def _always(self, name: str) -> set[Path]:
        places = [set(getattr(sample, name)) for sample in self.samples]
        return set.intersection(*places) if places else set()

    def _names_the_task(self, path: Path) -> bool:
        return _TASK in path or all(any(_TASK in value for value in sample.gained[path]) for sample in self.samples)


def _leaves(value: Any, path: Path, task: Told) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, _key(key, task)), task)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, (*path, "[]"), task)
    elif isinstance(value, str):
        yield from _text(value, path, task)
    else:
        yield path, json.dumps(value)


def _text(value: str, path: Path, task: Told) -> Iterator[tuple[Path, str]]:
    """A text that is JSON again counts by what it means, and one of several lines by each."""
    read: Any = value.splitlines() if "\n" in value else None
    if value[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            read = json.loads(value)
    if read:
        yield from _leaves(read, path, task)
    else:
        yield path, task.named(value)


def _key(key: str, task: Told) -> str:
    """Keys with a number in them are names of something, and each is another."""
    named = task.named(key)
    return _ANY if named == key and _DIGITS.search(key) else named


def _by_place(of: Facts) -> dict[Path, list[str]]:
    places: dict[Path, list[str]] = defaultdict(list)
    for path, value in of.elements():
        places[path].append(value)
    return places


def _moved(went: list[str], came: list[str]) -> dict[Path, float] | None:
    """How far numbers moved where the same texts stand as before but for them; None where it is something new."""
    if not went or len(went) != len(came) or _forms(went) != _forms(came) or any(map(_is_time, came)):
        return None
    steps: dict[Path, float] = {}
    for sign, texts in ((-1, went), (1, came)):
        for text in texts:
            for place, number in enumerate(_NUMBER.findall(text)):
                at = (f"number {place + 1}",) if place else ()
                steps[at] = steps.get(at, 0.0) + sign * float(number)
    return steps if steps else None


def _forms(texts: Iterable[str]) -> list[str]:
    return sorted(_NUMBER.sub(_ANY, text) for text in texts)


def _is_time(text: str) -> bool:
    """Whether it has as many numbers as a date or a time of day, whose parts move by nobody's doing."""
    return len(_NUMBER.findall(text)) > _COUNTS


def _place(path: Path) -> str:
    return ".".join(path) or "the state"
