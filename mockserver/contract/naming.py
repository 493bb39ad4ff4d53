"""What a scenario may call an operation: by a word for what it does, its role, its path, or its operationId."""

from collections.abc import Iterable
from difflib import get_close_matches

from mockserver.contract.behaviour import UPLOADS, Role
from mockserver.contract.operation import Operation

WORDS: dict[Role, str] = {
    Role.CREATE_TASK: "submission",
    Role.GET_TASK: "query",
    Role.GET_TASKS: "query",
    Role.CANCEL_TASK: "cancel",
    Role.LIST_TASKS: "list",
    **dict.fromkeys(UPLOADS, "upload"),
}
"""The words for what most scenarios are about; every other role goes by its own name."""
RESULT = "result"
"""The fetch of a result, which is no operation of a document."""


class Naming:
    """The names of every operation.

    The operationId of a built-in operation stands for its role, whatever document serves it: a scenario keeps its
    meaning when other documents are mounted, several of which use that very id for models of their own. Any other
    operationId stands for the operations that have it.
    """

    def __init__(
        self, operations: Iterable[Operation], built_in: Iterable[Operation], elsewhere: dict[str, Role]
    ) -> None:
        """`elsewhere` are the operations, by their ids, that only another profile has."""
        self._elsewhere = {*elsewhere, *map(str, elsewhere.values()), *(WORDS.get(one) for one in elsewhere.values())}
        ids: dict[Role, set[str]] = {}
        for one in built_in:
            ids.setdefault(one.role, set()).add(one.id)
        taken = {name for names in ids.values() for name in names}
        self._names = {
            one: frozenset({*_own(one), *ids.get(one.role, ()), *({one.id} - taken)}) for one in operations
        }

    def of(self, operation: Operation) -> frozenset[str]:
        return self._names[operation]

    def called(self, name: str) -> list[Operation]:
        """The operations that go by this name."""
        return [one for one, names in self._names.items() if name in names]

    def told(self, unknown: str) -> str:
        """What may be said instead of a name that nobody has: the nearest, and the words."""
        everything = sorted({name for names in self._names.values() for name in names})
        words = dict.fromkeys(WORDS.get(one.role, str(one.role)) for one in self._names)
        if unknown in self._elsewhere:
            return f"it only with --profile observed; here, {', '.join((*words, RESULT))}, a path or an operationId"
        near = [one for one in get_close_matches(unknown, everything, n=2, cutoff=0.6) if one not in words]
        return f"{', '.join([*near, *words, RESULT])}, a path or an operationId"


def _own(operation: Operation) -> set[str]:
    """Without its id: what anybody can read off a document's path and the role."""
    word = WORDS.get(operation.role, str(operation.role))
    return {word, str(operation.role), operation.path, f"{operation.method} {operation.path}"}
