"""Mistake: saves whatever comes from the result's link, an error page too."""

import urllib.error
from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def fetch(self, task: dict[str, Any]) -> None:
        try:
            super().fetch(task)
        except urllib.error.HTTPError as page:
            page.read()


main(Mistaken())
