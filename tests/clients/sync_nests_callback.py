"""Mistake: the callback URL inside another object, where nobody looks for it."""

from sync_correct import Client, main


class Mistaken(Client):
    body = {**Client.body, "options": {"callback_url": "https://hooks.example.com/done"}}


main(Mistaken())
