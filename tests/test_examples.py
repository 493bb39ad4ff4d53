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


DEBIAN = Path("/usr/share/maven-repo")
"""Where Debian's packages (junit5, libgoogle-gson-java and Maven's plugins) are, in its own versions."""
SETTINGS = f"""<settings><mirrors><mirror>
  <id>debian</id><mirrorOf>*</mirrorOf><url>{DEBIAN.as_uri()}</url>
</mirror></mirrors></settings>"""
MAVEN = (
    f"echo '{SETTINGS}' > settings.xml; mvn -q -B -s settings.xml -Dmaven.repo.local=repository"
    " -Dgson.version=2.10 -Djunit.version=5.9.2 -Dcompiler.plugin.version=3.10.1 -Dresources.plugin.version=3.3.0"
    " -Dsurefire.version=2.22.3 test"
)
NPM = "npm install --silent --no-audit --no-fund || exit 75; npm test"
NOT_TO_BE_HAD = 75
"""What a project ends with whose libraries can't be had, where no registry is reached."""
CONTROL = EXAMPLES.parent.parent / "openapi" / "control.yaml"


class Example(NamedTuple):
    """What runs the tests of a project, what else that needs, and what in its client waits."""

    folder: str
    tool: str
    command: str
    client: str
    waits: str
    hurries: str
    needs: Path = EXAMPLES


ALL = [
    Example("go", "go", "go test -count=1 ./...", "video.go", "max(seconds, 1)", "1"),
    Example(
        "java",
        "mvn",
        MAVEN,
        "src/main/java/video/VideoClient.java",
        "orElse(1)",
        "orElse(1) * 0 + 1",
        DEBIAN / "org/apache/maven/plugins/maven-compiler-plugin",
    ),
    Example("php", "phpunit", "phpunit --do-not-cache-result tests", "src/Video.php", "(int) $found[1]", "1"),
    Example("ruby", "ruby", "ruby -W video_test.rb", "video.rb", 'Integer(answer["Retry-After"])', "1"),
    Example("typescript", "npm", NPM, "src/client.ts", 'Number(answer.headers.get("retry-after"))', "0"),
]

pytestmark = pytest.mark.long


def copied(example: Example, folder: Path) -> Path:
    """The project alone, without what was built in it."""
    built = shutil.ignore_patterns("node_modules", "dist", "target", "control.ts")
    return Path(shutil.copytree(EXAMPLES / example.folder, folder / "project", ignore=built))


def run(example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {name: value for name, value in os.environ.items() if name != "MOCKSERVER_URL"}
    done = subprocess.run(
        ["bash", "-c", example.command],
        cwd=folder,
        env={**variables, "PATH": path, "CONTROL_YAML": str(CONTROL)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode == NOT_TO_BE_HAD:
        pytest.skip(f"the libraries of {example.folder} can't be had: {done.stdout[-500:]}")
    return done


@pytest.fixture(params=ALL, ids=lambda example: example.folder)
def example(request: pytest.FixtureRequest) -> Example:
    chosen: Example = request.param
    if shutil.which(chosen.tool) is None:
        pytest.skip(f"{chosen.tool} is not installed")
    if not chosen.needs.exists():
        pytest.skip(f"{chosen.needs} is not there")
    return chosen


def test_an_example_passes(example: Example, tmp_path: Path) -> None:
    done = run(example, copied(example, tmp_path))
    assert done.returncode == 0, done.stdout


def test_an_example_catches_a_client_that_does_not_wait(example: Example, tmp_path: Path) -> None:
    project = copied(example, tmp_path)
    client = project / example.client
    told = client.read_text()
    assert told.count(example.waits) == 1
    client.write_text(told.replace(example.waits, example.hurries))
    done = run(example, project)
    assert done.returncode != 0, done.stdout
