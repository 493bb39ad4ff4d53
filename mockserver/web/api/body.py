"""Bodies of tasks: the answer to a submission, and what a query (and so a callback) says.

What never changes about tasks of the same terms is filled into the document's template once.
"""

from collections.abc import Callable

from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.contract.shape import COMPLETED, FAILED, OPEN, Shape, Template
from mockserver.simulation.task import Task, Terms
from mockserver.simulation.world import World
from mockserver.web.api.view import SubmittedView, TaskView

_BY_TERMS = frozenset(
    ("model", "object", "type", "estimated_time", "video_duration", "billing_rule", "credits_reserved", "user_group")
)
_BY_STATE = frozenset(("progress", "status", "can_cancel"))
_BY_CHARGE = frozenset(
    ("cost", "credits_used", "charge_status", "charged_credits", "refund_status", "refunded_credits")
)
_BY_SUBMISSION = _BY_TERMS | _BY_STATE
_FIXED = {OPEN: _BY_TERMS, COMPLETED: _BY_TERMS | _BY_STATE | _BY_CHARGE, FAILED: _BY_TERMS}
"""What is the same for all tasks of the same terms and user group, in each variant of the body."""
_TEMPLATES_LIMIT = 10_000


class TaskBodies:
    """Renders bodies of tasks. `public_url` is asked each time: it may change; `tell` hears before whom a callback
    tells something."""

    def __init__(
        self, registry: Registry, public_url: Callable[[], str], tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._registry, self._public_url, self._tell = registry, public_url, tell
        self._templates: dict[tuple[int, int, str, str], tuple[Terms, Template]] = {}

    def submitted(self, operation: Operation, task: Task, user_group: str) -> bytes:
        """How the submission of this task was answered, whatever became of it since."""
        view = SubmittedView(task, task.submitted_ms, user_group=user_group)
        return self._template(operation.shape, OPEN, task.terms, view, _BY_SUBMISSION).render(view)

    def detail(self, task: Task, now_ms: int, user_group: str) -> bytes:
        """What a query of this task answers at this moment."""
        return self.by(self._registry.task_shape(task.terms.model), task, now_ms, user_group)

    def by(self, shape: Shape, task: Task, now_ms: int, user_group: str) -> bytes:
        """A body of this shape about a task at this moment."""
        view = TaskView(
            task,
            now_ms,
            user_group=user_group,
            public_url=self._public_url(),
            failures=self._registry.failures,
        )
        variant = view.variant
        return self._template(shape, variant, task.terms, view, _FIXED[variant]).render(view)

    def callback(self, world: World, task_id: str) -> bytes:
        """What a callback says of a task: what a query would answer."""
        self._tell(world.name)
        return self.detail(world.tasks[task_id], world.now_ms, world.account.user_group)

    def _template(self, shape: Shape, variant: str, terms: Terms, view: TaskView, fixed: frozenset[str]) -> Template:
        """The template bound to these terms. Terms are told apart by identity: equal ones are shared, and the
        entry keeps them alive."""
        key = (id(shape), id(terms), variant, view.user_group)
        known = self._templates.get(key)
        if known is None:
            if len(self._templates) >= _TEMPLATES_LIMIT:
                self._templates.clear()
            known = self._templates[key] = (terms, shape.templates[variant].bound(view, fixed))
        return known[1]
