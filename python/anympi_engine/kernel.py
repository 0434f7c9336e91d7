"""Serves the requests of clients, one at a time, on the main thread.

The native side has already checked, queued and announced (``status: busy``) each request that arrives here; it makes the
metadata of the reply and announces ``idle`` after it. Here is what only Python can do: run code and describe objects.
"""

import builtins
import getpass
import json
import logging
import re
import sys
import traceback

import anympi_python as native_module
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import json_packer

from . import apply, comms, parent, queries
from .output import DataPublisher
from .session import EngineSession
from .shell import make_shell
from .signals import EngineExit


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _no_input(prompt="", *_, **__):
    raise StdinNotImplementedError("input() does not work on an engine: no one can answer it")


class NativeHandler(logging.Handler):
    """Sends Python's log records of the engine to its log."""

    def emit(self, record):
        native_module.log(record.levelname.lower(), self.format(record))


class Kernel:
    """What ``get_ipython().kernel`` is on an engine."""

    #: no event loop is integrated; ipykernel's shell looks at it
    eventloop = None

    def __init__(self, native, signals, profile_dir, config):
        self.native = native
        self.signals = signals
        self.engine_id = self.int_id = native.id
        self.ident = native.uuid
        #: anything that tells a Session it sends on iopub
        self.iopub_socket = native
        self.log = logging.getLogger("ipengine")
        self.log.addHandler(NativeHandler())
        self.log.setLevel(logging.DEBUG)
        self.log.propagate = False
        self.session = EngineSession(native, config=config)
        self.shell = make_shell(native, self, self.session, profile_dir, config)
        self.shell.data_pub = DataPublisher(self.session)
        self.comm_manager = comms.install(self.session)
        builtins.input = getpass.getpass = _no_input
        self._handlers = {
            "apply_request": self.apply_request,
            "execute_request": self.execute_request,
            "clear_request": self.clear_request,
            "comm_open": self.comm_message,
            "comm_msg": self.comm_message,
            "comm_close": self.comm_message,
            "comm_info_request": self.comm_info_request,
        }
        for name, answer in queries.ANSWERS.items():
            self._handlers[name] = self._query(answer)

    @property
    def user_ns(self):
        return self.shell.user_ns

    @property
    def execution_count(self):
        return self.shell.execution_count

    def get_parent(self, channel=None):
        """The message that is being served, as far as widgets and displays look at it: its header."""
        return {"header": parent.header_of(parent.current())}

    def engine_info(self, method):
        """Tells the client which engine an error comes from."""
        return {"engine_uuid": self.ident, "engine_id": self.engine_id, "method": method}

    # -- serving ---------------------------------------------------------------------------------------------------------

    def serve(self):
        """Serve until the engine is told to stop, in the loop of the plugin if its MPI must own that."""
        if not native_module.run_plugin_loop(self.serve_one):
            while self.serve_one(None):
                pass

    def serve_one(self, seconds):
        """Serve at most one request, waiting so many seconds or, with None, for ever. Whether to go on."""
        try:
            self.signals.watch()
            going_on, request = self.native.next_request(seconds)
            if request is not None:
                self.handle(request)
            return going_on
        except EngineExit:
            return False
        except KeyboardInterrupt:
            # The code had ended when the interrupt came.
            native_module.log("warning", "ignoring an interrupt that arrived between requests")
        except Exception:
            # Only a signal handler of the user's can raise between requests.
            native_module.log("error", f"a signal handler failed between requests\n{traceback.format_exc()}")
        return True

    def serve_control(self):
        """Serve what came on the control channel and needs Python; runs on a thread of its own, beside user code."""
        while (request := self.native.next_control()) is not None:
            self.handle(request)

    def handle(self, request):
        """Serve one request: whatever happens, it is answered once and announced as done."""
        if not request.control:
            parent.set_current(request)
        handler = self._handlers.get(request.msg_type)
        if handler is None:
            native_module.log("warning", f"no handler for a message of type {request.msg_type!r}")
            self.native.done(request)
            return
        try:
            handler(request)
        except EngineExit:
            # Not answered: the client learns that the engine has ended, and a scheduler may run the task elsewhere.
            raise
        except (Exception, KeyboardInterrupt):
            native_module.log("error", f"serving {request.msg_type} failed\n{traceback.format_exc()}")
            self._answer_failure(request)
        finally:
            self.native.done(request)

    def _answer_failure(self, request):
        if request.replied or not request.msg_type.endswith("_request"):
            return
        kind, value, _ = sys.exc_info()
        content = self._error(kind.__name__, _text_of(value), traceback.format_exc().splitlines(), request)
        self.native.reply(request, json_packer(content), "error", kind.__name__, None)

    def _error(self, name, value, lines, request):
        return {
            "status": "error",
            "ename": name,
            "evalue": value,
            "traceback": lines,
            "engine_info": self.engine_info(request.msg_type.removesuffix("_request")),
        }

    # -- running code ----------------------------------------------------------------------------------------------------

    def apply_request(self, request):
        """Call a function; the fast path of everything that a client does."""
        signals = self.signals
        try:
            signals.running = True
            try:
                buffers = apply.call(self.shell, request.take_buffers())
            finally:
                signals.running = False
        except EngineExit:
            raise
        except BaseException as error:
            self._apply_failed(request, error)
            return
        self.native.reply(request, None, "ok", None, buffers)

    def _apply_failed(self, request, error):
        shell = self.shell
        shell._last_traceback = None
        try:
            # Formats as IPython does and publishes the error; from the user's code on, without the engine's own frames.
            trace = error.__traceback__
            while trace.tb_next is not None and trace.tb_frame.f_code.co_filename.startswith("<anympi_engine>"):
                trace = trace.tb_next
            shell.showtraceback((type(error), error, trace), tb_offset=0)
        except Exception as failure:
            self.log.error("the traceback of %r could not be shown: %s", error, failure)
        lines = shell._last_traceback or traceback.format_exception(error)
        shell._last_traceback = None
        name = type(error).__name__
        self.log.info("exception in apply:\n%s", _plain(lines))
        content = self._error(name, _text_of(error), list(lines), request)
        self.native.reply(request, json_packer(content), "error", name, None)

    def execute_request(self, request):
        """Run a cell."""
        content = json.loads(request.content)
        code = content["code"]
        silent = bool(content.get("silent", False))
        store_history = content.get("store_history", not silent)
        shell = self.shell
        if not silent:
            publication = {"code": code, "execution_count": shell.execution_count}
            self.native.publish(
                "execute_input",
                json_packer(publication),
                request,
                f"engine.{self.engine_id}.execute_input".encode(),
                None,
                None,
            )
        self.signals.running = True
        try:
            result = shell.run_cell(code, store_history=store_history, silent=silent)
            if result.success:
                expressions = shell.user_expressions(content.get("user_expressions") or {})
        finally:
            self.signals.running = False
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, EngineExit):
            # IPython catches everything.
            raise error
        if result.success and not getattr(shell, "_last_traceback_during_displayhook", False):
            reply = {"status": "ok", "user_expressions": expressions}
            name = None
        else:
            name = type(error).__name__
            lines = list(getattr(shell, "_last_traceback", None) or [])
            self.log.info("exception in execute:\n%s", _plain(lines))
            reply = self._error(name, _text_of(error), lines, request)
            reply["user_expressions"] = {}
        # A silent cell does not count, so the number is the same before and after it.
        reply["execution_count"] = shell.execution_count - 1
        reply["payload"] = shell.payload_manager.read_payload()
        shell.payload_manager.clear_payload()
        self.native.reply(request, json_packer(reply), reply["status"], name, None)
        if name is not None and not silent and content.get("stop_on_error", True):
            self.native.abort_executes()

    # -- the rest --------------------------------------------------------------------------------------------------------

    def clear_request(self, request):
        """Empty the user's namespace."""
        self.shell.reset(False)
        self.native.reply(request, b'{"status": "ok"}', "ok", None, None)

    def comm_message(self, request):
        """A widget's message: opened, changed or closed by a client."""
        message = {
            "header": parent.header_of(request),
            "content": json.loads(request.content),
            "metadata": json.loads(request.metadata),
            "buffers": request.take_buffers(),
        }
        getattr(self.comm_manager, request.msg_type)(None, None, message)

    def comm_info_request(self, request):
        """Which comms are open."""
        wanted = json.loads(request.content).get("target_name")
        comms_open = {
            identity: {"target_name": one.target_name}
            for identity, one in self.comm_manager.comms.items()
            if wanted is None or one.target_name == wanted
        }
        content = {"status": "ok", "comms": comms_open}
        self.native.reply(request, json_packer(content), "ok", None, None)

    def _query(self, answer):
        def handler(request):
            content = answer(self.shell, json.loads(request.content))
            self.native.reply(request, json_packer(content), content.get("status", "ok"), None, None)

        return handler


def _plain(lines):
    """A traceback without colours, for the log."""
    return _COLOURS.sub("", "\n".join(lines))


def _text_of(error):
    """``str(error)``, for exceptions whose own ``__str__`` fails too."""
    try:
        return str(error)
    except Exception as failure:
        return f"the exception could not be turned into text: {failure}"
