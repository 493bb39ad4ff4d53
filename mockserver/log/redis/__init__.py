"""Logs in Redis (6.2 or newer, or Valkey): they outlive the machine, and several nodes may share them."""
