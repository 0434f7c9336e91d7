"""Plugins in the engine's main loop: one that owns it, one that makes progress while the engine is idle."""

import signal
import time

import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from main_job import are_one_world, do_the_main_job
from plugins import compiled
from processes import until
from test_control import LONG, alive, ename, sleeps

ENGINES = 2
MPICH = installed.BY_NAME["mpich5"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The plugins, from one source."""
    directory, source = tmp_path_factory.mktemp("loops"), installed.REPOSITORY / "tests/c/parts.c"
    return {
        "own_loop": compiled(source, directory / "libown_loop.so", "-DOWN_LOOP"),
        "progress": compiled(source, directory / "libprogress.so"),
        "ends_early": compiled(source, directory / "libends_early.so", "-DOWN_LOOP", "-DENDS_AFTER=3"),
    }


@interactive
def seen(plugin):
    """How often the plugin's part was called, and how often on another thread than the main one."""
    import ctypes

    library = ctypes.CDLL(plugin)
    return [ctypes.c_ulong.in_dll(library, name).value for name in ("calls", "strays")]


@interactive
def raises():
    1 / 0


def test_an_engine_in_the_loop_of_a_plugin(start, built, tmp_path):
    """All that a client does works while the plugin owns the main loop, on the main thread, until the engine shall end."""
    world = start(MPICH, ENGINES, selection=built["own_loop"])
    client, plugin = world.client, str(built["own_loop"])
    are_one_world(client, MPICH, ENGINES)
    do_the_main_job(client, ENGINES)
    view = client[:]
    before = view.apply_sync(seen, plugin)
    assert all(calls > 0 for calls, _ in before), before
    # Steps with nothing to serve return too.
    time.sleep(0.5)
    after = view.apply_sync(seen, plugin)
    assert all(calls > earlier + 2 for (calls, _), (earlier, _) in zip(after, before)), (before, after)
    assert [strays for _, strays in after] == [0] * ENGINES

    # Code that fails and code that is interrupted end no loop; nor does an interrupt when there is nothing to serve.
    assert ename(client[0].apply_async(raises)) == "ZeroDivisionError"
    begun = tmp_path / "begun"
    sleeping = client[1].apply_async(sleeps, str(begun), LONG)
    until(begun.exists, lambda: f"the code begins; {world.cluster.logs()}")
    client.send_signal(signal.SIGINT, targets=[1], block=True)
    assert ename(sleeping) == "KeyboardInterrupt"
    client.send_signal(signal.SIGINT, targets=[0, 1], block=True)
    time.sleep(0.2)
    assert alive(client[0]) and alive(client[1])
    view.execute("two = 1 + 1", block=True)
    assert view["two"] == [2] * ENGINES

    assert world.end().count("own_loop: the loop has ended") == ENGINES


def test_progress_while_an_engine_is_idle(start, built):
    """The plugin's function is called while the engine waits, on the main thread, and the engine serves on."""
    world = start(MPICH, ENGINES, selection=built["progress"])
    client, plugin = world.client, str(built["progress"])
    are_one_world(client, MPICH, ENGINES)
    do_the_main_job(client, ENGINES)
    view = client[:]
    start_of_idling = time.monotonic()
    before = view.apply_sync(seen, plugin)
    time.sleep(1)
    after = view.apply_sync(seen, plugin)
    milliseconds = 1000 * (time.monotonic() - start_of_idling)
    # Every millisecond and after each request is what it asked for; a busy machine gives less.
    polls = [calls - earlier for (calls, _), (earlier, _) in zip(after, before)]
    assert all(50 < number < milliseconds + 10 for number in polls), (polls, milliseconds)
    assert [strays for _, strays in after] == [0] * ENGINES

    # Not while code runs: that has the main thread.
    @interactive
    def busy(plugin):
        import ctypes
        import time

        calls = ctypes.c_ulong.in_dll(ctypes.CDLL(plugin), "calls")
        earlier = calls.value
        time.sleep(0.2)
        return calls.value - earlier

    assert view.apply_sync(busy, plugin) == [0] * ENGINES


def test_a_loop_that_ends_by_itself_ends_the_engines_with_a_sentence(home, built):
    cluster = Cluster(home)
    launcher = cluster.start_world(MPICH, ENGINES, selection=built["ends_early"])
    assert launcher.wait() != 0
    assert "libends_early.so failed in run: it returned although step had not told it to" in launcher.text, launcher.text
    assert "Traceback" not in launcher.text, launcher.text
    cluster.close()
