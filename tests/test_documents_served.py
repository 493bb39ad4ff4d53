"""What tells a program or a person what there is: `/`, and the documents as JSON."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import MakeMock
from tests.documents import check, message
from tests.house import CREATE, MODEL, Mock
from tests.mounted import INVENTED

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("accept", [{}, {"accept": "*/*"}, {"accept": "application/json"}])
def test_a_program_is_told_what_is_served(mock: Mock, accept: dict[str, str]) -> None:
    front = check(mock.get("/", key=None, headers=accept), "getFront", "control")
    assert {"method": "POST", "path": CREATE} in front["serves"]
    assert front["models"] == [MODEL]


@pytest.mark.parametrize("path", ["/openapi.json", "/_mock/openapi.json", "/_mock/docs", "/_mock/", "/_mock/health"])
def test_the_front_leads_to_what_answers(mock: Mock, path: str) -> None:
    assert path in mock.get("/").json()["see"].values()
    assert mock.get(path, key=None).status_code == 200


def test_a_browser_is_led_to_the_page(mock: Mock) -> None:
    answer = mock.get("/", key=None, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (302, "/_mock/", "accept")


def test_each_document_is_served_as_it_is_used(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED / "video.json",))
    names = mock.get("/").json()["documents"]
    assert names == ["evolink.yaml", "files.yaml", "video.json"]
    assert mock.get("/openapi.json").json() == mock.get("/openapi.json", params={"document": names[0]}).json()
    for name in names:
        OpenAPIV31SpecValidator(mock.get("/openapi.json", params={"document": name}).json()).validate()
    assert message(mock.get("/openapi.json", params={"document": "x"})).endswith(f"allowed: {', '.join(names)}")


def test_the_control_document_describes_itself(mock: Mock) -> None:
    document = mock.get("/_mock/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["paths"]["/_mock/openapi.json"]["get"]["operationId"] == "getControlDocument"


def test_a_document_that_is_not_mounted_is_told_by_name(mock: Mock) -> None:
    told = message(mock.get("/_mock/docs?document=other.yaml"))
    assert told == 'document: received "other.yaml"; allowed: evolink.yaml, files.yaml'
    assert mock.get("/_mock/docs?document=files.yaml").text == mock.get("/_mock/docs").text


def test_with_a_token_the_documents_are_open_and_what_they_describe_is_not(make_mock: MakeMock) -> None:
    mock = make_mock(control_token="secret")
    for path in ("/", "/openapi.json", "/_mock/openapi.json", "/_mock/docs"):
        assert mock.get(path, key=None).status_code == 200, path
    assert mock.get("/_mock/tasks", key=None).status_code == 401
    assert mock.get("/_mock/tasks", key="secret").status_code == 200
