"""What is said of a wrong `model`, for every path and every mounted model: the cases, and how they are written down.

`python -m tests.model_messages FOLDER` writes the snapshot again, for the documents of a folder. Read it before it is
committed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mockserver.contract.behaviour import Role
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.house import Mock

SNAPSHOT = Path(__file__).parent / "snapshots" / "model_messages.txt"
ABSENT = object()
HEADER = "# documents: "


class Case(NamedTuple):
    """A request to a path whose model is wrong there."""

    path: str
    model: Any

    @property
    def told(self) -> str:
        return f"{self.path} with {'no model' if self.model is ABSENT else f'model {self.model!r}'}"


def cases(mock: Mock) -> Iterator[Case]:
    """A missing, null, numeric and unknown model for every path, and every model on each path that is not its own."""
    creating = [one for one in mock.app.registry.operations if one.role is Role.CREATE_TASK]
    for path in sorted({one.path for one in creating}):
        here = {model for one in creating if one.path == path for model in one.models}
        yield from (Case(path, model) for model in (ABSENT, None, 5, "", "no-such-model", f"{min(here)}x"))
        yield from (Case(path, model) for model in mock.app.registry.models if model not in here)


def answer(mock: Mock, case: Case) -> tuple[int, str, str]:
    """(status, code, message)."""
    body = {} if case.model is ABSENT else {"model": case.model}
    response = mock.post(case.path, {**body, "prompt": "A street"})
    error = response.json()["error"]
    return response.status_code, str(error["code"]), str(error["message"])


def lines(mock: Mock) -> Iterator[str]:
    """One line for the case, one for its answer."""
    for case in cases(mock):
        status, code, message = answer(mock, case)
        yield f"{case.told}\n    {status} {code}: {message}"


def mounted(specs: tuple[Path, ...]) -> Mock:
    return Mock(Options(clock=Mode.MANUAL, specs=specs))


if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).glob("*.json"))
    mock = mounted(tuple(files))
    SNAPSHOT.write_text("\n".join((HEADER + " ".join(file.name for file in files), *lines(mock))) + "\n")
    mock.close()
