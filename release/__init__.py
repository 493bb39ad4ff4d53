"""What is shipped, built into dist/ and proved: `python -m release`, from a checkout, with the extra `release`."""
