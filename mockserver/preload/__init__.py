"""Loaded by the programs that `mockserver exec` runs, never by the mock itself."""
