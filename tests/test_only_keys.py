"""`--only-key`: the API keys there are, so that a wrong one can be tested."""

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.web.app import Application
from mockserver.web.options import Options
from tests.conftest import MakeMock
from tests.house import KEY, MINIMAL, OTHER_KEY

PATHS = (("POST", "/v1/videos/generations"), ("GET", "/v1/tasks/task-unified-1-a"), ("GET", "/v1/credits"))


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_any_other_key_is_answered_401_and_opens_no_account(make_mock: MakeMock, method: str, path: str) -> None:
    mock = make_mock(only_keys=(KEY,))
    body = MINIMAL if method == "POST" else None
    assert mock.request(method, path, key=KEY, json=body).status_code in (200, 404)
    for wrong in (OTHER_KEY, KEY[:-1], f"{KEY}x", KEY.upper()):
        refused = mock.request(method, path, key=wrong, json=body)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        assert wrong not in refused.text
    assert len(mock.get("/_mock/ledger").json()["accounts"]) <= 1


def test_every_key_that_is_named_is_an_account(make_mock: MakeMock) -> None:
    mock = make_mock(only_keys=(KEY, OTHER_KEY))
    assert mock.get("/v1/tasks/" + mock.task_id(key=OTHER_KEY), key=KEY).status_code == 403


def test_no_key_is_told(make_mock: MakeMock) -> None:
    mock = make_mock(only_keys=(KEY,))
    assert KEY not in mock.get("/_mock/health").text
    assert KEY not in repr(mock.app.options)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"/_mock/accounts/{OTHER_KEY}", {"credits": 5}),
        ("PUT", f"/_mock/clock?key={OTHER_KEY}", {"mode": "manual"}),
        ("POST", f"/_mock/clock/advance?key={OTHER_KEY}", {"ms": 5}),
        ("POST", f"/_mock/scenarios?key={OTHER_KEY}", {"name": "x"}),
    ],
)
def test_nor_does_the_control_api_make_an_account_of_it(
    make_mock: MakeMock, method: str, path: str, body: dict[str, object]
) -> None:
    mock = make_mock(only_keys=(KEY,))
    refused = mock.request(method, path, json=body)
    assert (refused.status_code, "--only-key" in refused.json()["error"]["message"]) == (400, True)
    assert mock.request(method, path.replace(OTHER_KEY, KEY), json=body).status_code in (200, 201)
    assert len(mock.get("/_mock/ledger").json()["accounts"]) == 1


@pytest.mark.parametrize("key", ["", " ", "two words", "tail "])
def test_a_key_that_no_header_carries_is_wrong_usage(key: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--only-key", key])
    assert done.exit_code == 2
    assert "--only-key: received" in done.output


def test_the_banner_shows_a_line_that_works_and_no_key() -> None:
    from mockserver.config import banner

    told = banner(Application(Options(only_keys=(KEY,))), "http://127.0.0.1:1")
    assert "$EVOLINK_API_KEY" in told
    assert KEY not in told
