"""Where printed and displayed things go: the iopub channel, each with the request that caused it.

Text is gathered on the native side in the order it was written, stdout and stderr together, and sent after a tenth of a
second, or before anything else that is published: so a reply, a picture or a traceback never overtakes a line.
What child processes and C code write to descriptor 1 joins that order; what they write to descriptor 2 stays where the launcher
put it.
"""

import io
import sys

from ipykernel.displayhook import ZMQShellDisplayHook
from ipykernel.jsonutil import encode_images, json_clean
from ipykernel.zmqshell import ZMQDisplayPublisher
from traitlets import Any

from . import parent as parents


class OutStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the user's code. May be written from any thread, and from forked children."""

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, native, name, original):
        self._native = native
        self._index = 0 if name == "stdout" else 1
        self.name = f"<{name}>"
        self._original = original

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            try:
                self._native.write(self._index, text, parents.current())
            except UnicodeEncodeError:
                # Lone surrogates, such as those of undecodable file names, cannot be sent as UTF-8.
                readable = text.encode("utf-8", self.errors).decode("utf-8")
                self._native.write(self._index, readable, parents.current())
        return len(text)

    def flush(self):
        self._native.flush()

    def fileno(self):
        """The process's own: what subprocesses get when they are handed this stream."""
        return self._original.fileno()

    def isatty(self):
        return False

    def writable(self):
        return True

    def readable(self):
        return False

    def set_parent(self, parent):
        """ipykernel's way of telling a stream its request; here the request is known already."""


class _FromTheRunningRequest:
    """Takes the parent header from the request that is running, instead of being told it for each request."""

    @property
    def parent_header(self):
        return parents.header_of(parents.current())

    @parent_header.setter
    def parent_header(self, value):
        """ipykernel's constructors set an empty one; the running request is the only truth here."""

    def set_parent(self, parent):
        """See ``OutStream.set_parent``."""


class DisplayPublisher(_FromTheRunningRequest, ZMQDisplayPublisher):
    """``display()`` and ``clear_output()``."""

    session = Any(allow_none=True)

    def _flush_streams(self):
        """Not needed: the native side sends waiting text before any message."""


class DisplayHook(_FromTheRunningRequest, ZMQShellDisplayHook):
    """The value of a cell's last expression."""

    session = Any(allow_none=True)

    def write_format_data(self, format_dict, md_dict=None):
        if self.msg:
            self.msg["content"]["data"] = json_clean(encode_images(format_dict))
            self.msg["content"]["metadata"] = md_dict or {}


class DataPublisher:
    """``ipyparallel.datapub.publish_data``: sends objects while the code that makes them is still running."""

    topic = b"datapub"

    def __init__(self, session):
        self.session = session

    def publish_data(self, data):
        """Publish a dict; its values are serialized as those of apply are."""
        from ipyparallel.serialize import serialize_object

        buffers = serialize_object(
            data, buffer_threshold=self.session.buffer_threshold, item_threshold=self.session.item_threshold
        )
        self.session.send(
            None,
            "data_message",
            {"keys": list(data)},
            parent=parents.header_of(parents.current()),
            buffers=buffers,
            ident=self.topic,
        )

    def set_parent(self, parent):
        """See ``OutStream.set_parent``."""


def redirect(native):
    """Send ``sys.stdout`` and ``sys.stderr`` to the clients from now on."""
    sys.stdout = OutStream(native, "stdout", sys.__stdout__)
    sys.stderr = OutStream(native, "stderr", sys.__stderr__)
    sys.__stdout__.flush()
    native.begin_capture()


def restore(native):
    """Give the process its own streams back."""
    sys.__stdout__.flush()
    native.end_capture()
    sys.stdout = sys.__stdout__
    sys.stderr = sys.__stderr__
