"""`python -m release`: build, check, install and try what is shipped; prints what holds, ends with what does not."""

import sys
import time

from release.bill import write
from release.building import build, check
from release.installing import SUPPORTED, oldest, pythons, smoke
from release.tools import ROOT, ReleaseError

DIST = ROOT / "dist"


def main() -> None:
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    found = pythons()
    if absent := [version for version in SUPPORTED if version not in found]:
        say(f"not tried, since it is not on this machine: Python {', '.join(absent)}")
    wheel, sdist = build(DIST)
    say(f"{wheel.name} and {sdist.name}: built twice to the same bytes")
    check(wheel, sdist)
    say("metadata, contents and types are in order")
    for version, python in found.items():
        smoke(python, wheel, extras=False)
        smoke(python, wheel, extras=True)
        say(f"the wheel works on Python {version}, alone and with extras")
    first, newest = next(iter(found.values())), list(found.values())[-1]
    smoke(newest, sdist, extras=False)
    say("the sdist works")
    licences = write(newest, wheel, DIST)
    say(f"sbom.cdx.json: {len(licences)} parts, all with licences that fit")
    oldest(first, wheel)
    say("the oldest allowed dependencies pass the tests of the core")


if __name__ == "__main__":
    try:
        main()
    except ReleaseError as error:
        sys.exit(str(error))
