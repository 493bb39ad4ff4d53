"""Mistake: one 500 of a query ends the program, though the task goes on and is paid for."""

from sync_correct import Client, main


class Mistaken(Client):
    tries = 1


main(Mistaken())
