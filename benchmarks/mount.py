"""What mounting all of the provider's documents costs: time at start, and then with every request.

They are found where EVOLINK_PUBLISHED says; without it there is nothing to mount.
"""

import os
import statistics
import time
from pathlib import Path

from benchmarks import load
from benchmarks.processes import KEY, SERVE, cores, pinned, server
from benchmarks.table import Row
from benchmarks.throughput import BODY, CREATE, compared
from mockserver.web.app import registry_of
from mockserver.web.options import Options

_START, _POST = "mounting the published documents", "POST with them mounted against without"
_WANTED = {_START: "< 1 s", _POST: "about 1"}


def measure(*, quick: bool) -> list[Row]:
    folder = os.environ.get("EVOLINK_PUBLISHED")
    if not folder:
        return [
            Row(what, "left out", wanted, "EVOLINK_PUBLISHED names no folder") for what, wanted in _WANTED.items()
        ]
    rounds, requests = (7, 4_000) if quick else (25, 8_000)
    return [_start(Path(folder), rounds), _post(folder, rounds, requests)]


def _start(folder: Path, rounds: int) -> Row:
    """Processor time of reading everything, less that of reading the built-in document, in turn."""
    with pinned(cores()[0]):
        pairs = [(_reading_s(), _reading_s(folder)) for _ in range(rounds + 1)][1:]
    added = statistics.median(many - one for one, many in pairs)
    alone, mounted = (statistics.median(times) for times in zip(*pairs, strict=True))
    registry = registry_of(Options(specs=(folder,)))
    documents = len({one.document for one in registry.operations}) - 1
    figures = f"processor time: {mounted * 1000:.0f} against {alone * 1000:.0f} ms; {documents} documents"
    return Row(_START, f"{added:.3f} s", _WANTED[_START], f"{figures}, {len(registry.models)} models")


def _reading_s(*specs: Path) -> float:
    began = time.process_time()
    registry_of(Options(specs=specs))
    return time.process_time() - began


def _post(folder: str, rounds: int, requests: int) -> Row:
    request = load.post(CREATE, BODY, KEY)
    with server(SERVE) as alone, server([*SERVE, "--spec", folder]) as mounted, pinned(cores()[1]):
        return compared(_POST, _WANTED[_POST], request, (alone, mounted), rounds, requests)
