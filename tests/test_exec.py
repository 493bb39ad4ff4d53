"""Programs of each ecosystem, the live hosts written into them, run unchanged - and reach nothing else."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver import program
from mockserver.environment import environment
from mockserver.interception.interceptor import Interceptor
from mockserver.simulation.clock import Mode
from mockserver.testing import MockServer
from mockserver.web.options import Options

PROGRAMS = Path(__file__).parent / "programs"
ROOT = PROGRAMS.parent.parent
RESULT = (ROOT / "fixtures" / "media" / "video.mp4").stat().st_size
EXEC = [sys.executable, "-m", "mockserver", "exec"]
OPTIONS = Options(clock=Mode.POLLS, task_seconds=3)
RUNNERS = {".py": [sys.executable], ".sh": ["sh"], ".mjs": ["node"], ".cjs": ["node"], ".java": ["java"]}
RUNNERS |= {".go": ["go", "run"], ".rb": ["ruby"], ".php": ["php"]}
NEEDS = {"with_curl.sh": "curl", "WithHttpClient.java": "javac"}
PATIENCE = 60
"""Seconds for a program's end: Java compiles its own first, on a machine that may have much else to do."""
LIBRARIES = ("requests", "httpx", "aiohttp", "uvloop", "pycurl")


def command_of(name: str) -> list[str]:
    """What runs a program; skips the test where the machine can't."""
    file = PROGRAMS / name
    runner = RUNNERS[file.suffix]
    for tool in (runner[0], NEEDS.get(name, runner[0])):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if file.suffix == ".php" and not has_curl_of_php():
        pytest.skip("php has no curl extension")
    for library in LIBRARIES:
        if library in name and importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    return [*runner, str(file)]


def has_curl_of_php() -> bool:
    """PHP comes without its curl extension in many places."""
    return (
        shutil.which("php") is None
        or b"curl" in subprocess.run(["php", "-m"], capture_output=True, check=False).stdout
    )


def every_program() -> list[str]:
    return sorted(file.name for file in PROGRAMS.iterdir() if file.suffix in RUNNERS)


@pytest.fixture(scope="module")
def stopped() -> Iterator[dict[str, str]]:
    """The variables of a program whose mock is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Interceptor(port) as interceptor:
        yield environment(interceptor, f"http://127.0.0.1:{port}").applied_to(os.environ)


@pytest.fixture(scope="module")
def led() -> Iterator[dict[str, str]]:
    """The variables of a program that is led to a mock."""
    with MockServer(clock="polls", task_seconds=3) as mock, mock.intercepted() as variables:
        yield variables


def output(command: list[str], variables: dict[str, str]) -> str:
    """What a program says in all, once it has ended."""
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EXEC, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False, **more)


@pytest.mark.parametrize("name", every_program())
def test_a_program_runs_unchanged(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    code = program.run(OPTIONS, command_of(name), quiet=False)
    told = capfd.readouterr()
    assert (code, told.out) == (0, f"completed {RESULT}\n"), told.err
    assert "mockserver exec: 5 requests; 1 tasks; 7 credits charged, 0 reserved\n" in told.err


def test_what_there_is_to_say_of_a_program_is_said_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    asking = "import urllib.request as u; u.urlopen('https://api.evolink.ai/v1/credits?api_key=sk-in-the-url')"
    assert program.run(OPTIONS, [sys.executable, "-c", asking], quiet=False) == 1
    assert "mockserver exec: hint: a key in the URL (api_key=) ends up in logs" in capfd.readouterr().err


def test_what_an_earlier_run_did_is_not_told_of_this_one(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = Options(clock=Mode.POLLS, task_seconds=3, log=f"sqlite:{tmp_path / 'kept.db'}")
    assert program.run(kept, command_of("with_urllib.py"), quiet=False) == 0
    assert "1 tasks; 7 credits charged, 0 reserved" in capfd.readouterr().err
    assert program.run(kept, ["true"], quiet=False) == 0
    assert "0 requests; 0 tasks; 0 credits charged, 0 reserved" in capfd.readouterr().err


@pytest.mark.parametrize("name", every_program())
def test_with_the_mock_gone_it_fails_at_once(name: str, stopped: dict[str, str]) -> None:
    command = command_of(name)
    done = subprocess.run(command, env=stopped, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0
    assert "completed" not in done.stdout


ASKING = """
import asyncio, ssl, aiohttp, {library}
async def main():
    async with aiohttp.ClientSession(trust_env=False) as session:
        async with session.get("https://api.evolink.ai/v1/credits", ssl={ssl}) as response:
            print(response.status)
{run}(main())
"""
GOING_THEIR_OWN_WAY = {
    "uvloop": ASKING.format(library="uvloop", ssl="True", run="uvloop.run"),
    "certifi": ASKING.format(
        library="certifi", ssl="ssl.create_default_context(cafile=certifi.where())", run="asyncio.run"
    ),
}

REACHED = {
    "git": ("git ls-remote https://api.evolink.ai/x.git", "repository 'https://api.evolink.ai/x.git/' not found"),
    "php": ("php < {streams}", '{"status":"ok"}'),
    "pip": (
        "python -m pip download --no-deps --no-cache-dir --index-url https://api.evolink.ai/simple nothing-here",
        "No matching distribution found for nothing-here",
    ),
    "uv": ("uv pip install --index-url https://api.evolink.ai/simple nothing-here", "was not found in the package"),
    "deno": (f"deno run --allow-all {PROGRAMS / 'with_fetch.mjs'}", f"completed {RESULT}"),
    "bun": (f"bun {PROGRAMS / 'with_fetch.mjs'}", f"completed {RESULT}"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", REACHED)
def test_a_tool_reaches_the_mock(name: str, led: dict[str, str], tmp_path: Path) -> None:
    """And gets its answer: what a certificate that it does not trust would say is something else."""
    line, told = REACHED[name]
    (tmp_path / "streams.php").write_text('<?php echo file_get_contents("https://api.evolink.ai/healthz");')
    line = line.replace("{streams}", str(tmp_path / "streams.php"))
    tool, _, rest = line.partition(" ")
    if shutil.which(tool) is None and tool != "python":
        pytest.skip(f"{tool} is not installed")
    said = output(["sh", "-c", f"{sys.executable} {rest}" if tool == "python" else line], led)
    assert told in said
    assert "certificate" not in said.lower()


def test_what_a_pth_file_has_loaded_before_is_changed_too(led: dict[str, str], tmp_path: Path) -> None:
    """Some distributions import certifi at the start of every program, before the preload."""
    pytest.importorskip("certifi")
    (tmp_path / "early.pth").write_text("import certifi\n")
    source = f"""
