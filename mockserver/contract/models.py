"""Which operation serves a model at a path, and what to say of a `model` that none serves there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from mockserver.contract.behaviour import Role
from mockserver.contract.document.unserved import Unserved
from mockserver.contract.operation import Operation, Place
from mockserver.contract.request.objection import Objection, shown, typed

_FEW = 3
"""How many names a message spells out."""
_ALIKE = 0.5
"""How much two names have in common that are called near (difflib's ratio)."""
MOUNTING = "--spec FILE_OR_DIR mounts the document of another model"


class Models:
    """The models of every creating operation.

    A model named in several documents goes to the one that names the fewest, so a model's own page wins over its
    family's overview; among equals the earlier document wins, the built-in one first.
    """

    def __init__(self, operations: Sequence[Operation], unserved: Sequence[Unserved] = ()) -> None:
        self._unserved = {model: one for one in unserved for model in one.models}
        self._everywhere = _served([one for one in operations if one.role is Role.CREATE_TASK])
        sharing: dict[Place, list[Operation]] = {}
        for one in operations:
            if one.role is Role.CREATE_TASK:
                sharing.setdefault(one.place, []).append(one)
        self._at = {place: _served(those) for place, those in sharing.items()}
        self._speaker = {place: _commonest(those) for place, those in sharing.items()}
        self._unasked = {place: _asking_for_none(those) for place, those in sharing.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._everywhere)

    def serving(self, model: str, place: Place | None = None) -> Operation | None:
        """The operation that serves a model, at this place or anywhere."""
        return (self._everywhere if place is None else self._at[place]).get(model)

    def speaker(self, place: Place) -> Operation:
        """Whose errors answer where nobody knows which model is meant: its 400 is the commonest there."""
        return self._speaker[place]

    def unasked(self, place: Place) -> Operation | None:
        """The operation that serves requests without a model; None where each has to name one."""
        return self._unasked[place]

    def nearest(self, model: str, place: Place | None = None) -> list[str]:
        """Names that look most like this one; the first few where none does."""
        names = list(self._everywhere if place is None else self._at[place])
        return like(model, names) or names[:_FEW]

    def missing(self, place: Place) -> Objection:
        """What is wrong with a request that names no model."""
        return Objection("model", "nothing", self._served(place))

    def mistyped(self, place: Place, value: Any) -> Objection:
        """What is wrong with a model that is no text."""
        return Objection("model", typed(value), self._served(place))

    def unknown(self, place: Place, model: str) -> Objection:
        """What is wrong with a model that is not served at this place: it is elsewhere, misspelt, or not mounted."""
        elsewhere = [f"{method} {path}" for (method, path), found in self._at.items() if model in found]
        if elsewhere:
            where = " or ".join(elsewhere)
            return Objection("model", shown(model), f"{model} at {where}; here, {self._served(place)}")
        left = self.unserved(model)
        why = MOUNTING
        if left is not None:
            why = f"{left.file} names it at {left.method} {left.path}, which is not served: {left.reason}"
        return Objection("model", shown(model), f"{self._served(place, model)}; {why}")

    def unserved(self, model: str) -> Unserved | None:
        """The operation that names a model and is not served."""
        return self._unserved.get(model)

    def _served(self, place: Place, model: str = "") -> str:
        """The names of this place in words: those like `model`, else the first few."""
        names = list(self._at[place])
        near = like(model, names) if model else []
        shown_here, served = near or names[:_FEW], f"{' '.join(place)} serves"
        if len(shown_here) == len(names):
            return f"{', '.join(names)} (what {served})"
        told = "the nearest of" if near else f"{len(shown_here)} of"
        return f"{', '.join(shown_here)} ({told} the {len(names)} models that {served})"


def like(model: str, names: list[str]) -> list[str]:
    """The names that look most like this one, whatever their case; none where none does."""
    lowered = {name.lower(): name for name in names}
    return [lowered[one] for one in get_close_matches(model.lower(), lowered, n=_FEW, cutoff=_ALIKE)]


def _served(operations: list[Operation]) -> dict[str, Operation]:
    """Every model in the order of the names, with the operation it goes to."""
    found: dict[str, Operation] = {}
    for one in operations:
        for model in one.models:
            if model not in found or len(one.models) < len(found[model].models):
                found[model] = one
    return dict(sorted(found.items()))


def _commonest(operations: list[Operation]) -> Operation:
    """The first operation whose refusal of an invalid request has the commonest code."""
    codes = Counter(one.errors["invalid_request"].code for one in operations)
    return max(operations, key=lambda one: codes[one.errors["invalid_request"].code])


def _asking_for_none(operations: list[Operation]) -> Operation | None:
    """The first operation whose request need not name its model."""
    return next((one for one in operations if one.request and not one.request.needs("model")), None)
