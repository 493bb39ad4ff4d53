"""Who may do what: keys, other people's tasks, unknown ids, models, formats, rate limits."""

from typing import Any

from contract_tests.document import CREATE, MODEL, contract_document
from contract_tests.server.probes.auditor import Auditor
from contract_tests.server.probes.probe import Need, Setting, probe
from contract_tests.server.probes.shelf import Item
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Case
from contract_tests.server.talk.target import UnmetError

_UNKNOWN = "task-unified-1757169743-00000000"
_SENTINEL = "https://example.com/"


@probe("ERROR-CODE-KNOWN")
def without_a_key(setting: Setting) -> None:
    """Every operation refuses a request without a key; the code of the refusal is judged as of every error."""
    case = setting.case()
    for path in (f"/v1/tasks/{_UNKNOWN}", "/v1/credits"):
        case.send("GET", path, key=None)
    case.send("POST", CREATE, key=None, json={})


@probe("TASK-UNKNOWN-IS-404", "TASK-WRONG-ID-IS-400", needs={Need.KEY})
def task_ids(setting: Setting) -> None:
    case = setting.case()
    answer = case.task(_UNKNOWN)
    setting.judge.that("TASK-UNKNOWN-IS-404", (answer.status, answer.code) == (404, "task_not_found"), answer.told)
    for wrong in ("7cvnl5zw", "task-1757169743-7cvnl5zw", "TASK-UNIFIED-1757169743-7cvnl5zw"):
        answer = case.task(wrong)
        refused = (answer.status, answer.code, answer.at("error", "param")) == (400, "invalid_task_id", "task_id")
        received = f"{answer.told}, param {reading.shown(answer.at('error', 'param'))} for {wrong}"
        setting.judge.that("TASK-WRONG-ID-IS-400", refused, received, "400 invalid_task_id, param task_id")


@probe("TASK-FOREIGN-IS-CLOSED", needs={Need.KEY, Need.OTHER_KEY})
def foreign_task(setting: Setting) -> None:
    """Somebody else's task is forbidden, before its end and after."""
    stranger, task_id = setting.case(other=True), _somebodys_task(setting)
    for _ in range(2):
        answer = stranger.task(task_id)
        if answer.status == 401:
            raise UnmetError("the second API key is not accepted: 401")
        closed = (answer.status, answer.code) == (403, "permission_denied") and answer.at("status") is None
        setting.judge.that("TASK-FOREIGN-IS-CLOSED", closed, answer.told, "403 permission_denied, and nothing else")
        if setting.target.control is not None:
            setting.control.end(task_id, "complete")


def _somebodys_task(setting: Setting) -> str:
    """A task of the first key: on a mock a new one, elsewhere one that was paid for."""
    if setting.target.control is not None:
        return setting.case(credits=10_000).buy()
    ended = setting.target.memory.ended
    return ended[0] if ended else setting.shelf.get(Item.PLAIN).id


