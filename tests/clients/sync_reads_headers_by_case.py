"""Mistake: takes the Content-Type out of a plain dict of headers, where names have a case."""

import json
import urllib.request
from typing import Any

from sync_correct import BASE, KEY, Client, main


class Mistaken(Client):
    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
            assert dict(response.headers.items())["Content-Type"].startswith("application/json")
            return json.loads(response.read())


main(Mistaken())
