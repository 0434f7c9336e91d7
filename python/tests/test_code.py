"""Running code: results, errors, output, and what happens around them."""

import os
import sys
import time

import ipyparallel as ipp
import numpy as np
import pytest
from conftest import Work
from processes import PATIENCE, until

# Functions are sent as if they had been typed at a prompt: their globals are the engine's namespace.
__name__ = "__main__"


def remote_error(result):
    """The error of a result."""
    with pytest.raises(ipp.RemoteError) as caught:
        result.get(PATIENCE)
    return caught.value


def arrived(client, view, count):
    """Wait until an engine has so many tasks, the one that runs included."""
    until(lambda: client.queue_status()[view.targets]["queue"] == count, f"{count} tasks on engine {view.targets}")
    # On the way there, rather: the controller tells what it has sent, and no engine what it has received.
    time.sleep(0.5)


def test_a_function_sees_the_users_namespace(view):
    view["a"] = 5
    view.execute("b = a + 1")
    assert view.apply(eval, "a * b") == 30
    assert view.apply(lambda: a + b) == 11  # noqa: F821
    leftovers = [name for name in view.apply(dir) if name.startswith("_anympi")]
    assert set(leftovers) <= {"_anympi_function", "_anympi_arguments", "_anympi_keywords"}
    assert not view.execute("[n for n in dir() if n.startswith('_anympi')]", silent=False).execute_result["data"][
        "text/plain"
    ].strip("[]")


def test_sixty_four_megabytes_there_and_back(view):
    array = np.random.default_rng(1).random(8 * 1024 * 1024)
    view.push({"array": array})
    assert view.apply(eval, "array.flags.writeable, array.shape") == (True, array.shape)
    assert (view.pull("array") == array).all()
    view.push({"text": b"x" * 1_000_000})
    assert view.apply(lambda: (type(text).__name__, len(text))) == ("bytes", 1_000_000)  # noqa: F821
    assert (view.apply(eval, "array[::2]") == array[::2]).all()


def test_sent_buffers_are_given_back_while_the_engine_is_idle(view):
    view.execute("import numpy, weakref")

    def make():
        global watched
        big = numpy.ones(1_000_000)  # noqa: F821
        watched = weakref.ref(big)  # noqa: F821
        return big

    assert view.apply(make).sum() == 1_000_000
    until(lambda: view.apply(lambda: watched() is None), "the end of the array after its sending")  # noqa: F821


def test_an_exception_comes_with_the_users_frames(view):
    error = remote_error(view.apply_async(lambda: 1 / 0))
    assert error.ename == "ZeroDivisionError" and error.engine_info["method"] == "apply"
    assert error.engine_info["engine_id"] == view.targets
    # Put together here, because the traceback shows this very line.
    assert "Kernel" + ".apply_request" not in error.traceback
    error = remote_error(view.execute("x = 1\n1/0", silent=False, block=False))
    assert error.ename == "ZeroDivisionError" and "1/0" in error.traceback and "\x1b" not in error.traceback
    assert error.engine_info["method"] == "execute"


def test_an_exception_that_has_no_text(view):
    def fail():
        class Mute(Exception):
            def __str__(self):
                raise ValueError("no text")

        raise Mute

    assert remote_error(view.apply_async(fail)).ename == "Mute"


def test_exit_ends_a_cell_and_not_the_engine(view):
    pid = view.apply(os.getpid)
    assert remote_error(view.apply_async(sys.exit, 3)).ename == "SystemExit"
    assert remote_error(view.execute("raise SystemExit", block=False)).ename == "SystemExit"
    view.execute("exit")
    assert view.apply(os.getpid) == pid


def test_counting_and_results(view):
    first = view.execute("21 * 2", silent=False)
    second = view.execute("_ + 1", silent=False)
    assert second.execute_result["data"]["text/plain"] == "43"
    assert second.execute_result["execution_count"] == first.execute_result["execution_count"] + 1
    silent = view.execute("44", silent=True)
    assert silent.execute_result is None


def test_output_is_complete_and_in_order(view):
    code = """
import sys, threading
print('one'); print('two', file=sys.stderr); print('three')
thread = threading.Thread(target=lambda: print('from a thread')); thread.start(); thread.join()
print('\\ud800 kept')
"""
    result = view.execute(code, silent=False)
    assert result.stdout == "one\nthree\nfrom a thread\n? kept\n"
    assert result.stderr == "two\n"


def test_a_forked_child_can_print(view):
    code = """
import multiprocessing
def work(number):
    print('child', number)
    return number
with multiprocessing.get_context('fork').Pool(2) as pool:
    answer = pool.map(work, [1, 2])
"""
    result = view.execute(code, silent=False)
    assert view["answer"] == [1, 2]
    # Nobody waits for what a child prints.
    until(lambda: all(f"child {number}" in result.stdout for number in (1, 2)), lambda: f"both outputs; there is {result.stdout}")


