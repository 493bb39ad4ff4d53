"""What the pages say is so: curl lines against a live mock, Python as it stands, tables against the code."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from mockserver import cli, pytest_plugin
from mockserver.simulation.task import TRANSITIONS
from mockserver.testing import MockServer
from tests.pages import BLOCKS, COMMAND, PAGES, ROOT, Block, blocks, once

A_CLIENT = "from tests.right_client import Right\n\ngenerate = Right()\n"
TESTS = [block for block in once(blocks("python")) if "def test_" in block.text]
SCRIPTS = [block for block in once(blocks("python")) if "def test_" not in block.text]
CURLS = [block for block in once(blocks("sh")) if "curl " in block.text]
SCENARIOS = [block for block in once(blocks("yaml")) if "rules:" in block.text]
FRAGMENTS = [
    block
    for block in BLOCKS
    if block.language in ("js", "ts", "go", "java", "php", "ruby")
    or (block.language == "yaml" and not re.search(r"^(rules|overlay):", block.text, re.MULTILINE))
]
RUN_ELSEWHERE = ("make ", "go test", "node --test", "mvn ", "phpunit", "ruby ", "npm ")
"""What sets up or tests whole projects: tests/test_examples.py, or whoever runs this test."""


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def test_the_front_page_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


def test_the_pages_show_their_commands() -> None:
    assert len(CURLS) >= 5
    assert len(TESTS) >= 3
    assert len(SCRIPTS) >= 1
    assert len(SCENARIOS) >= 1


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.is_run and block.language == "sh"], ids=str)
def test_no_command_is_left_to_the_reader_alone(block: Block) -> None:
    """Each is run here or in tests/test_page_commands.py."""
    for line in block.lines():
        known = "curl " in block.text or COMMAND.match(line) or line.startswith(RUN_ELSEWHERE)
        assert known, f"{block}: {line}: nothing runs it; see tests/pages.py"


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_what_make_is_asked_for_is_there(block: Block) -> None:
    for target in re.findall(r"^make (\S+)", block.text, re.MULTILINE):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("block", CURLS, ids=str)
def test_curl_lines_work_when_pasted(mock: MockServer, block: Block, tmp_path: Path) -> None:
    mock.reset()
    commands = "\n".join(line for line in block.text.splitlines() if not line.startswith("mockserver"))
    script = commands.replace("http://127.0.0.1:8787", mock.url).replace("curl ", "curl -sS --fail-with-body ")
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for saved in tmp_path.iterdir():
        replayed = CliRunner().invoke(cli.main, ["replay", str(saved)])
        assert replayed.exit_code == 0, replayed.output


@pytest.mark.parametrize("block", TESTS, ids=str)
def test_tests_pass_when_pasted(block: Block, tmp_path: Path) -> None:
    (tmp_path / "test_pasted.py").write_text(block.text)
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
    assert re.search(r"\d passed", done.stdout)


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_python_examples_run(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "page"})


@pytest.mark.parametrize("block", SCENARIOS, ids=str)
def test_a_scenario_is_one(mock: MockServer, block: Block) -> None:
    told = yaml.safe_load(block.text)
    assert mock.as_key(f"sk-page-{block.line}").post("/scenarios", told)["name"] == told["name"]


@pytest.mark.parametrize("block", FRAGMENTS, ids=str)
def test_code_of_other_languages_is_part_of_a_project_that_is_run(block: Block) -> None:
    files = list((ROOT / "fixtures/examples").rglob("*.*"))
    assert any(block.text in path.read_text() for path in files if path.is_file()), block.text


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Those to pages that are made are checked by `make docs`."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]):
        made = target.startswith(("http", "reference/"))
        assert made or (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("name", ["evolink_mock", "evolink_respx", "evolink_receiver"])
def test_every_fixture_is_explained(name: str) -> None:
    assert f"| `{name}` |" in PAGES["docs/pytest.md"]
    assert hasattr(pytest_plugin, name)


def test_the_table_of_transitions_is_the_one_in_the_code() -> None:
    table = "".join(f"{state:<12}{event:<10}{then}\n" for (state, event), then in TRANSITIONS.items())
    assert f"<!-- transitions -->\n```\n{table}```" in PAGES["docs/clock.md"]


@pytest.mark.parametrize("name", list(cli.main.commands))
def test_every_command_is_mentioned(name: str) -> None:
    assert re.search(rf"(mockserver|make) {name}\b", "\n".join(PAGES.values()))
