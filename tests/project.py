"""A project of somebody's own, whose tests run under the pytest plugin in a process of their own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENTRY_POINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
PREFACE = """
import httpx, pytest
CREATE = "/v1/videos/generations"
def submit(mock, **fields):
    body = {"model": "kling-o1-video-edit-fast", "prompt": "Let it snow", "video_urls": ["https://example.com/s.mp4"]}
    return httpx.post(mock.url + CREATE, json={**body, **fields}, headers=mock.headers)
"""


class Project:
    """An empty project with a test file, in whose environment evolink-mock is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        installed = folder / "site" / "installed_evolink_mock-0.0.dist-info"
        installed.mkdir(parents=True)
        (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-evolink-mock\nVersion: 0.0\n")
        points = "".join(f"{name} = {module}\n" for name, module in ENTRY_POINT.items())
        (installed / "entry_points.txt").write_text(f"[pytest11]\n{points}")

    def run(
        self, tests: str, *arguments: str, ini: str = "", autoload: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run pytest with this plugin by its registered name, and (`autoload`) whatever else is installed."""
        (self.folder / "pytest.ini").write_text(
            f"[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n{ini}"
        )
        (self.folder / "test_it.py").write_text(PREFACE + tests)
        path = os.pathsep.join((str(self.folder / "site"), str(ROOT)))
        environment = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "" if autoload else "1"}
        named = [] if autoload else ["-p", "evolink"]
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *named, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def passes(self, count: int, tests: str, *arguments: str, ini: str = "") -> str:
        done = self.run(tests, *arguments, ini=ini)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{count} passed" in done.stdout
        return done.stdout
