"""HTTP in and out: the generation API, the mock's own control API, result files."""
