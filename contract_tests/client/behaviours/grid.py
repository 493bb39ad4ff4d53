"""The grid of what can be otherwise and where, from `grid.yaml`: every cell is a behaviour with a name."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from contract_tests.check import Evidence
from contract_tests.client.behaviours.behaviour import Behaviour, parsed
from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.behaviours.troubles import Breaks, LinkDies

_IN_REAL_TIME = ("late", "stalled")


@dataclass(frozen=True, slots=True)
class Cell:
    """`where` is the row of an operation (or what else the column is crossed with; empty for the whole case),
    `may` what a correct client may do there, `needs` what a client must do to meet it."""

    name: str
    column: str
    where: str
    behaviour: Behaviour
    may: str
    evidence: Evidence
    needs: str = ""


@cache
def cells() -> tuple[Cell, ...]:
    """In the order of the file: the plain course first."""
    text = resources.files("contract_tests").joinpath("client", "behaviours", "grid.yaml").read_text("utf-8")
    return tuple(cell for column, entry in yaml.safe_load(text).items() for cell in _cells(column, entry))


def _cells(column: str, entry: dict[str, Any]) -> Iterator[Cell]:
    names = entry.get("names", {})
    for where in entry.get("where", [""]):
        usual = f"{where}-{column}" if where else column
        name = names.get(where, names.get("*", usual).format(where=where))
        behaviour = parsed(entry["text"].format(where=where))
        yield Cell(name, column, where, behaviour, entry["may"], Evidence(entry["evidence"]), entry.get("needs", ""))


@cache
def named() -> dict[str, Behaviour]:
    """Every cell by its name."""
    return {cell.name: cell.behaviour for cell in cells()}


@cache
def cell_of(behaviour: Behaviour) -> Cell | None:
    """The cell that this behaviour is; None for one that was drawn or written."""
    return next((cell for cell in cells() if cell.behaviour == behaviour), None)


def behaviour_of(text: str) -> Behaviour:
    """A behaviour by its name or its text. Raises BehaviourError."""
    known = named().get(text)
    return parsed(text) if known is None else known


def name_of(behaviour: Behaviour) -> str:
    """The shortest text that means this behaviour."""
    cell = cell_of(behaviour)
    return str(behaviour) if cell is None else cell.name


def takes_real_time(behaviour: Behaviour) -> bool:
    """Whether an answer is held back, which no virtual clock can shorten."""
    return any(isinstance(one, Breaks) and one.fault in _IN_REAL_TIME for one in behaviour.deviations)


def operations_of(behaviour: Behaviour) -> frozenset[Operation]:
    """What a client has to ask for to meet all of it."""
    named_ones = (getattr(one, "operation", None) for one in behaviour.deviations)
    fetched = {Operation.FETCH} if behaviour.has(LinkDies) else set()
    return frozenset(one for one in named_ones if one is not None) | fetched


def for_virtual_time() -> list[Behaviour]:
    """What a client in this process meets: real waiting can't be shortened there, virtual waiting costs nothing."""
    return [one for one in named().values() if not takes_real_time(one)]
