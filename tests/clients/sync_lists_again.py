"""Mistake: as sync_repeats_every_error.py, with the list."""

from sync_correct import main
from sync_correct_reads_the_list import Listing
from sync_repeats_every_error import Mistaken


class Both(Mistaken, Listing):
    """Reads the list, again and again."""


main(Both())
