"""The page's files: who gets them, under which headers; what it works out; and one look at it in a browser."""

import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from mockserver.testing import MockServer
from mockserver.web.api.identity import tenant_of
from tests.browser import Watched, chromium, needs_chromium
from tests.conftest import MakeMock
from tests.house import KEY, MINIMAL, Mock
from tests.receiver import Receiver

STATIC = Path(__file__).parent.parent / "mockserver" / "web" / "dashboard" / "static"
SERVED = sorted(
    path.relative_to(STATIC).as_posix()
    for path in STATIC.rglob("*")
    if path.suffix in {".js", ".css", ".svg", ".html"}
)


def test_the_page_comes_under_a_policy_that_lets_nothing_in_or_out(mock: Mock) -> None:
    answer = mock.get("/_mock/", key=None)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(one.split(" ", 1) for one in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert (answer.headers["x-frame-options"], answer.headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", answer.text)


def test_each_file_is_served_once_and_then_known(mock: Mock) -> None:
    for name in SERVED:
        answer = mock.get(f"/_mock/static/{name}", key=None)
        assert answer.content == (STATIC / name).read_bytes()
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        again = mock.get(f"/_mock/static/{name}", key=None, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_no_blank_is_lost_where_a_text_goes_on_in_the_next_line() -> None:
    """htm drops a line's end between a text and an element; a blank that is meant is written out."""
    lost = re.compile(r"[\w,:;]\n *<(?:a|b|code|em|kbd|strong)[ >]|</(?:a|b|code|em|kbd|strong)>\n *[\w(]")
    files = [name for name in SERVED if name.endswith(".js") and not name.startswith("vendor/")]
    assert {name: lost.findall((STATIC / name).read_text("utf-8")) for name in files} == {name: [] for name in files}


def test_the_page_works_behind_a_path_of_a_proxy() -> None:
    """What it asks for and leads to is told from where it is itself."""
    rooted = re.compile(r"""(?:href=|src=|fetch\(|from )["'`]/|location\.origin""")
    assert [name for name in SERVED if rooted.search((STATIC / name).read_text("utf-8"))] == []


def test_no_other_file_is_served(mock: Mock) -> None:
    for name in ("", "none.js", "../page.py", "%2e%2e/page.py", "vendor/README.md", "..%2f..%2fapp.py"):
        assert mock.get(f"/_mock/static/{name}", key=None).status_code == 404, name


def test_the_page_needs_its_slash_and_is_only_read(mock: Mock) -> None:
    assert mock.get("/_mock", key=None).headers["location"] == "/_mock/"
    assert mock.post("/_mock/", key=None).status_code == 405


def test_the_page_is_guarded_as_the_control_api_is(mock: Mock, make_mock: MakeMock) -> None:
    elsewhere = {"host": "evil.example"}
    assert mock.get("/_mock/", key=None, headers=elsewhere).status_code == 403
    closed = make_mock(control_token="open-sesame", loopback=False)
    assert closed.get("/_mock/", key=None, headers=elsewhere).status_code == 200
    assert closed.get("/_mock/static/main.js", key=None).status_code == 200
    for path in ("/_mock/docs", "/_mock/openapi.json"):  # whoever follows a link sends no token
        assert (closed.get(path, key=None).status_code, mock.get(path, headers=elsewhere).status_code) == (200, 403)
    for path in ("/_mock/health", "/_mock/tasks", "/_mock/events?pulse=true", "/_mock/staticx", "/_mock/static"):
        assert closed.get(path, key=None).status_code == 401, path


def test_the_page_knows_names_alone_also_of_forgotten_keys(mock: Mock) -> None:
    """Taken for a key of a new client, the name of a forgotten one would lead to a world that is nobody's."""
    page = {"x-mock-page": "1"}
    name, other = tenant_of(KEY), tenant_of(tenant_of(KEY))
    for _ in range(2):
        mock.put(f"/_mock/accounts/{name}", {"credits": 3}, headers=page)
        mock.put(f"/_mock/clock?key={name}", {"mode": "server"}, headers=page)
        assert [one["tenant"] for one in mock.get("/_mock/accounts").json()["accounts"]] == [name]
        assert mock.submit().status_code == 402
        mock.post("/_mock/reset", {"key": name}, headers=page)
    mock.put(f"/_mock/accounts/{name}", {"credits": 3})  # a program's key may look like a name
    assert [one["tenant"] for one in mock.get("/_mock/accounts").json()["accounts"]] == [other]


def test_the_pages_own_requests_take_no_hint_from_whoever_is_to_read_it(local: Mock) -> None:
    with Receiver(local, 500, 500, 500, 500) as receiver:
        local.task_id(callback_url=receiver.url)
        told = local.post("/_mock/clock/advance", {"ms": 20_000}, headers={"x-mock-page": "1"})
    assert "x-mock-hint" not in told.headers
    assert "x-mock-hint" not in local.get("/_mock/tasks", headers={"x-mock-page": "1"}).headers
    assert "unanswered_callback" in local.get("/_mock/tasks").headers["x-mock-hint"]


def test_what_is_taken_from_others_is_what_its_note_says() -> None:
    note = (STATIC / "vendor" / "README.md").read_text()
    told = re.search(r"`([0-9a-f]{64})`", note)
    assert told is not None
    assert sha256((STATIC / "vendor" / "htm-preact.js").read_bytes()).hexdigest() == told[1]
    assert {"LICENSE-htm", "LICENSE-preact"} <= {path.name for path in (STATIC / "vendor").iterdir()}


def test_modules_stay_readable_and_ask_nobody_else() -> None:
    for name in SERVED:
        text = (STATIC / name).read_text()
        if name.startswith("vendor/") or name.endswith(".svg"):
            continue
        assert len(text.splitlines()) <= 300, name
        assert not re.search(r"https?://(?!example\.com)|innerHTML|eval\(|setInterval\(.*fetch", text), name


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_what_the_page_works_out() -> None:
    files = sorted(map(str, (Path(__file__).parent / "page").glob("*.mjs")))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@needs_chromium
def test_a_tasks_life_appears_by_itself() -> None:
    with MockServer() as mock, chromium() as browser:
        watched = Watched(browser, mock)
        page = watched.open()
        page.get_by_text("No task yet.").wait_for()
        task_id = httpx.post(f"{mock.url}/v1/videos/generations", json=MINIMAL, headers=mock.headers).json()["id"]
        row = page.get_by_role("row").filter(has_text=task_id[-8:])
        row.filter(has_text="pending").wait_for()
        mock.advance(seconds=10)
        row.filter(has_text="completed").wait_for()
        row.click()
        page.get_by_text("It completed after 5 s; 7 credits were charged.").wait_for()
        watched.calm()
