"""`python -m benchmarks [--quick] [PART...]`: measure, print a table, judge nothing."""

import argparse
import os

from benchmarks import (
    callbacks,
    crowded,
    judging,
    mount,
    nodes,
    onlookers,
    restart,
    rude,
    scale,
    silence,
    start,
    throughput,
)
from benchmarks.table import Row, shown

PARTS = {
    "start": start.measure,
    "mount": mount.measure,
    "judging": judging.measure,
    "scale": scale.measure,
    "silence": silence.measure,
    "rude": rude.measure,
    "restart": restart.measure,
    "nodes": nodes.measure,
    "crowded": crowded.measure,
    "callbacks": callbacks.measure,
    "throughput": throughput.measure,
    "onlookers": onlookers.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against something named.")
    parser.add_argument("--quick", action="store_true", help="a smaller sample of everything, in under a minute")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"received {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    rows: list[Row] = []
    try:
        for name in arguments.parts or PARTS:
            rows += PARTS[name](quick=arguments.quick)
    finally:  # what took half an hour to measure is shown, whatever broke after it
        print(shown(rows))
    print(f"\nMedians of rounds taken in turn; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
