"""What an installation brings with it: a CycloneDX bill of materials, and the licence of each part."""

import json
from pathlib import Path
from typing import Any

from release.installing import EXTRAS, environment
from release.tools import BIN, ReleaseError, run

PERMISSIVE = (
    "MIT",
    "BSD",
    "Apache",
    "PSF",
    "Python Software Foundation",
    "ISC",
    "MPL",
    "Mozilla Public",
    "Unlicense",
    "0BSD",
    "CNRI",
)
"""Words of licences under which the parts may be used beside an MIT licence."""


def write(python: str, wheel: Path, target: Path) -> dict[str, str]:
    """sbom.cdx.json in `target`. Returns the licence of every part; raises ReleaseError for one that has none, or one
    that would bind who uses the kit."""
    file = target / "sbom.cdx.json"
    with environment(python, f"{wheel}{EXTRAS}") as inside:
        run(BIN / "cyclonedx-py", "environment", "--output-reproducible", "--of", "JSON", "-o", file, inside)
    bill = json.loads(file.read_text())
    licences = {one["name"]: _licence(one) for one in bill["components"]}
    if unfit := {name: said for name, said in licences.items() if not any(word in said for word in PERMISSIVE)}:
        raise ReleaseError(f"licences that are not known to fit: {unfit}")
    return licences


def _licence(component: dict[str, Any]) -> str:
    said = component.get("licenses", [])
    return ", ".join(one.get("expression") or one["license"].get("id") or one["license"]["name"] for one in said)