def test_child_processes_and_c_code_print_to_the_client(view):
    """In the order of the writing, characters whole, and complete before the result is."""
    result = view.execute(
        """
import ctypes, os, subprocess, sys
print('first')
subprocess.run(['echo', 'a child: \u20ac'])
print('between')
os.system('echo a shell')
subprocess.run(['echo', 'handed over'], stdout=sys.stdout)
os.write(1, b'x' * 300_000 + b'\\n')
os.write(1, '\u20ac'.encode()[:1])
os.write(1, '\u20ac'.encode()[1:] + b'\\n')
print('last of Python')
ctypes.CDLL(None).puts(b'from C')
""",
        block=False,
    )
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    lines = ["first", "a child: \u20ac", "between", "a shell", "handed over", "x" * 300_000, "\u20ac", "last of Python", "from C", ""]
    assert result.stdout.split("\n") == lines
    # A function's output, too, and nothing is left for the next request.
    result = view.apply_async(lambda: os.system("echo from a function"))  # noqa: F821
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    assert result.stdout == "from a function\n"


def test_a_signal_to_a_forked_child_does_not_reach_the_engine(view):
    code = """
import os, signal, time
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, b"x")
    while True:
        time.sleep(1)
os.read(reading, 1)
os.kill(child, signal.SIGTERM)
status = os.waitpid(child, 0)[1]
"""
    view.execute(code)
    assert view["status"] == 15
    # Time in which it could arrive.
    time.sleep(0.3)
    assert view.apply(lambda: 1) == 1


def test_display(view):
    code = "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))\nprint('between')\ndisplay({'a': 1})\n7"
    result = view.execute(code, silent=False)
    assert [sorted(output["data"]) for output in result.outputs] == [["text/html", "text/plain"], ["text/plain"]]
    assert result.execute_result["data"]["text/plain"] == "7"


def test_ipython_syntax(view):
    view.execute("import asyncio\nawait asyncio.sleep(0.01)\nz = 3")
    assert view["z"] == 3
    assert "from the shell" in view.execute("!echo from the shell", silent=False).stdout
    assert "Wall time" in view.execute("%time 1", silent=False).stdout
    view.execute("%%capture captured\nprint('quiet')")
    assert view.apply(lambda: captured.stdout) == "quiet\n"  # noqa: F821


def test_input_says_that_nobody_answers(view):
    assert remote_error(view.execute("input('?')", block=False)).ename == "StdinNotImplementedError"


def test_published_data(view):
    def publish():
        import numpy
        from ipyparallel.datapub import publish_data

        publish_data({"number": 1, "array": numpy.arange(10_000)})
        publish_data({"number": 2})

    result = view.apply_async(publish)
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    assert result.data["number"] == 2 and result.data["array"][-1] == 9_999


def test_a_failed_cell_aborts_the_cells_behind_it(client, view, tmp_path):
    failing = Work(view, tmp_path, then="1/0")
    behind = view.execute("never = 1", silent=False, block=False)
    called = view.apply_async(lambda: 9)
    arrived(client, view, 3)
    failing.end()
    assert remote_error(failing.result).ename == "ZeroDivisionError"
    with pytest.raises(ipp.TaskAborted):
        behind.get(PATIENCE)
    assert called.get(PATIENCE) == 9


def test_an_abort_is_answered_while_the_engine_works(client, view, tmp_path):
    working = Work(view, tmp_path)
    waiting = view.apply_async(lambda: 2)
    behind = view.apply_async(lambda: 3)
    arrived(client, view, 3)
    client.abort(waiting, block=True)
    with pytest.raises(ipp.TaskAborted):
        waiting.get(PATIENCE)
    assert not working.result.ready()
    working.end()
    assert behind.get(PATIENCE) == 3 and working.result.get(PATIENCE) is None


def test_clear_beside_running_code(client, view, tmp_path):
    view["a"] = 1
    working = Work(view, tmp_path)
    client.clear(targets=view.targets, block=True)
    assert not working.result.ready()
    working.end()
    working.result.get(PATIENCE)
    assert remote_error(view.pull("a", block=False)).ename == "NameError"


def test_every_way_of_sharing_work(client):
    numbers = list(range(50))
    both = client[:]
    assert both.map_sync(lambda x: x + 1, numbers) == [x + 1 for x in numbers]
    assert client.load_balanced_view().map_sync(lambda x: x * x, numbers) == [x * x for x in numbers]
    both.scatter("piece", np.arange(16.0), block=True)
    assert (both.gather("piece", block=True) == np.arange(16.0)).all()
    broadcast = client.broadcast_view()
    assert broadcast.apply_sync(lambda: 4) == [4, 4]
    broadcast.is_coalescing = True
    assert broadcast.apply_sync(lambda: 5) == [5, 5]


def test_a_reference_is_resolved_on_the_engine(view):
    view["x"] = 41
    assert view.apply(lambda y: y + 1, ipp.Reference("x")) == 42


def test_the_kernel_that_libraries_look_for(view):
    def look():
        import comm
        from ipykernel.zmqshell import ZMQInteractiveShell
        from IPython import get_ipython

        shell = get_ipython()
        one = comm.create_comm(target_name="test")
        one.send({"a": 1})
        kernel = shell.kernel
        return (
            shell is ZMQInteractiveShell.instance(),
            kernel.shell is shell,
            kernel.get_parent()["header"]["msg_type"],
            list(kernel.comm_manager.comms) == [one.comm_id],
            kernel.session.key,
        )

    assert view.apply(look) == (True, True, "apply_request", True, b"")
