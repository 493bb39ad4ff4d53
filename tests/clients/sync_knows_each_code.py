"""Mistake: a failure with a code that it does not know is none, and is waited for."""

from typing import Any

from sync_correct import Client, main

FINAL = ("content_policy_violation", "invalid_parameters", "service_error", "unknown_error")


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        if task["status"] == "failed" and task["error"]["code"] not in FINAL:
            return False
        return super().is_done(task)


main(Mistaken())
