"""A catalogue of callback receivers: some right, the others with one mistake each. README.md says which."""
