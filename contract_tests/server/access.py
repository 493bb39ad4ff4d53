"""Who may do what: keys, other people's tasks, unknown ids, models, formats, rate limits."""

from contract_tests.document import CREATE, MODEL
from contract_tests.server.auditor import Auditor
from contract_tests.server.probe import Need, Setting, probe
from contract_tests.server.target import Answer

UNKNOWN = "task-unified-1757169743-00000000"
_SENTINEL = "https://example.com/"


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.code}"


@probe("ERROR-CODE-KNOWN")
def without_a_key(setting: Setting) -> None:
    """Every operation refuses a request without a key; the code of the refusal is judged as of every error."""
    case = setting.case()
    for path in (f"/v1/tasks/{UNKNOWN}", "/v1/credits"):
        case.send("GET", path, key=None)
    case.send("POST", CREATE, key=None, json={})


@probe("TASK-UNKNOWN-IS-404", "TASK-WRONG-ID-IS-400")
def task_ids(setting: Setting) -> None:
    case = setting.case()
    answer = case.task(UNKNOWN)
    setting.judge.that("TASK-UNKNOWN-IS-404", (answer.status, answer.code) == (404, "task_not_found"), _told(answer))
    for wrong in ("7cvnl5zw", "task-1757169743-7cvnl5zw", "TASK-UNIFIED-1757169743-7cvnl5zw"):
        answer = case.task(wrong)
        refused = (answer.status, answer.code, answer.at("error", "param")) == (400, "invalid_task_id", "task_id")
        setting.judge.that("TASK-WRONG-ID-IS-400", refused, f"{_told(answer)} for {wrong}")


@probe("TASK-FOREIGN-IS-CLOSED", paid=1, needs={Need.OTHER_KEY})
def foreign_task(setting: Setting) -> None:
    """Somebody else's task is forbidden, before its end and after."""
    owner, stranger, ended = setting.case(), setting.case(other=True), setting.target.memory.ended
    task_id = ended[0] if ended and setting.target.control is None else str(owner.submit().at("id"))
    for _ in range(2):
        answer = stranger.task(task_id)
        closed = (answer.status, answer.code) == (403, "permission_denied") and answer.at("status") is None
        setting.judge.that("TASK-FOREIGN-IS-CLOSED", closed, _told(answer), "403 permission_denied, and nothing else")
        if setting.target.control is not None:
            setting.control.end(task_id, "complete")


@probe("VIDEO-FORMAT", "IMAGE-FORMAT")
def refused_formats(setting: Setting) -> None:
    case = setting.case()
    for ending in ("avi", "webm", "mp4.exe"):
        answer = case.submit_invalid(video_urls=[f"{_SENTINEL}street.{ending}"])
        refused = (answer.status, answer.code) == (400, "invalid_request")
        setting.judge.that("VIDEO-FORMAT", refused, f"{_told(answer)} for .{ending}", "400 invalid_request")
    for ending in ("gif", "bmp"):
        answer = case.submit_invalid(image_urls=[f"{_SENTINEL}winter.{ending}"])
        refused = (answer.status, answer.code) == (400, "invalid_request")
        setting.judge.that("IMAGE-FORMAT", refused, f"{_told(answer)} for .{ending}", "400 invalid_request")


@probe("VIDEO-FORMAT", "IMAGE-FORMAT", paid=2, needs={Need.CONTROL})
def accepted_formats(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    for url in (f"{_SENTINEL}street.mp4", f"{_SENTINEL}street.mov", f"{_SENTINEL}STREET.MP4?size=1"):
        answer = case.submit(video_urls=[url])
        setting.judge.that("VIDEO-FORMAT", answer.status == 200, f"{_told(answer)} for {url}", "200")
    images = [f"{_SENTINEL}winter.{ending}" for ending in ("jpg", "jpeg", "png", "webp")]
    answer = case.submit(image_urls=images)
    setting.judge.that("IMAGE-FORMAT", answer.status == 200, f"{_told(answer)} for {', '.join(images)}", "200")


@probe("MODEL-DENIED-IS-403", needs={Need.CONTROL})
def denied_model(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    setting.control.account(case.key, models=["another-model"])
    auditor = Auditor(setting.judge)
    auditor.balanced(case.credits().body)
    answer = case.submit()
    names = MODEL in str(answer.at("error", "message"))
    denied = (answer.status, answer.code) == (403, "model_access_denied") and names
    setting.judge.that("MODEL-DENIED-IS-403", denied, _told(answer), "403 model_access_denied that names the model")
    if answer.status == 403:
        auditor.changes.refused.append("403")
        auditor.balanced(case.credits().body)


@probe("RATE-LIMIT-IS-429", "RATE-LIMIT-RESERVES-NOTHING", "RATE-LIMIT-ENDS", needs={Need.CONTROL})
def rate_limit(setting: Setting) -> None:
    """Two a minute: the third is refused, for nothing, until the window is over."""
    case = setting.case(credits=10_000)
    setting.control.account(case.key, requests_per_minute=2)
    auditor = Auditor(setting.judge)
    first, second = case.submit(), case.submit()
    for answer in (first, second):
        setting.judge.that("RATE-LIMIT-IS-429", answer.status == 200, _told(answer), "200 within the limit")
    auditor.balanced(case.credits().body)
    answer = case.submit()
    limited = (answer.status, answer.code) == (429, "rate_limit_exceeded")
    setting.judge.that("RATE-LIMIT-IS-429", limited, _told(answer), "429 rate_limit_exceeded")
    if answer.status == 429:
        auditor.balanced(case.credits().body, only="RATE-LIMIT-RESERVES-NOTHING")
    case.let_pass(61)
    answer = case.submit()
    setting.judge.that("RATE-LIMIT-ENDS", answer.status == 200, _told(answer), "200 once the window is over")


PROBES = (
    without_a_key,
    task_ids,
    foreign_task,
    refused_formats,
    accepted_formats,
    denied_model,
    rate_limit,
)
