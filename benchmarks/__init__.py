"""Measurements: ratios against something named, taken in one run. `python -m benchmarks [--quick]`."""
