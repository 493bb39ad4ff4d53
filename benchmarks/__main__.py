"""`python -m benchmarks`: measure, print a table, judge nothing. `--quick` takes a smaller sample of everything."""

import sys

from benchmarks import scale, start, throughput
from benchmarks.table import shown


def main() -> None:
    quick = "--quick" in sys.argv
    rows = start.measure(rounds=3 if quick else 9)
    rows += scale.measure(tasks=100_000 if quick else 1_000_000)
    rows += throughput.measure(rounds=3 if quick else 9, requests=4_000 if quick else 16_000)
    print(shown(rows))


if __name__ == "__main__":
    main()
