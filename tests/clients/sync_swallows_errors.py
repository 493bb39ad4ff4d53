"""Mistake: `except Exception: print(...)` around it all; a broken answer ends the program well."""

import contextlib
from typing import Any

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        try:
            return self.send(method, path, body, headers or {})
        except ValueError as error:
            raise BrokenAnswerError from error
        except OSError:
            return super().call(method, path, body, headers)


class BrokenAnswerError(GivenUpError):
    """An answer that is no JSON."""


class Quiet(Mistaken):
    def run(self) -> None:
        with contextlib.suppress(BrokenAnswerError):
            super().run()


main(Quiet())
