"""Correct: one minute for each answer, as HTTP libraries have it."""

from sync_correct import Client, main


class Patient(Client):
    timeout_s = 60.0


main(Patient())
