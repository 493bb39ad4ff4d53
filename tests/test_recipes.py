"""Recipes for CI keep to the schemas of their tools, and their steps, run in a shell, judge a suite beside a mock."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CI = ROOT / "fixtures" / "examples" / "ci"
CLIENTS = ROOT / "tests" / "clients"
BIN = Path(sys.executable).parent
SCHEMAS = {
    "github-actions": "action.yml",
    "github-workflows": "fixtures/examples/ci/github.yml",
    "gitlab-ci": "fixtures/examples/ci/gitlab-ci.yml",
    "compose-spec": "fixtures/examples/containers/compose.yaml",
}
JENKINS_STEP = re.compile(r"\bsh '([^']+)'")


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_recipe_keeps_to_the_schema_of_its_tool(schema: str) -> None:
    words = ["--builtin-schema", f"vendor.{schema}", ROOT / SCHEMAS[schema]]
    subprocess.run([BIN / "check-jsonschema", *words], check=True)


@pytest.mark.long
def test_the_manifest_is_one() -> None:
    manifest = ROOT / "fixtures/examples/containers/kubernetes.yaml"
    subprocess.run([BIN / "kubernetes-validate", "--strict", "--quiet", manifest], check=True)


class Suite(NamedTuple):
    """A test suite: a client, and what comes of it."""

    client: str
    ends: int


HOLDS = Suite("sync_correct.py", 0)
BROKEN = Suite("sync_polls_without_pause.py", 1)
FAILS = Suite("no_such_client.py", 2)


def step(script: str, folder: Path, suite: Suite, **variables: str) -> int:
    """The exit code of a step, run as CI does in a checkout where `ci/` and this suite are, and pip has been run."""
    (folder / "ci").mkdir()
    shutil.copy(CI / "with-mock.sh", folder / "ci")
    if (CLIENTS / suite.client).exists():
        shutil.copy(CLIENTS / suite.client, folder)
    own = {
        "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
        "SUITE": f"python {suite.client}",
        "EVOLINK_API_KEY": "sk-of-the-suite",
        "POLL_SECONDS": "0.3",
    }
    done = subprocess.run(["bash", "-ec", script], cwd=folder, env={**os.environ, **own, **variables}, check=False)
    return done.returncode


def reported(folder: Path) -> bool:
    return "<testsuite" in (folder / "traffic.xml").read_text() and (folder / "traffic.html").stat().st_size > 0


def gitlab() -> str:
    recipe: dict[str, Any] = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
    return "\n".join(recipe["test"]["script"])


def jenkins() -> str:
    *_, last = JENKINS_STEP.findall((CI / "Jenkinsfile").read_text())
    return str(last)


@pytest.mark.long
@pytest.mark.parametrize("recipe", [gitlab, jenkins])
@pytest.mark.parametrize("suite", [HOLDS, BROKEN, FAILS], ids=lambda suite: suite.client)
def test_a_suite_is_run_and_judged(recipe: Any, suite: Suite, tmp_path: Path) -> None:
    assert step(recipe(), tmp_path, suite) == suite.ends
    assert reported(tmp_path / "reports") or suite is FAILS


@pytest.mark.long
def test_a_mock_that_cannot_start_is_told(tmp_path: Path) -> None:
    assert step(gitlab(), tmp_path, HOLDS, MOCKSERVER_OPTIONS="--no-such-option") == 3


def test_a_mock_is_found_wherever_it_is_told_to_listen(tmp_path: Path) -> None:
    script = "timeout 30 ci/with-mock.sh true"
    assert step(script, tmp_path, HOLDS, MOCKSERVER_OPTIONS="--host localhost") == 3  # nothing was sent to it


def test_a_mock_beside_nothing_is_wrong_usage(tmp_path: Path) -> None:
    assert step("ci/with-mock.sh", tmp_path, HOLDS) == 2


@pytest.mark.long
def test_the_action_installs_itself_tests_and_judges(tmp_path: Path) -> None:
    """Its two steps, with what GitHub gives them; pip needs to reach its index."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    install, test = (one["run"] for one in action["runs"]["steps"])
    given = {"RUNNER_TEMP": str(tmp_path / "runner"), "GITHUB_ACTION_PATH": str(ROOT), "REPORTS": "told"}
    (tmp_path / "work").mkdir()
    assert step(install, tmp_path / "work", HOLDS, **given) == 0
    shutil.rmtree(tmp_path / "work" / "ci")
    assert step(test, tmp_path / "work", HOLDS, **given, PYTHONSAFEPATH="1") == 0
    assert reported(tmp_path / "work" / "told")


def test_the_steps_of_the_action_take_what_it_is_given() -> None:
    """Inputs reach the shell as variables, never as text of a script."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    scripts = "\n".join(one["run"] for one in action["runs"]["steps"])
    given = {value for one in action["runs"]["steps"] for value in one.get("env", {}).values()}
    assert "${{" not in scripts
    assert given == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}
