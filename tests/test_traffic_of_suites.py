"""Whole test suites judged: each passes, and makes three mistakes that `traffic` and `--evolink-judge` find."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from contract_tests.report import BROKEN
from mockserver.testing import MockServer
from tests.test_node_example import EXAMPLE, needs_node, run_node
from tests.test_traffic import run

SUITES = Path(__file__).parent / "suites"
MISTAKES = ["CLIENT-PAYS-ONCE", "CLIENT-KEY-STAYS", "CLIENT-STOPS-AT-TERMINAL"]


def shop(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The suite of pytest, in a process of its own."""
    command = [sys.executable, "-m", "pytest", str(SUITES / "shop.py"), "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, **variables}
    folder = SUITES.parent.parent
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=100)


def three_mistakes(url: str, file: Path) -> None:
    done = run(url, "--json", str(file))
    assert done.exit_code == BROKEN, done.output
    checks = json.loads(file.read_text())["checks"]
    assert [one["id"] for one in checks if one.get("finding")] == MISTAKES


@needs_node
def test_a_suite_of_node_is_judged_by_traffic(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for file in (SUITES / "shop.mjs", EXAMPLE / "mock.mjs"):
        shutil.copy(file, folder / file.name.replace("shop", "shop.test"))
    with MockServer(clock="real") as mock:
        done = run_node(folder, mock.url)
        assert done.returncode == 0, done.stdout + done.stderr
        three_mistakes(mock.url, tmp_path / "report.json")


def test_a_suite_of_pytest_is_judged_by_traffic(tmp_path: Path) -> None:
    with MockServer(clock="real") as mock:
        done = shop(MOCKSERVER_URL=mock.url)
        assert done.returncode == 0, done.stdout
        three_mistakes(mock.url, tmp_path / "report.json")


def test_a_suite_of_pytest_is_judged_test_by_test() -> None:
    done = shop("--evolink-judge=fail")
    assert "3 failed, 2 passed" in done.stdout, done.stdout
    assert all(f"{name}: " in done.stdout for name in MISTAKES)
