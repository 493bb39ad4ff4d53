"""What is shipped, installed into empty environments of every supported Python, far from the checkout."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from release.tools import ROOT, ReleaseError, run, uv

SUPPORTED = ("3.11", "3.12", "3.13")
EXTRAS = "[contract,intercept,pytest]"
CORE = (
    "test_api.py",
    "test_client_inprocess.py",
    "test_control.py",
    "test_document.py",
    "test_exec.py",
    "test_files.py",
    "test_http.py",
    "test_log_file.py",
    "test_reporting.py",
    "test_respx.py",
    "test_server_contract.py",
)
"""Tests that touch every dependency."""


def pythons() -> dict[str, str]:
    """An interpreter of each supported version that is on this machine: on the PATH, or where pyenv keeps them."""
    found = {version: next(filter(None, map(_fit(version), _candidates(version))), "") for version in SUPPORTED}
    return {version: python for version, python in found.items() if python}


def _candidates(version: str) -> Iterator[str]:
    yield from filter(None, [shutil.which(f"python{version}"), sys.executable])
    yield from map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))


def _fit(version: str) -> Callable[[str], str]:
    """The interpreter itself behind a name, if it has this version; else nothing."""
    told = "import sys; print(sys._base_executable if sys.version.startswith(sys.argv[1]) else '')"

    def of(python: str) -> str:
        try:
            return run(python, "-c", told, f"{version}.").strip()
        except (ReleaseError, OSError):  # one that is only a name of pyenv's, say
            return ""

    return of


@contextmanager
def environment(python: str, *requirements: str | Path, lowest: bool = False) -> Iterator[Path]:
    """The interpreter of an environment with these requirements and nothing else, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        uv("venv", "--quiet", "--python", python, Path(folder, "venv"))
        inside = Path(folder, "venv", "bin", "python")
        how = ("--resolution", "lowest-direct") if lowest else ()
        uv("pip", "install", "--quiet", "--python", inside, *how, *requirements)
        yield inside


def smoke(python: str, shipped: Path, *, extras: bool, lowest: bool = False) -> None:
    """Raises ReleaseError with what the installed programs said."""
    with environment(python, f"{shipped}{EXTRAS}" if extras else shipped, lowest=lowest) as inside:
        folder = inside.parent.parent.parent
        shutil.copyfile(Path(__file__).with_name("smoke.py"), folder / "smoke.py")
        run(inside, "-W", "error", "smoke.py", *(["--extras"] if extras else []), folder=folder)


def oldest(python: str, wheel: Path) -> None:
    """With the oldest dependencies that pyproject.toml allows, the kit alone serves, and the core passes its tests.

    Two environments, since extras may ask for newer ones than the kit itself does."""
    smoke(python, wheel, extras=False, lowest=True)
    with environment(python, f"{ROOT}[dev]", lowest=True) as inside:
        files = [f"tests/{name}" for name in CORE]
        run(inside, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "2", "-m", "not long", *files)
