"""The page in Debian's Chromium, watched: every request it makes, everything it complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mockserver.testing import MockServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a head."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page of a mock. `elsewhere` are requests to other servers, `complaints` what the console had to say."""

    def __init__(self, browser: Any, mock: MockServer, *, width: int = 1280, theme: str = "light") -> None:
        self.mock, self._url = mock, mock.url
        self._context = browser.new_context(
            viewport={"width": width, "height": 860},
            color_scheme=theme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(20_000)
        self.elsewhere: list[str] = []
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._note)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, where: str = "") -> Any:
        self.page.goto(f"{self.mock.url}/_mock/{where}")
        return self.page

    def close(self) -> None:
        self._context.close()

    def calm(self) -> None:
        """Nothing went elsewhere, and nothing was complained of."""
        assert (self.elsewhere, self.complaints) == ([], [])

    def _note(self, request: Any) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((self._url, "blob:")):
            self.elsewhere.append(request.url)

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)
