"""A request as a line for a shell, that works when pasted."""

import re
import shlex
from typing import Any

import msgspec

from mockserver.contract.behaviour import Role
from mockserver.contract.operation import Operation

EXAMPLE_KEY = "sk-any-key-will-do"
_HOLDER = re.compile(r"\{(\w+)\}")


def curl(operation: Operation, address: str, body: Any, *, only_keys: bool = False) -> str:
    """`only_keys`: not any key will do, so it is left to the environment."""
    key = '"Authorization: Bearer $EVOLINK_API_KEY"' if only_keys else f"'Authorization: Bearer {EXAMPLE_KEY}'"
    path = _HOLDER.sub(lambda found: found[1].upper(), operation.path)
    method = "" if operation.method in ("GET", "POST") else f"-X {operation.method} "
    line = f"curl {method}{address}{path} -H {key}"
    if operation.role is Role.UPLOAD_STREAM:
        return f"{line} -F file=@FILE"
    if body is None:
        return line if operation.method != "POST" else f"{line} -X POST"
    return f"{line} -H 'Content-Type: application/json' -d {shlex.quote(msgspec.json.encode(body).decode())}"
