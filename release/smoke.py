"""Run by an environment that has nothing but the wheel: does what is installed work where no checkout is?

Standard library only: it is copied beside nothing and started by each Python.
"""

import json
import re
import subprocess
import sys
import urllib.request
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
A_TEST = """
def test_credits(evolink_mock):
    assert evolink_mock.credits.charged == 0
"""
A_PROGRAM = """
import json, urllib.request
url = "https://api.evolink.ai/v1/credits"
asked = urllib.request.Request(url, headers={"authorization": "Bearer sk-smoke"})
assert json.load(urllib.request.urlopen(asked))["success"]
"""


def run(*words: str) -> str:
    done = subprocess.run([str(BIN / words[0]), *words[1:]], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def ask(url: str, body: object = None, key: str = "sk-smoke") -> Any:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return json.load(answer)


def serves() -> None:
    """A task lives its life, and the server ends as it is told to."""
    command = [str(BIN / "mockserver"), "serve", "--port", "0", "--clock", "manual"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stdout)))
        task = ask(f"{found[0]}/v1/videos/generations", VIDEO)
        ask(f"{found[0]}/_mock/clock/advance", {"ms": 10_000})
        assert ask(f"{found[0]}/v1/tasks/{task['id']}")["status"] == "completed"
        process.terminate()
        process.stdout.read()
    assert process.returncode == 0, process.returncode


def judges_and_tests() -> None:
    """What the extras bring."""
    run("contract-tests", "server", "fake", "--quick", "--check", "TASK-ID-UNIQUE")
    Path("test_smoke.py").write_text(A_TEST)
    run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_smoke.py")
    Path("program.py").write_text(A_PROGRAM)
    run("mockserver", "exec", "--", sys.executable, "program.py")


def tells_what_is_missing() -> None:
    asked = subprocess.run(
        [str(BIN / "contract-tests"), "server", "fake"], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2, asked
    assert "evolink-mock[contract]" in asked.stderr, asked.stderr


def main(extras: bool) -> None:
    for package in ("mockserver", "contract_tests"):
        found = find_spec(package)
        assert found is not None
        assert found.origin is not None
        assert Path(found.origin).is_relative_to(sys.prefix), f"{package} is taken from {found.origin}"
    assert distribution("evolink-mock").version in run("mockserver", "--version")
    assert run("mockserver", "explain")
    serves()
    if extras:
        judges_and_tests()
    else:
        tells_what_is_missing()


if __name__ == "__main__":
    main("--extras" in sys.argv)
