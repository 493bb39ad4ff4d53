"""Test suites of other people's projects, with three mistakes that no test of theirs sees."""
