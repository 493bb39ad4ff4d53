"""Mistake: one video as text where the document wants a list."""

from sync_correct import Client, main


class Mistaken(Client):
    body = {**Client.body, "video_urls": "https://example.com/street.mp4"}


main(Mistaken())
