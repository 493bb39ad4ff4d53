"""The guide as it is built, in a browser: whoever can't see reads it, and whoever has no mouse scrolls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium, needs_chromium
from tests.pages import ROOT

pytestmark = [pytest.mark.long, needs_chromium]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "reference", str(folder)], cwd=ROOT, check=True)
    return folder


def faults(page: Any) -> list[str]:
    """What axe takes seriously, each with the first place that has it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = [one for one in axe.run(page).response["violations"] if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found]


@pytest.mark.parametrize("width", [400, 1280])
def test_axe_finds_no_serious_fault_in_the_guide(site: Path, width: int) -> None:
    found = {}
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        for file in sorted(site.rglob("*.html")):
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, file.name
            found[file.name] = faults(page)
    assert not any(found.values()), json.dumps(found, indent=1)
