"""Wrong about what a callback may be: each class has one mistake."""

from typing import IO, Any

from tests.receivers.desk import Desk, main_of


class LacksOneCode(Desk):
    """Has a list of failure codes that somebody typed, and raises at the one that was left out."""

    lacking = "service_error"

    def outcome(self, task: dict[str, Any]) -> Any:
        if task.get("error", {}).get("code") == self.lacking:
            raise KeyError(self.lacking)
        return super().outcome(task)


class NeedsEveryField(Desk):
    """Reads fields that a task need not have."""

    def outcome(self, task: dict[str, Any]) -> Any:
        assert task["task_info"]["can_cancel"] in (True, False)
        return super().outcome(task)


class OneResult(Desk):
    """Unpacks the only result."""

    def outcome(self, task: dict[str, Any]) -> Any:
        [_] = task.get("results", [""])
        return super().outcome(task)


class VideosOnly(Desk):
    """Raises at any type but the one it was written for."""

    def outcome(self, task: dict[str, Any]) -> Any:
        return super().outcome(task) | {"kind": {"video": "film", "image": "picture"}[task.get("type", "video")]}


class GrepsTheBody(Desk):
    """Looks for words in the text instead of reading JSON."""

    def read(self, body: bytes) -> dict[str, Any] | None:
        words = (b'"status":"completed"', b'"status": "completed"', b'"status":"failed"', b'"status": "failed"')
        known = any(word in body for word in words) or b"processing" in body or b"cancelled" in body
        return super().read(body) if known else None


class CodesByName(Desk):
    """Translates the failure code by a table; another code is an error of its own."""

    def outcome(self, task: dict[str, Any]) -> Any:
        if task.get("error", {}).get("code", "").startswith("brand_new"):
            raise KeyError(task["error"]["code"])
        return super().outcome(task)


class PricesByModel(Desk):
    """Looks the model up, and raises where there is no price."""

    def outcome(self, task: dict[str, Any]) -> Any:
        if task["model"].startswith("brand-new"):
            raise KeyError(task["model"])
        return super().outcome(task)


class ShortColumn(Desk):
    """Stores links in a column of 255 characters."""

    def outcome(self, task: dict[str, Any]) -> Any:
        if any(len(link) > 255 for link in task.get("results", [])):
            raise OverflowError("value too long for type character varying(255)")
        return super().outcome(task)


class AsciiLog(Desk):
    """Writes the message of a failure to a log that takes nothing but ASCII."""

    def outcome(self, task: dict[str, Any]) -> Any:
        task.get("error", {}).get("message", "").encode("ascii")
        return super().outcome(task)


class ReadsAscii(Desk):
    """Reads JSON whose letters are all escaped."""

    def read(self, body: bytes) -> dict[str, Any] | None:
        return super().read(body.decode("ascii").encode())


class ReadsOnce(Desk):
    """Takes what the first read brings for the whole body."""

    def read_body(self, stream: IO[bytes], length: int) -> bytes:
        came: bytes = stream.read1(length)  # type: ignore[attr-defined]
        return came.ljust(length)


class ExactLetters(Desk):
    """Allows for a charset, but not for capitals."""

    def is_json(self, content_type: str) -> bool:
        return content_type.partition(";")[0].strip() == "application/json"


class SuccessUnlessFailed(Desk):
    """Whatever has not failed has been delivered."""

    def outcome(self, task: dict[str, Any]) -> Any:
        if task["status"] == "failed":
            return super().outcome(task)
        return {"is": "delivered", "files": task.get("results", [])}


class AnyStatusIsSuccess(SuccessUnlessFailed):
    """And a status that it does not know, too."""

    def report(self, task: dict[str, Any]) -> int:
        return 204 if task["status"] in ("pending", "processing") else self.end(task)

    def outcome(self, task: dict[str, Any]) -> Any:
        known = task["status"] in ("completed", "cancelled")
        return Desk.outcome(self, task) if known else super().outcome(task)


class RaisesAtAStatus(Desk):
    """Has an enum of statuses, and raises at another."""

    def report(self, task: dict[str, Any]) -> int:
        if task["status"] not in ("pending", "processing"):
            raise ValueError(f"{task['status']!r} is not a valid Status")
        return 204


class KeepsWhatCame(Desk):
    """Files what it could read of a body that was cut short."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts = 0

    def state(self) -> Any:
        return {"done": self.done, "drafts": self.drafts}

    def read_body(self, stream: IO[bytes], length: int) -> bytes:
        body = stream.read(length)
        self.drafts += len(body) < length
        return body


class TakesTextForATask(Desk):
    """Answers 200 to one kind of what is no task, named by `garbage`."""

    garbage = b"null"

    def receive(self, content_type: str, body: bytes) -> int:
        return 200 if body == self.garbage else super().receive(content_type, body)


if __name__ == "__main__":
    main_of(globals())
