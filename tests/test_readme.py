"""What the README says is run: curl lines against a live mock, Python as it stands, tables against the code."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockserver import cli
from mockserver.simulation.task import TRANSITIONS
from mockserver.testing import MockServer
from mockserver.web.script import EFFECT_WORDS, MEDIA_WORDS

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


CURLS = [block for block in blocks("sh") if "curl" in block]


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def test_the_readme_shows_its_commands() -> None:
    assert len(CURLS) >= 5
    assert len(blocks("python")) == 1


@pytest.mark.parametrize("block", CURLS)
def test_curl_lines_work_when_pasted(mock: MockServer, block: str, tmp_path: Path) -> None:
    commands = "\n".join(line for line in block.splitlines() if not line.startswith("mockserver"))
    script = commands.replace("http://127.0.0.1:8787", mock.url).replace("curl ", "curl -sS --fail-with-body ")
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for saved in tmp_path.iterdir():
        replayed = CliRunner().invoke(cli.main, ["replay", str(saved)])
        assert replayed.exit_code == 0, replayed.output


@pytest.mark.parametrize("block", blocks("python"))
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
