"""Who may use the control API: this machine, or whoever has the token; no web page from elsewhere."""

import re

import pytest

from tests.conftest import MakeMock
from tests.documents import message, operations
from tests.house import KEY, Mock


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "localhost", "LOCALHOST:1", "localhost.:8787", "[::1]:8787", "127.8.8.8", "[::1]"]
)
def test_control_is_open_to_programs_of_this_machine(mock: Mock, host: str) -> None:
    assert mock.get("/_mock/health", headers={"host": host}).status_code == 200


def test_a_token_may_be_in_any_script(make_mock: MakeMock) -> None:
    mock = make_mock(control_token="geheim-\u00fc")
    right = {"authorization": "Bearer geheim-\u00fc".encode()}
    assert mock.request("GET", "/_mock/health", key=None, headers=right).status_code == 200
    assert mock.get("/_mock/health", key="geheim-u").status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "192.168.1.5:8787",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "8.8.8.8",
        "0.0.0.0",
        "[",
        "[::1",
        "a]:1",
        "a b",
        ":",
        "evil@127.0.0.1@x",
    ],
)
def test_a_foreign_host_is_turned_away(mock: Mock, host: str) -> None:
    for path in ("/_mock/health", "/_mock/nothing", "/_mock"):
        assert message(mock.get(path, headers={"host": host}), 403)
    assert mock.get("/v1/credits", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8787", "http://127.0.0.1:9999", "http://[", "x"]
)
def test_a_foreign_origin_is_turned_away(mock: Mock, origin: str) -> None:
    mock.task_id()
    assert message(mock.post("/_mock/reset", headers={"origin": origin}), 403)
    assert mock.get("/_mock/tasks").json()["total"] == 1


def test_the_servers_own_pages_are_welcome(mock: Mock) -> None:
    assert mock.get("/_mock/health", headers={"origin": "http://127.0.0.1:8787"}).status_code == 200


def test_beyond_loopback_control_asks_for_its_token(make_mock: MakeMock) -> None:
    mock = make_mock(loopback=False, control_token="open-sesame")
    for key in (None, "", KEY, "open-sesam", "open-sesame2"):
        for one in (one for one in operations("control") if one.raw.get("security") != []):
            path = re.sub(r"{[^}]*}", "x", one.path)
            response = mock.request(one.method, path, key=key, headers={"host": "mock.example"})
            assert "token" in message(response, 401)
    response = mock.get("/_mock/health", key="open-sesame", headers={"host": "mock.example"})
    assert response.status_code == 200
    assert "open-sesame" not in response.text
    assert "open-sesame" not in repr(mock.app.options)
    assert mock.get("/v1/credits", headers={"host": "mock.example"}).status_code == 200
