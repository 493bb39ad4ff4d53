"""Mistake: no time-out; an answer that never comes is waited for for ever."""

from sync_correct import Client, main


class Mistaken(Client):
    timeout_s = None


main(Mistaken())
