"""A task and an account as the documents speak of them: the values that a body is filled with."""

from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Raw

from mockserver.contract.behaviour import Failure
from mockserver.contract.shape import COMPLETED, FAILED, OPEN
from mockserver.runtime.clock import LAST_MS
from mockserver.simulation.file import File
from mockserver.simulation.ledger import UC_PER_CREDIT, Book
from mockserver.simulation.limits import Account
from mockserver.simulation.task import State, Task
from mockserver.web.files.links import FileLinks

USD_PER_CREDIT = 68
CNY_PER_CREDIT = 10


def in_credits(amount_uc: int) -> int | float:
    """uc as credits: whole where it is whole, else with at most four decimals."""
    whole, rest = divmod(amount_uc, UC_PER_CREDIT)
    return amount_uc / UC_PER_CREDIT if rest else whole


class TaskView:
    """A task at a moment. Attributes carry the names that contract.shape asks for."""

    def __init__(
        self,
        task: Task,
        now_ms: int,
        *,
        user_group: str,
        public_url: str = "",
        failures: dict[str, Failure] | None = None,
    ) -> None:
        self._task, self._now_ms = task, now_ms
        self.user_group = user_group
        self._public_url, self._failures = public_url, failures or {}
        self.id = task.id
        self.model = task.terms.model
        self.object = task.terms.object
        self.type = task.terms.type

    @property
    def variant(self) -> str:
        if self._task.state is State.COMPLETED:
            return COMPLETED
        return FAILED if self.status == State.FAILED else OPEN

    @property
    def created(self) -> int:
        return self._task.submitted_ms // 1000

    @property
    def progress(self) -> int:
        return self._task.progress(self._now_ms)

    @property
    def status(self) -> str:
        """A cancelled task reads as failed where its document knows no `cancelled` (facts, section 2)."""
        return self._task.terms.cancelled_as if self._task.state is State.CANCELLED else self._task.state

    @property
    def can_cancel(self) -> bool:
        return self._task.terms.can_cancel and not self._task.ended

    @property
    def estimated_time(self) -> int:
        return self._task.terms.estimated_s

    @property
    def video_duration(self) -> int:
        return (self._task.terms.length_ms + 500) // 1000

    @property
    def billing_rule(self) -> str:
        return self._task.terms.billing_rule

    @property
    def credits_reserved(self) -> int | float:
        return in_credits(self._task.terms.reserve_uc)

    @property
    def credits_used(self) -> int | float:
        return self.credits_reserved

    @property
    def cost(self) -> dict[str, int | float]:
        """Rates as observed (facts, section 6): 68 credits a USD, 10 a CNY."""
        amount_uc = self._task.terms.reserve_uc
        return {
            "credits": self.credits_reserved,
            "usd": round(amount_uc / UC_PER_CREDIT / USD_PER_CREDIT, 6),
            "cny": round(amount_uc / UC_PER_CREDIT / CNY_PER_CREDIT, 6),
        }

    @property
    def charge_status(self) -> str:
        if self._task.state is State.COMPLETED:
            return "charged"
        return "not_charged" if self._task.ended else "pending"

    @property
    def refund_status(self) -> str:
        return "refunded" if self.charge_status == "not_charged" else "none"

    @property
    def charged_credits(self) -> int | float:
        return self.credits_reserved if self._task.state is State.COMPLETED else 0

    @property
    def refunded_credits(self) -> int | float:
        return self.credits_reserved if self.charge_status == "not_charged" else 0

    @property
    def refunded_at(self) -> int:
        return (self._task.ended_ms or self._now_ms) // 1000

    @property
    def duration(self) -> int:
        return ((self._task.ended_ms or self._now_ms) - self._task.submitted_ms) // 1000

    @property
    def results(self) -> list[str]:
        ending = self._task.terms.sample.rpartition(".")[2]
        return [
            f"{self._public_url}/media/{self._task.id}/{index}.{ending}" for index in range(self._task.terms.results)
        ]

    @property
    def result_data(self) -> list[dict[str, str]]:
        return [{"url": url} for url in self.results]

    @property
    def error_code(self) -> str | None:
        return self._task.failure

    @property
    def error_message(self) -> str:
        if self._task.failure_message is not None:
            return self._task.failure_message
        return self._failures[self._task.failure].message if self._task.failure in self._failures else ""

    @property
    def error_type(self) -> str:
        return "task_error"


class SubmittedView(TaskView):
    """A task as its submission was answered, whatever became of it since."""

    variant = OPEN
    progress = 0
    status = State.PENDING

    @property
    def can_cancel(self) -> bool:
        return self._task.terms.can_cancel


class ListedView(TaskView):
    """A task as a list shows it, without what only its own query tells."""

    def __init__(self, task: Task, now_ms: int) -> None:
        super().__init__(task, now_ms, user_group="")

    @property
    def created_at(self) -> int:
        return self.created

    @property
    def has_results(self) -> bool:
        return self.result_count > 0

    @property
    def result_count(self) -> int:
        return self._task.terms.results if self._task.state is State.COMPLETED else 0

    @property
    def has_error(self) -> bool:
        return self.variant == FAILED

    @property
    def credits_used(self) -> int | float:
        return self.charged_credits


class CreditsView:
    """An account's credits. A token without a limit shows what the user has (assumed)."""

    def __init__(self, book: Book) -> None:
        user, token = book.user, book.token
        self.user_remaining = in_credits(user.available)
        self.user_used = in_credits(user.charged)
        self.token_unlimited = token is None
        self.token_remaining = in_credits((token or user).available)
        self.token_used = in_credits((token or user).charged)


class FileView:
    """An uploaded file with its links and its times."""

    def __init__(self, file: File, links: FileLinks) -> None:
        self.id, self.name, self.original_name = file.id, file.name, file.original_name
        self.size, self.mime_type, self.upload_path = file.size, file.mime_type, file.upload_path
        self.file_url, self.download_url = links.shown(file), links.saved(file)
        self.upload_time, self.expires_at = _iso(file.uploaded_ms), _iso(file.expires_ms)


class PageView(NamedTuple):
    """One page of a list of files."""

    total: int
    page: int
    page_size: int
    files: list[Raw]


class QuotaView:
    """How many files an account has and may have."""

    def __init__(self, account: Account, used: int, most: int) -> None:
        self.user_group = account.user_group
        self.used, self.most, self.left = used, most, max(0, most - used)
        self.is_custom = account.max_files is not None
        self.reason = "Set through the control API" if self.is_custom else ""


def _iso(at_ms: int) -> str:
    """ISO 8601 in UTC, to the second; it has no words for what comes after the year 9999."""
    return datetime.fromtimestamp(min(at_ms, LAST_MS) // 1000, UTC).isoformat()
