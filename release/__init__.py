"""What is shipped, built and proved: `python -m release`, into dist/. Runs from a checkout, with the extra `release`."""
