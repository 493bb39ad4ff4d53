"""The generation API: from a request to a command, from a task to a body."""
