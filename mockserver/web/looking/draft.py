"""A scenario being written: read from YAML or JSON, and where it is wrong, on which line."""

import re
from typing import Any

import msgspec
import yaml
from msgspec import Struct, structs

from mockserver.contract.document.document import read_value
from mockserver.simulation.scenario import Scenario
from mockserver.web.api.script import ScriptError, Scripts

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C minds no depth that a text could have here."""
_START = yaml.Mark("", 0, 0, 0, None, 0)
_ITEM = re.compile(r"\[([0-9]+)\]")


class Problem(Struct, frozen=True):
    """What is wrong, and where: line and column count from 1."""

    line: int
    column: int
    message: str


class DraftError(Exception):
    """A text that is no scenario."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(text: str, scripts: Scripts) -> Scenario:
    """Raises DraftError with the first thing that is wrong."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
        _refuse_aliases(text)
        return scripts.scenario(_plain(read_value(text.encode())))
    except yaml.MarkedYAMLError as error:
        raise DraftError(_misread(error, text)) from error
    except yaml.YAMLError as error:
        raise DraftError(Problem(1, 1, " ".join(str(error).split()))) from error
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error.__cause__, yaml.MarkedYAMLError):
            raise DraftError(_misread(error.__cause__, text)) from error
        raise DraftError(Problem(1, 1, str(error) or "nested too deeply")) from error
    except ScriptError as error:
        raise DraftError(_at(_mark(node, error.objection.field), str(error))) from error


def _misread(error: yaml.MarkedYAMLError, text: str) -> Problem:
    told = error.problem or "this is no YAML"
    if told.startswith("but "):
        told = f"{error.context}, {told}"  # the second half of a sentence
    problem = _at(error.problem_mark or _START, told)
    last = max(1, text.count("\n") + (not text.endswith("\n")))  # what is left open is missed after the end
    return structs.replace(problem, line=min(problem.line, last))


def _refuse_aliases(text: str) -> None:
    """A few lines of them would be gigabytes once they are written out."""
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise DraftError(_at(event.start_mark or _START, "an alias (*name) is not taken here: write it out"))


def _plain(value: Any) -> Any:
    """The same, if it is what JSON can say. Raises TypeError."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_refuse))


def _refuse(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} is nothing that JSON can say")


def _at(mark: Any, message: str) -> Problem:
    return Problem(mark.line + 1, mark.column + 1, message)


def _mark(node: yaml.Node | None, path: str) -> yaml.Mark:
    """Where a path leads in the text, or as far as it leads: the key of a mapping, the item of a sequence."""
    mark = _START if node is None else node.start_mark
    while (found := _inner(node, path)) is not None:
        mark, node, path = found
    return mark


def _inner(node: yaml.Node | None, path: str) -> tuple[yaml.Mark, yaml.Node, str] | None:
    """The first step of a path, and the rest of it. A key may have dots in it: the longest that fits is meant."""
    if isinstance(node, yaml.MappingNode):
        fitting = [pair for pair in node.value if _begins(path, str(pair[0].value))]
        if not fitting:
            return None
        key, value = max(fitting, key=lambda pair: len(pair[0].value))
        return key.start_mark, value, path[len(key.value) :].removeprefix(".")
    item = _ITEM.match(path)
    if isinstance(node, yaml.SequenceNode) and item is not None and int(item[1]) < len(node.value):
        inner = node.value[int(item[1])]
        return inner.start_mark, inner, path[item.end() :].removeprefix(".")
    return None


def _begins(path: str, key: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[")
