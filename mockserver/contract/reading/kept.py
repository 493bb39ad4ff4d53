"""What a document of our own says, kept beside it as Python keeps bytecode: much of a start was reading YAML.

The same rules hold as for bytecode: it lies in `__pycache__` (or under PYTHONPYCACHEPREFIX), it is made again when
the source differs, it is not written under PYTHONDONTWRITEBYTECODE, and where it can't be written nothing is said.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from hashlib import blake2b
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import msgspec

_FORM = "1"
"""Another one where the reader of YAML comes to understand it in another way."""


def value(path: Path, read: Callable[[bytes], Any], form: str = "") -> Any:
    """What `read` makes of the file's content, from what was kept where that is of the same content and `form`, which
    says what else `read` went by.

    Raises OSError where there is no such file, and what `read` raises.
    """
    source = path.read_bytes()
    digest = blake2b(f"{_FORM} {form}\n".encode() + source, digest_size=16).hexdigest()
    with contextlib.suppress(OSError, ValueError, TypeError):
        kept_digest, kept = msgspec.json.decode(_place(path).read_bytes())
        if kept_digest == digest:
            return kept
    found = read(source)
    if not sys.dont_write_bytecode:
        _keep(_place(path), [digest, found])
    return found


def _place(path: Path) -> Path:
    return Path(cache_from_source(str(path))).with_suffix(".json")


def _keep(place: Path, record: list[Any]) -> None:
    """Whole or not at all: others may read and write it at the same time."""
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    with contextlib.suppress(OSError, ValueError, TypeError):
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(msgspec.json.encode(record))
        unfinished.replace(place)
