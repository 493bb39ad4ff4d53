"""`python -m reference.pictures [FOLDER]`: the page as it looks, made from a mock that runs (docs/pictures/)."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from mockserver.testing import CallbackReceiver, MockServer

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_PATH = "/v1/videos/generations"
_BODY = {
    "model": "kling-o1-video-edit-fast",
    "prompt": "Let it snow",
    "video_urls": ["https://example.com/street.mp4"],
}
_DEAD = "http://127.0.0.1:9/hook"


class Picture(NamedTuple):
    """One picture: where in the page it is taken, in which theme, at which size in pixels."""

    name: str
    where: str
    theme: str
    width: int
    height: int


def pictures(task_id: str, refused: int) -> list[Picture]:
    return [
        Picture("timeline", "#/timeline", "light", 1160, 520),
        Picture("callback", f"#/timeline?open=task:{task_id}", "dark", 1240, 620),
        Picture("refused", f"#/requests?open=request:{refused}", "light", 1240, 560),
    ]


def live(mock: MockServer) -> str:
    """Some tasks with their polls and callbacks; the id of the one whose callback never arrives."""
    with CallbackReceiver(500, 500, 200) as receiver, httpx.Client(base_url=mock.url, headers=mock.headers) as client:

        def submit(prompt: str = "Let it snow", **more: str) -> str:
            return str(client.post(_PATH, json={**_BODY, "prompt": prompt, **more}).json().get("id"))

        def polled(task_id: str, times: int) -> None:
            for _ in range(times):
                client.get(f"/v1/tasks/{task_id}")
                mock.advance(seconds=1)

        polled(submit(callback_url=receiver.url), 4)
        submit("mock:fail=content_policy_violation mock:seconds=3")
        mock.advance(seconds=3)
        submit(callback_url="https://192.168.0.1/hook", prompt="")
        polled(submit("mock:seconds=8"), 5)
        client.post(_PATH, json={**_BODY, "video_urls": []})
        lost = submit("mock:seconds=6 mock:queue_seconds=3", callback_url=_DEAD)
        mock.advance(seconds=6)
        submit(callback_url=_DEAD)
        mock.advance(seconds=10)
        submit("mock:queue_seconds=4")
        mock.advance(seconds=1)
        submit("mock:seconds=9")
        mock.advance(seconds=1)
    return lost


def take(folder: Path) -> None:
    """Every picture, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with MockServer(seed=7) as mock, _chromium() as browser:
        task_id = live(mock)
        refused = [one for one in mock.get("/requests", limit=1_000)["requests"] if one["status"] == 400]
        for picture in pictures(task_id, refused[-1]["sequence"]):
            _take(browser, mock.url, picture, folder / f"{picture.name}.png")


def _take(browser: Any, url: str, picture: Picture, file: Path) -> None:
    size = {"width": picture.width, "height": picture.height}
    context = browser.new_context(viewport=size, color_scheme=picture.theme, timezone_id="UTC")
    page = context.new_page()
    page.goto(f"{url}/_mock/{picture.where}")
    page.get_by_text("live", exact=True).wait_for()
    page.get_by_role("row").nth(4).wait_for()
    page.wait_for_timeout(1_200)
    if page.get_by_label("Wave the hint away").count():
        page.get_by_label("Wave the hint away").click()
    page.screenshot(path=file)
    context.close()


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
