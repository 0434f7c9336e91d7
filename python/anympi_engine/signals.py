"""What the signals mean to an engine.

SIGINT stops the code that is running, and means nothing when none is: a Ctrl-C on a terminal reaches every process of the
cluster, and only the client decides when engines end. SIGTERM ends the engine. Handlers that user code installs, for these
or for others, are ordinary Python handlers: they run on the main thread, while code runs and in between.
"""

import os
import signal
import threading

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
        os.register_at_fork(
            before=self.before_fork, after_in_parent=self.watch, after_in_child=self.in_forked_child
        )

    def watch(self):
        """Point Python's wake-up descriptor at the engine (user code, such as asyncio, may have taken it)."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._engine.wakeup_descriptor(), warn_on_full_buffer=False)

    def before_fork(self):
        """Let go of the descriptor: a signal to the child must not look like one to the engine."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)

    def in_forked_child(self):
        """A child is no engine: signals mean to it what they mean to any Python."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._engine.forked()

    def _interrupt(self, number, frame):
        if self.running:
            raise KeyboardInterrupt
        native.log("warning", "ignoring SIGINT: no code is running (SIGTERM ends an engine)")

    def _terminate(self, number, frame):
        self._engine.stop("received SIGTERM")
        if self.running:
            raise EngineExit
