"""The generation API over HTTP, as documented."""

import pytest

from tests.house import CREATE, MINIMAL, MODEL, Mock


def test_documented_request_gets_the_documented_answer(mock: Mock) -> None:
    response = mock.submit()
    assert response.status_code == 200
    body = response.json()
    task_id = body.pop("id")
    assert task_id.startswith("task-unified-1757169743-")
    assert body == {
        "created": 1757169743,
        "model": MODEL,
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": True, "estimated_time": 300, "video_duration": 9},
        "type": "video",
        "usage": {"billing_rule": "per_call", "credits_reserved": 7, "user_group": "default"},
    }


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_401(mock: Mock, key: str | None) -> None:
    response = mock.post(CREATE, MINIMAL, key=key)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"
