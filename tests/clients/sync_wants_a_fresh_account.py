"""Mistake: refuses to run with a key that has been used before."""

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def submit(self) -> str:
        used = self.call("GET", "/v1/credits")["data"]["user"]["used_credits"]
        if used:
            raise GivenUpError(f"{used} credits are spent already")
        return super().submit()


main(Mistaken())
