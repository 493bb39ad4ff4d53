"""Names of requests, told in a header of each answer. Drawn from the seed and their number, so that runs repeat."""

from hashlib import blake2b

from mockserver.web.http.exchange import Answer


class RequestIds:
    """Numbers the requests of one server."""

    def __init__(self, header: str, seed: int) -> None:
        self._header = header
        self._seed = str(seed).encode()
        self._number = 0

    def name(self, answer: Answer) -> None:
        """Give the next request's id to its answer."""
        self._number += 1
        answer.request_id = blake2b(b"%b\x1frequest\x1f%d" % (self._seed, self._number), digest_size=16).hexdigest()
        answer.add_header(self._header, answer.request_id)

    def restart(self) -> None:
        self._number = 0
