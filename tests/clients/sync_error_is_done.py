"""Mistake: prints the error and ends well, and tries everything once only."""

import sys

from sync_correct import Client, GivenUpError


class Mistaken(Client):
    tries = 1

    def run(self) -> None:
        try:
            super().run()
        except (GivenUpError, OSError) as error:
            print(f"failed: {error}", file=sys.stderr)


if __name__ == "__main__":
    Mistaken().run()
