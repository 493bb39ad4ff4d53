"""Wrong: serves one connection at a time, so that a slow sender keeps all others waiting."""

from http.server import HTTPServer

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    server_class = HTTPServer


if __name__ == "__main__":
    main(Receiver)
