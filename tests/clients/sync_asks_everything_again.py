"""Mistake: as sync_repeats_every_error.py, for the upload and the credits too, and whatever Retry-After says."""

from sync_correct import main
from sync_correct_asks_everything import Everything
from sync_repeats_every_error import Mistaken


class Both(Mistaken, Everything):
    """Asks for everything, again and again."""


main(Both())
