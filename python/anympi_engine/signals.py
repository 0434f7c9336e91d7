"""What the signals mean to an engine.

SIGINT stops the code that is running, and means nothing when none is: a Ctrl-C on a terminal reaches every process of the
cluster, and only the client decides when engines end. SIGTERM ends the engine. Handlers that user code installs, for these
or for others, are ordinary Python handlers: they run on the main thread, while code runs and in between.
"""

import signal

import anympi_python as native


class EngineExit(BaseException):
    """Raised on the main thread to unwind the code that is running when the engine must end."""


class Signals:
    """Installs the handlers; the kernel tells it when user code runs."""

    def __init__(self, engine):
        self._engine = engine
        #: True while user code runs on the main thread
        self.running = False

    def install(self):
        """Take SIGINT and SIGTERM, and have every signal wake the main thread when it waits for requests."""
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._terminate)
        self.watch()

    def watch(self):
        """Point Python's wake-up descriptor at the engine (user code, such as asyncio, may have taken it)."""
        try:
            signal.set_wakeup_fd(self._engine.wakeup_descriptor(), warn_on_full_buffer=False)
        except ValueError:
            native.log("warning", "signals cannot be watched outside the main thread")

    def _interrupt(self, number, frame):
        if self.running:
            raise KeyboardInterrupt
        native.log("warning", "ignoring SIGINT: no code is running (SIGTERM ends an engine)")

    def _terminate(self, number, frame):
        self._engine.stop("received SIGTERM")
        if self.running:
            raise EngineExit
