"""Mistake: as sync_error_is_done.py, for the upload and the credits too."""

from sync_correct_asks_everything import Everything
from sync_error_is_done import Mistaken


class Both(Mistaken, Everything):
    """Asks for everything, once."""


Both().run()
