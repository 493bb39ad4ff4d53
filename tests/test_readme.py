"""What the README says is run: curl lines against a live mock, Python as it stands, tables against the code."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockserver import cli, pytest_plugin
from mockserver.simulation.task import TRANSITIONS
from mockserver.testing import MockServer
from mockserver.web.api.script import EFFECT_WORDS, MEDIA_WORDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


TESTS = [block for block in blocks("python") if "def test_" in block]
A_CLIENT = "from tests.test_client_inprocess import Right\n\ngenerate = Right()\n"
SCRIPTS = [block for block in blocks("python") if "def test_" not in block]
CURLS = [block for block in blocks("sh") if "curl" in block]


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def test_the_readme_shows_its_commands() -> None:
    assert len(CURLS) >= 5
    assert len(TESTS) == 3
    assert len(SCRIPTS) >= 1


@pytest.mark.parametrize("block", CURLS)
def test_curl_lines_work_when_pasted(mock: MockServer, block: str, tmp_path: Path) -> None:
    commands = "\n".join(line for line in block.splitlines() if not line.startswith("mockserver"))
    script = commands.replace("http://127.0.0.1:8787", mock.url).replace("curl ", "curl -sS --fail-with-body ")
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for saved in tmp_path.iterdir():
        replayed = CliRunner().invoke(cli.main, ["replay", str(saved)])
        assert replayed.exit_code == 0, replayed.output


@pytest.mark.parametrize("block", TESTS)
def test_tests_pass_when_pasted(block: str, tmp_path: Path) -> None:
    (tmp_path / "test_pasted.py").write_text(block)
    (tmp_path / "my_project.py").write_text(A_CLIENT)
    plugin = ["-p", "mockserver.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", *plugin, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("name", ["evolink_mock", "evolink_respx", "evolink_receiver"])
def test_every_fixture_is_explained(name: str) -> None:
    assert f"| `{name}` |" in README
    assert hasattr(pytest_plugin, name)


@pytest.mark.parametrize("block", SCRIPTS)
def test_python_examples_run(block: str) -> None:
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_the_table_of_transitions_is_the_one_in_the_code() -> None:
    table = "".join(f"{state:<12}{event:<10}{then}\n" for (state, event), then in TRANSITIONS.items())
    assert f"<!-- transitions -->\n```\n{table}```" in README


@pytest.mark.parametrize("word", [*EFFECT_WORDS, *MEDIA_WORDS])
def test_every_trigger_word_is_explained(word: str) -> None:
    assert f"`mock:{word}=" in README


@pytest.mark.parametrize("name", list(cli.main.commands))
def test_every_command_is_mentioned(name: str) -> None:
    assert re.search(rf"(mockserver|make) {name}\b", README)
