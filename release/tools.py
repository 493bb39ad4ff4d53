"""Running the tools of a release, and saying what was found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


class ReleaseError(Exception):
    """What is shipped is not what it should be; says what was found."""


def run(*command: str | Path, folder: Path = ROOT, **variables: str) -> str:
    """What a program prints. Raises ReleaseError with it where the program fails.

    The variables are all that it gets of the environment but what every program needs, so that nothing of a virtual
    environment or of a checkout leads it.
    """
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=_plain(variables), text=True, capture_output=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def uv(*words: str | Path) -> str:
    return run(BIN / "uv", *words)


def copied(target: Path) -> Path:
    """The tracked files of the checkout, as they stand, somewhere else."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
            shutil.copymode(ROOT / name, target / name)
    return target


def _plain(variables: dict[str, str]) -> dict[str, str]:
    leading = ("PYTHON", "VIRTUAL_ENV", "MOCKSERVER", "EVOLINK", "CONTRACT_TESTS")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(leading)}, **variables}
