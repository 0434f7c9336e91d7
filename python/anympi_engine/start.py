"""From a fresh interpreter to a serving engine, and out again.

The order matters: what is missing is found before MPI is touched; MPI is up before the first thread and the first line of
user code; the sockets connect while IPython is imported; MPI goes down after the interpreter, so that objects of user code
can still free what they hold (see the native ``start_mpi``).
"""

import sys
import threading
import traceback

import anympi_python as native

from . import requirements
from .signals import Signals


def main():
    """Run the engine. Returns the exit status."""
    sentence = requirements.sentence()
    if sentence is not None:
        return _refuse(sentence)
    settings = native.settings()
    try:
        world = native.start_mpi()
    except native.StartError as error:
        return _refuse(error)
    try:
        return _run(settings, world)
    except native.StartError as error:
        native.fail(str(error))
    except BaseException:
        # A fault of the engine itself: the other ranks must not wait for this one for ever.
        native.fail(f"the engine failed:\n{traceback.format_exc()}")


def _refuse(sentence):
    print(f"ipengine: {sentence}", file=sys.stderr)
    return 1


def _run(settings, world):
    if settings["import_mpi4py"] == "required":
        # Before clients can see an engine that would vanish again.
        _require_mpi4py()
    engine = native.connect()
    # Before anything that takes time: from now on a client may ask the engine to end.
    signals = Signals(engine)
    signals.install()
    # These imports take a quarter of a second, in which the controller answers.
    from .configuration import load, profile_dir, run_startup_code

    from . import output
    from .kernel import Kernel

    engine.wait_registered()
    directory = profile_dir(settings["profile_dir"])
    config = load(directory.location, settings["traits"])
    kernel = Kernel(engine, signals, directory, config)
    # As in the stock engine: modules in the working directory can be imported.
    if "" not in sys.path:
        sys.path.insert(0, "")
    _give_mpi(kernel, settings, world)
    run_startup_code(kernel, directory, config, settings)
    output.redirect(engine)
    control = threading.Thread(target=kernel.serve_control, name="ipengine-control", daemon=True)
    control.start()
    try:
        kernel.serve()
    finally:
        output.restore(engine)
        engine.stop("the engine ends")
        control.join(timeout=1)
        status = engine.close()
    return status


def _require_mpi4py():
    try:
        from mpi4py import MPI  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise native.StartError(
            f"--mpi=mpi4py: mpi4py cannot be imported by {sys.executable}: {error}; install it with: "
            f"{sys.executable} -m pip install mpi4py"
        ) from None


def _run_plugin_code(namespace):
    """Run what the plugin has for the user's namespace. Returns the names that are new there."""
    code = native.plugin_code()
    if code is None:
        return []
    before = set(namespace)
    try:
        exec(code, namespace)  # noqa: S102
    except Exception as error:
        raise native.StartError(str(error) or type(error).__name__) from None
    return [name for name in namespace if name not in before]


def _give_mpi(kernel, settings, world):
    """Put what ``--mpi`` promises into the user's namespace."""
    if world is None:
        return
    namespace = kernel.shell.user_ns
    namespace["mpi_rank"], namespace["mpi_size"] = world
    if settings["init_mpi"] is not None:
        kernel.shell.run_cell(settings["init_mpi"], store_history=False, silent=True)
    elif settings["import_mpi4py"] != "no":
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            native.log("info", f"mpi4py is not available to this engine: {error}")
        else:
            namespace["MPI"] = MPI
    names = [name for name in ("MPI", "mpi_rank", "mpi_size") if name in namespace]
    names += _run_plugin_code(namespace)
    # What the engine put there is not what the user defined.
    kernel.shell.user_ns_hidden.update({name: namespace[name] for name in names})
