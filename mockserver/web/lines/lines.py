"""Lines of one application: what hears of things, and the thread that prints them, from start to stop."""

import asyncio
import os
from typing import TextIO

from mockserver.web.app import Application
from mockserver.web.lines.feed import Feed
from mockserver.web.lines.printer import Form, Printer


class Lines:
    """`out` is where lines go. Its file is written past its buffer: whoever else prints there flushes first."""

    def __init__(self, application: Application, form: Form, out: TextIO) -> None:
        self._application = application
        self._feed = Feed(application.node.worlds, application.node.listeners)
        self._file = os.fdopen(os.dup(out.fileno()), "wb", buffering=0)
        self._printer = Printer(self._feed, form, self._file, out.encoding or "utf-8", self._detach)
        self._is_begun = False

    def start(self) -> None:
        """Print from now on; called on the loop that serves."""
        application, feed = self._application, self._feed
        application.journal.listeners.append(feed.request)
        application.control_told = feed.control
        if application.adviser is not None:
            application.adviser.listeners.append(feed.hint)
        feed.listen()
        self._printer.start(asyncio.get_running_loop())
        self._is_begun = True

    def close(self) -> None:
        """Print what is left, if that can be done soon."""
        self._detach()
        if not self._is_begun or self._printer.stop():
            self._file.close()

    def _detach(self) -> None:
        application, feed = self._application, self._feed
        if feed.request in application.journal.listeners:
            application.journal.listeners.remove(feed.request)
            application.control_told = None
        if application.adviser is not None and feed.hint in application.adviser.listeners:
            application.adviser.listeners.remove(feed.hint)
        feed.close()
