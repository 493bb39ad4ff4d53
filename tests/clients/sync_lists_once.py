"""Mistake: as sync_error_is_done.py, with the list."""

from sync_correct_reads_the_list import Listing
from sync_error_is_done import Mistaken


class Both(Mistaken, Listing):
    """Reads the list, once."""


Both().run()
