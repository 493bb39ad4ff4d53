"""Clients judged: any program, run against a fake that misbehaves on purpose."""
