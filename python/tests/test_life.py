"""Signals, and the ways in which an engine ends."""

import os
import signal
import time

import ipyparallel as ipp
import pytest
from conftest import PROGRAMS, Work
from processes import PATIENCE, until

# Functions are sent as if they had been typed at a prompt: their globals are the engine's namespace.
__name__ = "__main__"


def test_an_interrupt_stops_running_code_and_nothing_else(client, view, tmp_path):
    pid = view.apply(os.getpid)
    client.send_signal(signal.SIGINT, targets=view.targets, block=True)
    for then in (None, "pass"):
        work = Work(view, tmp_path, then)
        client.send_signal("SIGINT", targets=view.targets, block=True)
        with pytest.raises(ipp.RemoteError) as caught:
            work.result.get(PATIENCE)
        assert caught.value.ename == "KeyboardInterrupt"
    assert view.apply(os.getpid) == pid


def test_a_handler_of_the_user_runs_during_work_and_in_between(client, view, tmp_path):
    view.execute(
        "import signal\nclass Told(Exception): pass\ncount = 0\n"
        "def handler(number, frame):\n    global count\n    count += 1\n    raise Told\n"
        "signal.signal(signal.SIGUSR1, handler)"
    )
    work = Work(view, tmp_path)
    client.send_signal(signal.SIGUSR1, targets=view.targets, block=True)
    with pytest.raises(ipp.RemoteError) as caught:
        work.result.get(PATIENCE)
    assert caught.value.ename == "Told"
    os.kill(view.apply(os.getpid), signal.SIGUSR1)
    until(lambda: view["count"] == 2, "the second call of the handler")


def test_a_signal_that_does_not_exist_is_an_error(client, view):
    with pytest.raises(ipp.RemoteError):
        client.send_signal("SIGNOPE", targets=view.targets, block=True)


def test_sigterm_ends_an_engine_in_time_whatever_it_does(place):
    engines = [place.engine() for _ in range(3)]
    client = place.client(3)
    pids = dict(zip(client.ids, client[:].apply_sync(os.getpid), strict=True))
    idle, sleeping, hanging = client.ids
    Work(client[sleeping], place.directory)
    # Neither Python's signal handlers nor another thread of Python run in this sum.
    hung = Work(client[hanging], place.directory, then="sum(range(10**13))")
    hung.end()
    # From the end of the work to the beginning of the sum.
    time.sleep(0.5)
    for engine in engines:
        engine.send_signal(signal.SIGTERM)
    statuses = {engine.pid: engine.wait(PATIENCE) for engine in engines}
    assert statuses[pids[idle]] == 0 and statuses[pids[sleeping]] == 0 and statuses[pids[hanging]] == 143
    until(lambda: not client.ids, "the end of every engine")


@pytest.mark.parametrize("way", ["kill", "exit", "crash"])
def test_a_death_is_noticed(place, way):
    engine = place.engine()
    client = place.client(1)
    view = client[0]
    pid = view.apply_sync(os.getpid)
    assert pid == engine.pid, "exec has kept the process id"
    if way == "kill":
        result = Work(view, place.directory).result
        os.kill(pid, signal.SIGKILL)
    else:
        result = view.apply_async(*{"exit": (os._exit, 3), "crash": (os.abort,)}[way])
    with pytest.raises(ipp.RemoteError) as caught:
        result.get(PATIENCE)
    assert caught.value.ename == "EngineError"
    engine.wait(PATIENCE)


def test_shutdown_by_a_client(place):
    engine = place.engine()
    client = place.client(1)
    # While the engine still imports IPython, then while it works.
    client.shutdown(targets=[0], block=True)
    assert engine.wait(PATIENCE) == 0
    until(lambda: not client.ids, "the engine's unregistration")
    engine = place.engine()
    client = place.client(1)
    view = client[client.ids]
    view.apply_sync(os.getpid)
    Work(client[client.ids[0]], place.directory)
    client.shutdown(targets=client.ids, block=True)
    assert engine.wait(PATIENCE) == 0
    until(lambda: not client.ids, "the engine's unregistration")


def test_the_controllers_death_ends_the_engine(place):
    engine = place.engine("--max-heartbeat-misses=3")
    client = place.client(1)
    # An engine that still imports IPython is ended by force.
    client[0].apply_sync(os.getpid)
    client.close()
    # The pings come from a child of the stock controller: its whole process group must go.
    os.killpg(place.controller.pid, signal.SIGKILL)
    place.controller.wait()
    assert engine.wait(PATIENCE) == 1
    assert "is gone" in engine.log.read_text()


def test_start_up_code_and_configuration(place):
    startup = place.directory / "startup"
    startup.mkdir(exist_ok=True)
    (startup / "00-first.py").write_text("from_startup = 1\n")
    (place.directory / "ipengine_config.py").write_text("c.IPKernelApp.exec_lines = ['from_config = 2']\n")
    script = place.directory / "script.py"
    script.write_text("from_script = 4\n")
    place.engine("-c", "from_command = 3", "-s", str(script), "--HeartMonitor.period=5")
    view = place.client(1)[0]
    names = ("from_startup", "from_config", "from_command", "from_script")
    assert view.pull(names, block=True) == [1, 2, 3, 4]
    argv = view.apply_sync(lambda: __import__("sys").argv)
    assert argv[0] == str(PROGRAMS / "ipengine") and "from_command = 3" in argv
