"""Servers that each break one promise."""
