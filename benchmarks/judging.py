"""What judging takes: drawn behaviours in process against plain courses, and the default runs of the commands."""

import os
import statistics
import subprocess
import sys
import time
import uuid
from typing import Any

import httpx

from benchmarks.processes import ROOT
from benchmarks.table import Row
from contract_tests.client.behaviours.grid import for_virtual_time
from contract_tests.client.inprocess import judge_client
from tests.receivers.serving import at_desk

_DRAWN_BEHAVIOURS = 100
_CLIENT = ROOT / "tests" / "clients" / "sync_correct.py"
_VIDEO = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "Let it snow",
    "video_urls": ["https://example.com/street.mp4"],
}
_IN_PROCESS = f"a client in process: named and {_DRAWN_BEHAVIOURS} drawn behaviours, each against the plain course"
_SERVER = "contract-tests server fake, default run"
_RECEIVER = "contract-tests receiver, default run, a correct receiver with its state"
_PROGRAM = "contract-tests client, default run, a program that polls every {} s"


def measure(*, quick: bool) -> list[Row]:
    rows = [_drawn(3 if quick else 9)]
    if not quick:
        rows.append(_command(_SERVER, "< 30 s", "server", "fake"))
        rows.append(_receiver())
        rows += [_client("0.2", "< 60 s"), _client("4", "< 300 s")]
    return rows


def _drawn(rounds: int) -> Row:
    """Each plain course is the whole of a run too: fake set up, client run, journal read and judged."""
    courses = len(for_virtual_time()) + _DRAWN_BEHAVIOURS
    pairs = [(_seconds(["plain"]), _seconds(None)) for _ in range(rounds + 1)][1:]
    plain, drawn = (statistics.median(times) for times in zip(*pairs, strict=True))
    figures = f"{drawn:.1f} s (wanted: under 20 s) for {courses} courses; {plain * 1000:.0f} ms for a plain one"
    return Row(_IN_PROCESS, f"{drawn / courses / plain:.2f} of its time", "below 1", figures)


def _seconds(behaviours: list[str] | None) -> float:
    began = time.perf_counter()
    judge_client(generate, behaviours=behaviours, examples=_DRAWN_BEHAVIOURS)
    return time.perf_counter() - began


def _client(poll_s: str, wanted: str) -> Row:
    program = ["client", "--seed", "1", "--", sys.executable, str(_CLIENT)]
    return _command(_PROGRAM.format(poll_s), wanted, *program, POLL_SECONDS=poll_s)


def _receiver() -> Row:
    with at_desk("correct") as url:
        hooks = ["--state-url", f"{url}/state", "--fail-command", f"curl -sS -X POST {url}/fail"]
        return _command(_RECEIVER, "< 60 s", "receiver", f"{url}/hook", *hooks)


def _command(what: str, wanted: str, *arguments: str, **variables: str) -> Row:
    began = time.perf_counter()
    command = [sys.executable, "-m", "contract_tests", *arguments]
    told = {**os.environ, **variables}
    done = subprocess.run(command, env=told, cwd=ROOT, capture_output=True, check=False, timeout=900)
    return Row(what, f"{time.perf_counter() - began:.1f} s", wanted, f"exit code {done.returncode}")


def generate(base_url: str, api_key: str) -> None:
    """A client that keeps to everything."""
    with httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {api_key}"}, timeout=5) as api:
        key = {"idempotency-key": uuid.uuid4().hex}
        task = _asked(api, "POST", "/v1/videos/generations", json=_VIDEO, headers=key)
        while task["status"] in ("pending", "processing"):
            time.sleep(3)
            task = _asked(api, "GET", f"/v1/tasks/{task['id']}")
    if task["status"] != "completed":
        raise RuntimeError(task["status"])


def _asked(api: httpx.Client, method: str, path: str, **arguments: Any) -> Any:
    for _ in range(6):
        try:
            answer = api.request(method, path, **arguments)
            if answer.status_code not in (429, 500, 502, 503):
                return answer.raise_for_status().json()
        except (httpx.TransportError, ValueError):
            """Once more."""
        time.sleep(4)
    raise RuntimeError("no answer")
