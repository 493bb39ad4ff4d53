"""Right in everything."""

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    """Nothing to add."""


if __name__ == "__main__":
    main(Receiver)
