"""Mistake: counts on the callback alone, and waits for ever for one that never comes."""

from callback_correct import CallbackClient
from sync_correct import main


class Mistaken(CallbackClient):
    ask_every_s = None


main(Mistaken())
