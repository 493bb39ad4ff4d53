"""The worked examples for other languages: each passes with its own tools and a mock that it starts itself, and fails
where its client ignores Retry-After."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

EXAMPLES = Path(__file__).parent.parent / "fixtures" / "examples"


class Example(NamedTuple):
    """What runs the tests of a project, and what in its client waits."""

    folder: str
    tool: str
    command: str
    client: str
    waits: str
    hurries: str


ALL = [
    Example("go", "go", "go test -count=1 ./...", "video.go", "max(seconds, 1)", "1"),
]

pytestmark = pytest.mark.long


def run(example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {name: value for name, value in os.environ.items() if name != "MOCKSERVER_URL"}
    return subprocess.run(
        ["bash", "-c", example.command],
        cwd=folder,
        env={**variables, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(params=ALL, ids=lambda example: example.folder)
def example(request: pytest.FixtureRequest) -> Example:
    chosen: Example = request.param
    if shutil.which(chosen.tool) is None:
        pytest.skip(f"{chosen.tool} is not installed")
    return chosen


def test_an_example_passes(example: Example, tmp_path: Path) -> None:
    done = run(example, shutil.copytree(EXAMPLES / example.folder, tmp_path / "project"))
    assert done.returncode == 0, done.stdout


def test_an_example_catches_a_client_that_does_not_wait(example: Example, tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLES / example.folder, tmp_path / "project")
    client = project / example.client
    told = client.read_text()
    assert told.count(example.waits) == 1
    client.write_text(told.replace(example.waits, example.hurries))
    done = run(example, project)
    assert done.returncode != 0, done.stdout
