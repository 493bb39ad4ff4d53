"""Path templates (OpenAPI, Paths Object): what they fit, and which of their parameters names the task."""

import re

_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
TASK_ID = "task_id"
"""What the parameter of a path that names the task is called here, whatever its document calls it."""


def same_path(path: str) -> str:
    """A template whatever its parameters are called."""
    return _PARAMETER.sub("{}", path)


def regex(path: str) -> re.Pattern[str]:
    """What a path fits: a group for each parameter whose name can be that of one, the first of each name."""
    parts, seen = _PARAMETER.split(path), set[str]()
    for index in range(1, len(parts), 2):
        name = parts[index]
        parts[index] = f"(?P<{name}>[^/]+)" if _NAME.fullmatch(name) and name not in seen else "[^/]+"
        seen.add(name)
    return re.compile("".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts)))


def of_task(path: str) -> str:
    """A template whose last parameter names the task: those before it say where in the API it is."""
    begin, found, end = path.rpartition("}")
    begin, opened, _ = begin.rpartition("{")
    if not (found and opened):
        return path
    return f"{begin.replace(f'{{{TASK_ID}}}', '{_}')}{{{TASK_ID}}}{end}"


def has_parameters(path: str) -> bool:
    return _PARAMETER.search(path) is not None
