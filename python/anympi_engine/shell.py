"""The IPython shell that user code runs in.

A subclass of ipykernel's shell, because libraries look for one: ipyparallel's ``publish_data`` asks for
``ZMQInteractiveShell.instance()``, tqdm and matplotlib look at the class. There is no kernel event loop below it.
"""

from IPython.core.error import UsageError
from ipykernel.zmqshell import ZMQInteractiveShell
from traitlets import Type

from .output import DisplayHook, DisplayPublisher
from .signals import EngineExit


class EngineShell(ZMQInteractiveShell):
    """One engine's shell: ``get_ipython()`` in user code."""

    displayhook_class = Type(DisplayHook)
    display_pub_class = Type(DisplayPublisher)

    def set_parent(self, parent):
        """Streams and display take the parent from the running request: see ``parent``."""

    @property
    def parent_header(self):
        from . import parent as parents

        return {"header": parents.header_of(parents.current())}

    @parent_header.setter
    def parent_header(self, value):
        """ipykernel's constructor sets an empty one."""

    def get_parent(self):
        return self.parent_header

    def enable_gui(self, gui=None):
        """``%matplotlib inline`` and ``%matplotlib agg`` need no event loop; windows on an engine have no one to look at."""
        if gui not in (None, "inline", "agg"):
            raise UsageError(f"an engine has no event loop for {gui!r}; use %matplotlib inline")
        self.active_eventloop = gui

    def _showtraceback(self, etype, evalue, stb):
        if not issubclass(etype, EngineExit):
            super()._showtraceback(etype, evalue, stb)

    def ask_exit(self):
        """``exit`` in a cell: an engine ends by ``client.shutdown()`` only."""
        print("exit is ignored on an engine; use client.shutdown() to end it")


def make_shell(native, kernel, session, profile_dir, config):
    """Create the one shell of this process and join it to the engine's channels."""
    shell = EngineShell.instance(parent=None, config=config, profile_dir=profile_dir, kernel=kernel)
    topic = f"engine.{native.id}."
    shell.displayhook.session = session
    shell.displayhook.pub_socket = native
    shell.displayhook.topic = (topic + "execute_result").encode()
    shell.display_pub.session = session
    shell.display_pub.pub_socket = native
    shell.display_pub.topic = (topic + "displaypub").encode()
    return shell