@probe("VIDEO-FORMAT", needs={Need.KEY})
def refused_videos(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    setting.require_valid_taken(case)
    for ending in ("avi", "webm", "mp4.exe"):
        setting.refused("VIDEO-FORMAT", case, f".{ending}", video_urls=[f"{_SENTINEL}street.{ending}"])


@probe("IMAGE-FORMAT", needs={Need.KEY})
def refused_images(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    setting.require_valid_taken(case)
    for ending in ("gif", "bmp"):
        setting.refused("IMAGE-FORMAT", case, f".{ending}", image_urls=[f"{_SENTINEL}winter.{ending}"])


@probe("VIDEO-FORMAT", "IMAGE-FORMAT", needs={Need.CONTROL})
def accepted_formats(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    case.buy()
    for url in (f"{_SENTINEL}street.mp4", f"{_SENTINEL}street.mov", f"{_SENTINEL}STREET.MP4?size=1"):
        answer = case.submit(video_urls=[url])
        setting.judge.that("VIDEO-FORMAT", answer.status == 200, f"{answer.told} for {url}", "200")
    images = [f"{_SENTINEL}winter.{ending}" for ending in ("jpg", "jpeg", "png", "webp")]
    answer = case.submit(image_urls=images)
    setting.judge.that("IMAGE-FORMAT", answer.status == 200, f"{answer.told} for {', '.join(images)}", "200")


@probe("PROMPT-LENGTH", needs={Need.KEY})
def long_prompts(setting: Setting) -> None:
    """As long as the document allows, and a character longer: nothing else is wrong with it."""
    case, most = setting.case(credits=10_000), request_schema()["prompt"]["maxLength"]
    setting.require_valid_taken(case)
    if setting.target.control is not None:
        answer = case.submit(prompt="x" * most)
        setting.judge.that("PROMPT-LENGTH", answer.status == 200, f"{answer.told} for {most} characters", "200")
    for more in (most + 1, 2 * most):
        setting.refused("PROMPT-LENGTH", case, f"{more} characters", prompt="x" * more)


@probe("IMAGE-COUNT", needs={Need.KEY})
def image_counts(setting: Setting) -> None:
    case, most = setting.case(credits=10_000), request_schema()["image_urls"]["maxItems"]
    setting.require_valid_taken(case)
    image = setting.target.settings.image_url or f"{_SENTINEL}winter.jpg"
    for count in (1, most) if setting.target.control is not None else ():
        answer = case.submit(image_urls=[image] * count)
        setting.judge.that("IMAGE-COUNT", answer.status == 200, f"{answer.told} for {count} images", "200")
    for count in (0, most + 1):
        setting.refused("IMAGE-COUNT", case, f"{count} images", image_urls=[image] * count)


@probe("VIDEO-COUNT", needs={Need.KEY})
def video_counts(setting: Setting) -> None:
    case, video = setting.case(credits=10_000), setting.target.settings.video_url
    setting.require_valid_taken(case)
    for count in (0, 2):
        setting.refused("VIDEO-COUNT", case, f"{count} videos", video_urls=[video] * count)


@probe("FIELDS-REQUIRED", needs={Need.KEY})
def required_fields(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    setting.require_valid_taken(case)
    for name in contract_document()["components"]["schemas"]["VideoRequest"]["required"]:
        setting.refused("FIELDS-REQUIRED", case, f"a request without {name}", **{name: None})


def request_schema() -> dict[str, Any]:
    """The properties of a submission, by their names."""
    properties: dict[str, Any] = contract_document()["components"]["schemas"]["VideoRequest"]["properties"]
    return properties


@probe("MODEL-DENIED-IS-403", needs={Need.CONTROL})
def denied_model(setting: Setting) -> None:
    case = setting.case(credits=10_000)
    case.buy()
    setting.control.account(case.key, models=["another-model"])
    auditor = Auditor(setting.judge)
    auditor.balanced(case.credits().body)
    answer = case.submit()
    names = MODEL in str(answer.at("error", "message"))
    denied = (answer.status, answer.code) == (403, "model_access_denied") and names
    setting.judge.that("MODEL-DENIED-IS-403", denied, answer.told, "403 model_access_denied that names the model")
    if answer.status == 403:
        auditor.changes.refused.append("403")
        auditor.balanced(case.credits().body)


_WINDOW_S = 61


@probe(
    "RATE-LIMIT-IS-429",
    "RATE-LIMIT-RESERVES-NOTHING",
    "RATE-LIMIT-ENDS",
    "RATE-LIMIT-SAYS-WHEN",
    needs={Need.CONTROL},
)
def rate_limit(setting: Setting) -> None:
    """Two a minute: the third is refused, for nothing, until the window is over."""
    case = setting.case(credits=10_000)
    setting.control.account(case.key, requests_per_minute=2)
    auditor = Auditor(setting.judge)
    first, second = case.submit(), case.submit()
    for answer in (first, second):
        setting.judge.that("RATE-LIMIT-IS-429", answer.status == 200, answer.told, "200 within the limit")
    auditor.balanced(case.credits().body)
    answer = case.submit()
    limited = (answer.status, answer.code) == (429, "rate_limit_exceeded")
    setting.judge.that("RATE-LIMIT-IS-429", limited, answer.told, "429 rate_limit_exceeded")
    if answer.status == 429:
        auditor.balanced(case.credits().body, only="RATE-LIMIT-RESERVES-NOTHING")
        _judge_wait(setting, case, reading.seconds_told(answer.headers.get("retry-after"), setting.control.now_s()))


def _judge_wait(setting: Setting, case: Case, told_s: float | None) -> None:
    """Who waits as long as was asked for is served; and in any case once the window is over."""
    wait_s = min(told_s or 0.0, _WINDOW_S)
    case.let_pass(wait_s)
    on_time = case.submit() if told_s is not None else None
    case.let_pass(_WINDOW_S - wait_s)
    late = case.submit()
    setting.judge.that("RATE-LIMIT-ENDS", late.status == 200, late.told, "200 once the window is over")
    if on_time is not None and late.status == 200:
        received = f"{on_time.told} after the {told_s:g} s of Retry-After"
        setting.judge.that("RATE-LIMIT-SAYS-WHEN", on_time.status == 200, received, "200 after the wait asked for")


PROBES = (
    without_a_key,
    task_ids,
    foreign_task,
    refused_videos,
    refused_images,
    accepted_formats,
    long_prompts,
    image_counts,
    video_counts,
    required_fields,
    denied_model,
    rate_limit,
)
COMPARING = (foreign_task, refused_videos, refused_images, long_prompts, image_counts, video_counts, required_fields)
"""What needs a submission that was accepted."""
