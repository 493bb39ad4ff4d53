"""Wheel and sdist: built twice, in two places, to the same bytes; then read by the checkers of their formats."""

import shutil
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from release.tools import BIN, ROOT, ReleaseError, copied, run

TYPED = ("mockserver/py.typed", "contract_tests/py.typed")


def build(target: Path) -> tuple[Path, Path]:
    """Wheel and sdist in `target`, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        _built(copied(Path(one)), target)
        _built(copied(Path(other)), Path(other) / "again")
        for path in _shipped(target):
            again = Path(other, "again", path.name)
            if sha256(path.read_bytes()).digest() != sha256(again.read_bytes()).digest():
                raise ReleaseError(f"{path.name} is built to other bytes in another place")
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def check(wheel: Path, sdist: Path) -> None:
    """Metadata that an index takes, a wheel without surprises, types for both packages."""
    run(BIN / "twine", "check", "--strict", wheel, sdist)
    run(BIN / "check-wheel-contents", "--toplevel", "mockserver,contract_tests", wheel)
    names = zipfile.ZipFile(wheel).namelist()
    if missing := [name for name in TYPED if name not in names]:
        raise ReleaseError(f"{wheel.name} has no {', '.join(missing)}")
    if stray := [name for name in names if "__pycache__" in name]:
        raise ReleaseError(f"{wheel.name} has {stray[0]}")


def _built(source: Path, target: Path) -> None:
    run(BIN / "uv", "build", "--quiet", "--out-dir", target, source, SOURCE_DATE_EPOCH=_moment())


def _moment() -> str:
    """When the last change was made, in seconds; what is built carries it instead of the time of the day."""
    return run("git", "log", "-1", "--format=%ct", folder=ROOT).strip()


def _shipped(folder: Path) -> list[Path]:
    return [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
