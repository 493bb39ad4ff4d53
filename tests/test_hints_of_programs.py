"""Real programs against a mock on a real clock: the right ones hear no hint, a wrong one hears its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.testing import MockServer
from mockserver.web.hints.hint import Kind

CLIENTS = Path(__file__).parent / "clients"
RUN_BY = {".py": [sys.executable], ".mjs": ["node"], ".sh": ["bash"]}
RIGHT = [
    "sync_correct.py",
    "async_correct.py",
    "node_correct.mjs",
    "shell_correct.sh",
    "callback_correct.py",
    "sync_correct_idempotent.py",
    "node_correct_fresh_links.mjs",
]
BUSY = {"when": {"operation": "submission"}, "times": 1, "then": {"answer": {"status": 429, "retry_after": 3}}}
LOST = {"when": {"operation": "submission"}, "times": 1, "then": {"fault": "closed_after_accept"}}
WRONG = [
    ("sync_ignores_retry_after.py", BUSY, Kind.IGNORED_RETRY_AFTER),
    ("node_retry_after_in_ms.mjs", BUSY, Kind.IGNORED_RETRY_AFTER),
    ("sync_sends_no_key_again.py", LOST, Kind.REPEATED_SUBMISSION),
    ("sync_polls_without_pause.py", None, Kind.FAST_POLLING),
    ("shell_never_pauses.sh", None, Kind.FAST_POLLING),
]
pytestmark = pytest.mark.long


def heard(client: str, rule: object, poll_seconds: str) -> list[str]:
    """The kinds of hint that a program was given."""
    command = RUN_BY[Path(client).suffix]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    with MockServer(clock="real", task_seconds=3) as mock:
        if rule is not None:
            mock.post("/scenarios", {"name": "trouble", "rules": [rule]})
        variables = {"EVOLINK_BASE_URL": mock.url, "EVOLINK_API_KEY": mock.key, "POLL_SECONDS": poll_seconds}
        done = subprocess.run(
            [*command, str(CLIENTS / client)],
            env={**os.environ, **variables},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert mock.get("/tasks")["total"] >= 1, done.stderr.decode()
        return [one["kind"] for one in mock.get("/hints")["hints"]]


@pytest.mark.parametrize("client", RIGHT)
@pytest.mark.parametrize("rule", [None, BUSY], ids=["plain", "busy"])
def test_a_right_program_hears_nothing(client: str, rule: object) -> None:
    assert heard(client, rule, "1") == []


@pytest.mark.parametrize(("client", "rule", "kind"), WRONG, ids=lambda one: str(one) if isinstance(one, str) else "")
def test_a_wrong_program_hears_its_hint(client: str, rule: object, kind: Kind) -> None:
    assert kind in heard(client, rule, "0.2" if kind is Kind.FAST_POLLING else "1")