import site, sys
del sys.modules["certifi"], sys.modules["sitecustomize"]
site.addsitedir({str(tmp_path)!r})
import sitecustomize, certifi, os
assert certifi.where() == os.environ["SSL_CERT_FILE"], certifi.where()
print("changed")
"""
    preload = led["PYTHONPATH"].partition(os.pathsep)[0]
    source = source.replace("import sitecustomize, ", f"sys.path.insert(0, {preload!r}); import sitecustomize, ")
    assert output([sys.executable, "-c", "import certifi" + source], led) == "changed\n"


ELSEWHERE = {
    "curl": "curl -sSi https://example.com; curl -sS http://example.com",
    "node fetch": """node -e 'fetch("https://example.com").catch(e => console.log(e.cause))'""",
    "node net": """node -e 'require("net").connect(443, "192.0.2.1").on("error", e => console.log(e.message))'""",
    "node tls": """node -e 'require("tls").connect({host: "192.0.2.1", port: 443}).on("error", console.log)'""",
    "urllib": "python -c 'import urllib.request as u; u.urlopen(\"https://example.com\")'",
    "requests": "python -c 'import requests; requests.get(\"https://example.com\")'",
    "httpx": "python -c 'import httpx; httpx.get(\"https://example.com\", trust_env=False)'",
    "http.client": 'python -c \'import http.client as c; c.HTTPSConnection("example.com").request("GET", "/")\'',
    "address": "python -c 'import socket; socket.create_connection((\"192.0.2.1\", 443))'",
    "raw": "python -c 'import socket; socket.socket().connect((\"192.0.2.1\", 443))'",
    "asyncio": "python -c 'import asyncio as a; a.run(a.open_connection(\"example.com\", 443))'",
}


@pytest.mark.parametrize("line", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_every_other_host_is_refused(line: str, led: dict[str, str]) -> None:
    tool, _, rest = line.partition(" ")
    if shutil.which(tool) is None and tool != "python":
        pytest.skip(f"{tool} is not installed")
    told = output(["sh", "-c", f"{sys.executable} {rest}" if tool == "python" else line], led)
    assert "mockserver exec: refused" in told
    assert "only api.evolink.ai and files-api.evolink.ai are served here" in told


def test_results_can_be_links_of_a_live_host(capfd: pytest.CaptureFixture[str]) -> None:
    options = Options(clock=Mode.POLLS, task_seconds=3, public_url="https://files-api.evolink.ai")
    assert program.run(options, command_of("with_requests.py"), quiet=True) == 0
    assert capfd.readouterr().out == f"completed {RESULT}\n"


def test_a_test_starts_a_program_unchanged(led: dict[str, str]) -> None:
    assert output(command_of("with_urllib.py"), led) == f"completed {RESULT}\n"


@pytest.mark.parametrize("library", ["uvloop", "certifi"])
def test_python_programs_that_go_their_own_way_are_led_too(library: str, led: dict[str, str]) -> None:
    """uvloop resolves names by itself; many programs name certifi's bundle to aiohttp."""
    pytest.importorskip(library)
    pytest.importorskip("aiohttp")
    assert output([sys.executable, "-c", GOING_THEIR_OWN_WAY[library]], led) == "401\n"


