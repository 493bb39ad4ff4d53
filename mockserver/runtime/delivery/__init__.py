"""Callbacks on their way out: whose turn it is, where they may go, what came of each attempt."""
