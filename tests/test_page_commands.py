"""The commands that the pages show, run as they stand: in a folder with the files they name, on local servers."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mockserver.testing import MockServer
from tests.pages import COMMAND, ROOT, blocks
from tests.receivers.serving import at_desk

LIVE = "https://api.evolink.ai"
SHORTER = {
    "contract-tests server": " --quick --check BILLING-RESERVED-ON-SUBMISSION",
    "contract-tests receiver": " --case completed --case own-failure/completed --settle 0",
    "contract-tests client": " --behaviour unknown-fields",
}
"""What makes a command a matter of seconds; without it, it is for the long tests."""


def commands() -> list[str]:
    """Each command of any page once."""
    lines = (line for block in blocks("sh") for line in block.lines())
    return list(dict.fromkeys(line.strip() for line in lines if COMMAND.match(line)))


ENDLESS = [line for line in commands() if "mockserver serve" in line]
ENDING = [line for line in commands() if line not in ENDLESS and "replay" not in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All files that the pages speak of."""
    clients, programs = ROOT / "tests" / "clients", ROOT / "tests" / "programs"
    shutil.copy(clients / "sync_correct.py", tmp_path / "my_client.py")
    shutil.copy(clients / "node_correct.mjs", tmp_path / "my_client.mjs")
    shutil.copy(clients / "shell_correct.sh", tmp_path / "my_client.sh")
    shutil.copy(programs / "with_urllib.py", tmp_path / "my_program.py")
    told = (clients / "sync_correct.py").read_text()
    live, changed = re.subn(r'os\.environ\["EVOLINK_BASE_URL"\]', f'"{LIVE}"', told)
    assert changed == 1
    (tmp_path / "my_client.sh").chmod(0o755)
    (tmp_path / "my_client_of_the_live_host.py").write_text(live)
    (tmp_path / "published").mkdir()
    shutil.copy(ROOT / "openapi" / "evolink.yaml", tmp_path / "published" / "video.yaml")
    return tmp_path


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """What the servers that the pages speak of are called here."""
    with MockServer() as mock, at_desk("correct") as receiver:
        yield {"http://127.0.0.1:8787": mock.url, "http://127.0.0.1:8000": receiver}


def scripts(folder: Path, receiver: str) -> None:
    """What the receiver's author would have: this one minds no stranger, and fails when it is told to."""
    for name, line in {"register": 'test -n "$1"', "break-next": f"curl -sS --fail -X POST {receiver}/fail"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)


def talk(url: str) -> None:
    """As somebody does whose traffic is fine."""
    httpx.post(f"{url}/_mock/reset", json={})
    httpx.get(f"{url}/v1/credits", headers={"authorization": "Bearer sk-somebody"}).raise_for_status()


def run(line: str, folder: Path, addresses: dict[str, str]) -> subprocess.CompletedProcess[str]:
    scripts(folder, addresses["http://127.0.0.1:8000"])
    if "traffic" in line:
        talk(addresses["http://127.0.0.1:8787"])
    for name, url in {**addresses, LIVE: addresses["http://127.0.0.1:8787"]}.items():
        line = line.replace(name, url)
    line = line.replace("--model MODEL", "--model kling-o1-video-edit-fast")
    line = line.replace("--max-credits", "--yes --max-credits")  # asks whoever pastes it
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(), text=True, capture_output=True, check=False
    )


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "POLL_SECONDS": "0.15"}


def skip_without_its_tools(line: str) -> None:
    for tool, words in {"node": "node ", "jq": ".sh", "curl": "break-next"}.items():
        if words in line and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def shorter(line: str) -> str:
    """The same command, given less to do."""
    for command, options in SHORTER.items():
        line = line.replace(command, command + options)
    return line


def test_the_pages_show_every_command() -> None:
    shown = {" ".join(line.split()[:2]) for line in commands()}
    assert {"mockserver serve", "mockserver exec", "mockserver explain", "mockserver replay"} <= shown
    assert {f"contract-tests {one}" for one in ("server", "client", "receiver", "traffic", "drift")} <= shown


@pytest.mark.parametrize("line", [one for one in ENDING if not one.startswith(("pytest", "contract-tests drift"))])
def test_a_command_works_when_pasted(line: str, folder: Path, addresses: dict[str, str]) -> None:
    skip_without_its_tools(line)
    done = run(shorter(line), folder, addresses)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (folder / ".hypothesis").exists()


@pytest.mark.long
@pytest.mark.parametrize("line", [one for one in ENDING if "contract-tests" in one or one.startswith("pytest")])
def test_a_command_works_as_it_stands(line: str, folder: Path, addresses: dict[str, str]) -> None:
    skip_without_its_tools(line)
    if "drift" in line:
        pytest.skip("follows the recording: see below")
    done = run(line, folder, addresses)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("less", [" --layer callback", pytest.param("", marks=pytest.mark.long)])
def test_what_is_recorded_is_compared(less: str, folder: Path, addresses: dict[str, str]) -> None:
    record, drift = sorted((line for line in ENDING if "recordings" in line), key=lambda line: "drift" in line)
    assert run(record.replace(" --quick", f" --quick{less}"), folder, addresses).returncode == 0
    done = run(drift, folder, addresses)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("line", ENDLESS)
def test_a_server_comes_up_when_pasted(line: str, folder: Path) -> None:
    command = f"exec env {line} --port 0 --host 127.0.0.1"
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    with process, process.stdout as told:
        says = iter(told.readline, "")
        assert any("http://127.0.0.1:" in one for one in says)
        process.send_signal(signal.SIGINT)
        told.read()
    assert process.returncode == 0


def test_where_the_demo_leads_on_is_there(addresses: dict[str, str], folder: Path) -> None:
    """Also for somebody who has no checkout."""
    ways = run("mockserver demo", folder, addresses).stdout.partition("Where to look next")[2]
    paths = re.findall(r"^ +(/\S+?),? ", ways, re.MULTILINE)
    assert paths
    for path in paths:
        httpx.get(addresses["http://127.0.0.1:8787"] + path).raise_for_status()
    assert not re.findall(r"\S+\.(?:yaml|md|py)\b", ways)