def test_a_python_program_keeps_its_own_sitecustomize(led: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.own = 'its own'\n")
    path = os.pathsep.join([led["PYTHONPATH"].partition(os.pathsep)[0], str(tmp_path)])
    assert output([sys.executable, "-c", "print(own)"], {**led, "PYTHONPATH": path}) == "its own\n"


def test_this_machine_stays_in_reach(led: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: [listener.accept()[0].close() for _ in range(2)], daemon=True).start()
        port = listener.getsockname()[1]
        source = f"import socket; socket.create_connection(('localhost', {port})); print('reached')"
        assert output([sys.executable, "-c", source], led) == "reached\n"
        if shutil.which("node"):
            source = f"require('net').connect({port}).on('close', () => console.log('reached')).resume()"
            assert output(["node", "-e", source], led) == "reached\n"


def test_the_usual_variables_are_set(led: dict[str, str]) -> None:
    done = run(
        "--quiet", "--", "sh", "-c", "echo $EVOLINK_BASE_URL $EVOLINK_API_BASE $EVOLINK_API_KEY; echo $MOCKSERVER_URL"
    )
    first, url = done.stdout.splitlines()
    assert first == f"{url} {url} sk-any-key-will-do"
    done = run("--quiet", "--only-key", "sk-a", "--only-key", "sk-b", "--", "sh", "-c", "echo $EVOLINK_API_KEY")
    assert done.stdout == "sk-a\n"
    own = {**os.environ, "EVOLINK_API_KEY": "sk-own", "EVOLINK_BASE_URL": "https://api.evolink.ai/v1"}
    done = run("--quiet", "--", "sh", "-c", "echo $EVOLINK_API_KEY $EVOLINK_BASE_URL", env=own)
    assert done.stdout == "sk-own https://api.evolink.ai/v1\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 128 + 9),
        (["no-such-command-here"], 127),
        (["/"], 126),
    ],
)
def test_the_exit_code_is_the_commands(command: list[str], code: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert program.run(OPTIONS, command, quiet=True) == code
    told = capfd.readouterr()
    assert told.out == ""
    assert (command[0] in told.err) == (code in (126, 127))


def test_options_are_those_of_serve_and_bad_ones_are_told(tmp_path: Path) -> None:
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text("name: x\nrulez: []\n")
    for wrong in (["--scenario", str(scenario)], ["--log", "paper"], ["--port", "1"]):
        done = run(*wrong, "--", "echo", "ran")
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert "Traceback" not in done.stderr
    assert run().returncode == 2


def test_options_of_the_command_are_its_own() -> None:
    assert run("--quiet", "echo", "--seed", "--quiet").stdout == "--seed --quiet\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_command(number: int, tmp_path: Path) -> None:
    caught = "trap 'echo caught; exit 5' TERM INT HUP; echo ready; for _ in $(seq 1000); do sleep 0.01; done"
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [*EXEC, "--quiet", "--", "sh", "-c", caught]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=variables
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        assert running.stdout.readline() == "caught\n"
        assert running.wait(PATIENCE) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_comes_too_early_reaches_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = subprocess.Popen

    def begin_late(*arguments: Any, **named: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return begin(*arguments, **named)

    monkeypatch.setattr(subprocess, "Popen", begin_late)
    assert program.run(OPTIONS, ["sleep", "10"], quiet=True) == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_intercepts_for_whoever_sources_its_file(number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "mockserver", "serve", "--port", "0", "--intercept", "--clock", "polls"]
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as running:
        assert running.stdout is not None
        line = next(line for line in running.stdout if "in its shell:  . " in line)
        file = line.partition("in its shell:  . ")[2].strip()
        done = subprocess.run(
            ["sh", "-ec", f". {file}; {sys.executable} {PROGRAMS / 'with_urllib.py'}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == f"completed {RESULT}\n", done.stderr
        running.send_signal(number)
        running.communicate(timeout=PATIENCE)
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_its_own_is_not_written_to_that_file() -> None:
    with program.intercepting(Options(only_keys=("sk-secret",)), "http://127.0.0.1:1") as file:
        assert "sk-" not in file.read_text()
    with program.intercepting(Options(), "http://127.0.0.1:1") as file:
        assert "sk-any-key-will-do" in file.read_text()


def test_serve_intercepts_on_loopback_only() -> None:
    command = [sys.executable, "-m", "mockserver", "serve", "--host", "::1", "--port", "0", "--intercept"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "interception leads to a mock on 127.0.0.1" in done.stderr
