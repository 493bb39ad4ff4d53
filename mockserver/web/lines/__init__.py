"""What `serve` prints of what happens: a line for each request, each end of a task, each attempt of a callback."""
