"""The worked example for other languages: Node's own test runner against a mock, over the control API alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mockserver.testing import MockServer

EXAMPLE = Path(__file__).parent.parent / "fixtures" / "examples" / "node-test"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run_node(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(NODE), "--test"],
        cwd=folder,
        env={**os.environ, "MOCKSERVER_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_node
def test_the_example_passes_under_node() -> None:
    """Two test files at once against one mock on real time: each key has a clock of its own."""
    with MockServer(clock="real") as mock:
        done = run_node(EXAMPLE, mock.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 8" in done.stdout


@needs_node
def test_the_example_catches_a_client_that_does_not_wait(tmp_path: Path) -> None:
    broken = shutil.copytree(EXAMPLE, tmp_path / "broken")
    client = broken / "client.mjs"
    client.write_text(client.read_text().replace('Number(answer.headers.get("retry-after"))', "0"))
    with MockServer(clock="real") as mock:
        done = run_node(broken, mock.url)
    assert done.returncode == 1
    assert "pass 7" in done.stdout
