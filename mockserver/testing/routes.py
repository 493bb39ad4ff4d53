"""The order in which respx asks the routes of a mock in process."""

from collections.abc import Iterator

from respx import Route
from respx.models import RouteList

_SAYS_NOTHING_OF_THE_API = {"method", "scheme"}


class Routes(RouteList):
    """A test's own routes come before the mock's, so that it can answer a request to the API otherwise.

    Those that take whatever comes stay behind it: `route().pass_through()` is to let other hosts through, not to ask
    the live API.
    """

    def __init__(self, of_mock: Route) -> None:
        super().__init__()
        self._of_mock = self.add(of_mock)

    def __iter__(self) -> Iterator[Route]:
        return iter(sorted(super().__iter__(), key=self._turn))

    def _turn(self, route: Route) -> int:
        if route is self._of_mock:
            return 1
        return 0 if {one.key for one in route.pattern or ()} - _SAYS_NOTHING_OF_THE_API else 2
