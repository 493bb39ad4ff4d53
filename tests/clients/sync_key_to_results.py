"""Mistake: one opener with the key in its headers, for the API and for the host of the results."""

import urllib.request
from typing import Any

from sync_correct import KEY, Client, main


class Mistaken(Client):
    def fetch(self, task: dict[str, Any]) -> None:
        for link in task["results"]:
            request = urllib.request.Request(link, headers={"Authorization": f"Bearer {KEY}"})
            with urllib.request.urlopen(request, timeout=self.timeout_s) as result:
                result.read()


main(Mistaken())
