"""The control API, a file a noun."""
