"""How engines and clusters end: killed, shut down from the client, together with their MPI."""

import os
import signal

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from processes import PATIENCE, is_running, until

OURS_SOMEWHERE = [("ours", "ours"), ("stock", "ours"), ("ours", "stock")]


@pytest.fixture(params=OURS_SOMEWHERE, ids=lambda pair: f"{pair[0]}-controller-{pair[1]}-engines")
def cluster(request, home):
    """Two engines without MPI, of their own for each test."""
    cluster = Cluster(home, *request.param)
    cluster.start_local(2)
    cluster.connect(2)
    yield cluster
    cluster.close()


def ename(result):
    """The name of the error of a result that is there."""
    with pytest.raises(ipp.RemoteError) as info:
        result.get(PATIENCE)
    return info.value.ename


@interactive
def sleeps():
    import time

    time.sleep(600)


def test_a_killed_engine_is_noticed_and_its_work_fails(cluster):
    client = cluster.client
    pids = client[:].apply_async(os.getpid).get_dict(PATIENCE)
    result = client[1].apply_async(sleeps)
    until(lambda: client.queue_status()[1]["queue"] == 1, "the task is on its engine")
    os.kill(pids[1], signal.SIGKILL)
    until(lambda: client.ids == [0], lambda: f"engine 1 is gone; there are {client.ids}")
    result.wait(PATIENCE)
    assert ename(result) == "EngineError"
    assert client[0].apply_sync(interactive(lambda: "alive")) == "alive"
    # The next engine gets an id that was never used.
    cluster.engines = [engine for engine in cluster.engines if engine.status is None]
    cluster.start_local(1)
    until(lambda: client.ids == [0, 2], lambda: f"engine 2 is there; there are {client.ids}; {cluster.logs()}")
    assert client[:].apply_sync(interactive(lambda: 1)) == [1, 1]


def test_an_engine_is_shut_down_by_the_client(cluster):
    client = cluster.client
    client.shutdown(targets=[0], block=True)
    until(lambda: client.ids == [1], lambda: f"engine 0 is gone; there are {client.ids}")
    until(lambda: [engine.status for engine in cluster.engines].count(None) == 1, "one process has ended")
    assert client[1].apply_sync(interactive(lambda: "alive")) == "alive"


def test_everything_is_shut_down_by_the_client(cluster, home):
    cluster.client.shutdown(hub=True, block=True)
    for process in [*cluster.engines, cluster.controller]:
        process.wait()
    home.assert_empty()
    assert not home.client_file.exists() and not home.engine_file.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_our_controller_ends_on_a_signal(home, number):
    cluster = Cluster(home)
    assert home.client_file.exists()
    cluster.controller.signal(number)
    cluster.controller.wait()
    home.assert_empty()
    assert not home.client_file.exists() and not home.engine_file.exists()


def test_our_engine_ends_on_sigterm(home):
    cluster = Cluster(home)
    (engine,) = cluster.start_local(1)
    client = cluster.connect(1)
    engine.signal(signal.SIGTERM)
    engine.wait()
    until(lambda: not client.ids, "the controller forgets the engine")
    cluster.close()


def test_a_dead_rank_takes_the_world_down(home, mpi):
    """MPI has no world with a hole: the launcher ends all, with a failure, and the controller sees all go."""
    cluster = Cluster(home)
    launcher = cluster.start_world(mpi, 4)
    client = cluster.connect(4)
    pids = client[:].apply_sync(os.getpid)
    os.kill(pids[2], signal.SIGKILL)
    assert launcher.wait() != 0
    until(lambda: not client.ids, lambda: f"all engines gone; there are {client.ids}")
    cluster.engines.clear()
    until(lambda: not any(map(is_running, pids)), "every engine's process has ended")
    cluster.close()


def test_an_engine_that_exits_in_user_code_is_noticed(cluster):
    client = cluster.client
    result = client[0].apply_async(interactive(lambda: __import__("os")._exit(7)))
    until(lambda: client.ids == [1], lambda: f"engine 0 is gone; there are {client.ids}")
    result.wait(PATIENCE)
    assert ename(result) == "EngineError"


def test_our_engines_survive_a_busy_launcher_environment(home):
    """--mpi=none takes no notice of a launcher's variables: no MPI, an id from the controller's counter."""
    cluster = Cluster(home)
    mpich = installed.BY_NAME["mpich5"]
    ipengine = installed.program("ours", "ipengine")
    launcher = home.start(*mpich.launch(2, ipengine, "--mpi=none"), name="engines")
    cluster.engines.append(launcher)
    client = cluster.connect(2)
    libraries = client[:].apply_sync(interactive(lambda: "/libmpi" in open("/proc/self/maps").read()))
    assert libraries == [False, False]
    cluster.close()
