"""Correct: uploads a picture and reads the credits before it submits, as many do."""

from typing import Any

from sync_correct import Client, main

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"base64_data": PIXEL, "file_name": "dot.png"}


class Everything(Client):
    def run(self) -> None:
        self.before()
        super().run()

    def before(self) -> None:
        file: dict[str, Any] = self.call("POST", "/api/v1/files/upload/base64", PICTURE)["data"]
        self.call("GET", "/v1/credits")
        self.body = {**Client.body, "image_urls": [file["file_url"]]}


if __name__ == "__main__":
    main(Everything())
